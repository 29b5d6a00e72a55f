//! What the two readers of foreign bytes owe, whatever there is to read: the decoder of answers and
//! the reader of snapshots and tokens. It is compiled into `tests/fuzz` as well, so it must depend on
//! nothing but the core and `serde_json`.

use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::error::{DETAIL_LIMIT, ErrorCode, Failure};
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Command, Event, Machine};
use iacrea_video::core::messages::Reason;
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::status::{GeneratedContent, Status, VideoStatus};
use serde_json::{Value, json};

const ID: &str = "asked";
/// A date in 2027.
const START: u64 = 1_800_000_000_000;

/// An answer as the corpus writes it: the HTTP status, `Retry-After` and the body, a line each.
pub(crate) fn read_answer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (http_status, rest) = text.split_once('\n').unwrap_or(("200", &text));
    let (retry_after, body) = rest.split_once('\n').unwrap_or(("", rest));
    let http_status = http_status.parse().unwrap_or(200);
    let response = Response {
        http_status,
        retry_after: Some(retry_after),
        body,
        ..Response::default()
    };
    let answer = Answer::read::<Native>(response, ID);
    if (200..=299).contains(&http_status) && !answer.is_bare_accept {
        audit_json(body, &answer);
    }
    assert!(!answer.is_bare_accept || http_status == 202 && answer.outcome.is_ok());
    match &answer.outcome {
        Ok(video) => {
            assert!((200..=299).contains(&http_status));
            audit_video(video);
            let again = decode(&encode(video));
            assert_eq!(again.as_ref(), Ok(video), "{}", encode(video));
        }
        Err(failure) => audit_failure(failure, http_status),
    }
    audit_poll(answer);
}

/// What another reader takes for JSON is JSON; and the other way about, but for what it cannot hold: half a surrogate
/// pair, numbers beyond a double, and the last level of depth.
fn audit_json(body: &str, answer: &Answer) {
    let is_refused = matches!(
        &answer.outcome,
        Err(Failure {
            reason: Reason::NotJson | Reason::NotANumber | Reason::WebPage,
            ..
        })
    );
    match serde_json::from_str::<Value>(body) {
        Ok(_) => assert!(!is_refused, "{body}"),
        Err(error) => {
            let said = error.to_string();
            let cannot_hold = ["surrogate", "hex escape", "out of range", "recursion"];
            assert!(
                is_refused || cannot_hold.iter().any(|why| said.contains(why)),
                "{said}: {body}"
            );
        }
    }
}

fn decode(body: &Value) -> Result<VideoStatus, Failure> {
    answer(body).outcome
}

fn answer(body: &Value) -> Answer {
    let text = body.to_string();
    let response = Response {
        http_status: 200,
        body: &text,
        ..Response::default()
    };
    Answer::read::<Native>(response, "another")
}

fn audit_video(video: &VideoStatus) {
    let says = |text: &str| !text.trim().is_empty();
    for amount in [video.credits_total, video.credits_used]
        .into_iter()
        .flatten()
    {
        assert!(amount.is_finite() && amount >= 0.0, "{amount}");
    }
    match &video.status {
        Status::StartRenderingVideo { progress, .. } | Status::RenderingVideo { progress, .. } => {
            assert!(progress.is_finite() && *progress >= 0.0, "{progress}");
        }
        Status::Done {
            url,
            id,
            raw_status,
            ..
        } => {
            let scheme = url.to_ascii_lowercase();
            assert!(
                scheme.starts_with("http://") || scheme.starts_with("https://"),
                "{url}"
            );
            assert!(url.trim() == url && says(id));
            assert!(!url.contains([' ', '\t', '\n', '\r']), "{url:?}");
            assert!(raw_status.as_deref().is_none_or(says));
        }
        Status::Pending { message, .. } | Status::Error { message, .. } => {
            assert!(message.as_deref().is_none_or(says));
        }
        Status::Unrecognized { raw_status, .. } => {
            assert!(says(raw_status));
            let known = Status::NAMES[..6]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(raw_status));
            assert!(!known, "{raw_status}");
        }
        Status::GeneratingVideo => {}
        other => panic!("nothing is said here of {other:?}"),
    }
    for clip in video.generated_content.iter().flatten() {
        for (_, text) in fields(clip) {
            assert!(text.is_none_or(|text| says(text)));
        }
    }
}

fn audit_failure(failure: &Failure, http_status: u16) {
    let expected = match http_status {
        200..=299 => ErrorCode::BadResponse,
        0 => ErrorCode::Redirected,
        300..=399 if http_status != 304 && http_status <= 308 => ErrorCode::Redirected,
        401 | 403 => ErrorCode::Unauthorized,
        404 => ErrorCode::NotFound,
        429 => ErrorCode::RateLimited,
        400..=599 => ErrorCode::Http,
        _ => ErrorCode::BadResponse,
    };
    assert_eq!(failure.code, expected);
    assert_eq!(
        failure.http_status,
        (http_status != 0).then_some(http_status)
    );
    let units = failure
        .detail
        .as_deref()
        .map_or(0, |detail| detail.encode_utf16().count());
    assert!(units <= DETAIL_LIMIT, "{units}");
}

/// A poll that hears this answer twice, and all that can be written down of it.
fn audit_poll(answer: Answer) {
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    for round in 1..=2 {
        let step = machine.step(Event::Answer(answer.clone()), START + round * 5_000);
        if let Some(update) = &step.update {
            assert!((0.0..=1.0).contains(&update.overall));
            assert_eq!(update.overall == 1.0, step.command == Command::Done);
            if let Status::StartRenderingVideo { progress, .. }
            | Status::RenderingVideo { progress, .. } = update.video.status
            {
                assert!((0.0..=1.0).contains(&progress), "{progress}");
            }
        }
        assert_eq!(Machine::restore(&machine.snapshot()).as_ref(), Ok(&machine));
        let token = machine.resume_token(0);
        audit(&token);
        let resumed = Machine::resume(&token, ID, RawOptions::default(), START + 60_000);
        assert!(resumed.is_ok(), "{token}");
        machine.step(Event::Wake, START + round * 5_000 + 1);
    }
}

fn fields(clip: &GeneratedContent) -> [(&'static str, Option<&String>); 6] {
    [
        ("id", clip.id.as_ref()),
        ("url", clip.url.as_ref()),
        ("effect", clip.effect.as_ref()),
        ("format", clip.format.as_ref()),
        ("category", clip.category.as_ref()),
        ("text", clip.text.as_ref()),
    ]
}

/// The body that a server which says this would send.
fn encode(video: &VideoStatus) -> Value {
    // As texts, which are read exactly.
    let amount = |number: f64| Value::from(number.to_string());
    let mut body = json!({ "status": video.status.name() });
    match &video.status {
        Status::StartRenderingVideo { progress, .. } | Status::RenderingVideo { progress, .. } => {
            let sign = if video.is_percent { "%" } else { "" };
            body["progress"] = Value::from(format!("{progress}{sign}"));
        }
        Status::Done {
            url,
            id,
            raw_status,
            ..
        } => {
            body["url"] = json!(url);
            body["id"] = json!(id);
            if let Some(raw_status) = raw_status {
                body["status"] = json!(raw_status);
            }
        }
        Status::Pending { message, .. } | Status::Error { message, .. } => {
            body["message"] = json!(message)
        }
        Status::Unrecognized { raw_status, .. } => body["status"] = json!(raw_status),
        Status::GeneratingVideo => {}
        other => panic!("nothing is said here of {other:?}"),
    }
    if let Some(total) = video.credits_total {
        body["creditsTotal"] = amount(total);
    }
    if let Some(used) = video.credits_used {
        body["creditsUsed"] = amount(used);
    }
    if let Some(clips) = &video.generated_content {
        let clips = clips.iter().map(|clip| {
            let mut item = json!({ "status": clip.status.as_str() });
            for (name, text) in fields(clip) {
                item[name] = json!(text);
            }
            item
        });
        body["generatedContent"] = clips.collect();
    }
    body
}

/// A snapshot or token, as it is and with the checksum that belongs to it.
pub(crate) fn read_snapshot(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for text in [text.to_string(), sealed(&text)] {
        audit(&text);
        for id in IDS {
            let Ok((mut machine, _)) = Machine::resume(&text, id, RawOptions::default(), START)
            else {
                continue;
            };
            let rendering = json!({ "status": "RENDERING_VIDEO", "progress": 50 });
            let events = [
                Event::Answer(answer(&rendering)),
                Event::Nudge,
                Event::Wake,
                Event::NetworkError,
                Event::Offline,
            ];
            for (event, at) in events.into_iter().zip([0, 1, 6_000, 6_001, u64::MAX]) {
                let step = machine.step(event, START.saturating_add(at));
                assert_ne!(step.command, Command::Done, "nobody said so");
                if let Some(update) = step.update {
                    assert_eq!(update.video_id, id);
                    assert!((0.0..1.0).contains(&update.overall));
                }
                audit(&machine.snapshot());
                audit(&machine.resume_token(0));
            }
        }
    }
}

/// Closes a text as the core does: with its FNV-1a.
pub(crate) fn sealed(text: &str) -> String {
    let checksum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{text},{checksum}")
}

/// Of the videos that texts are about in these tests.
const IDS: [&str; 4] = ["v", "a/b, é", "v,é", ID];

/// A text is read back as what it says, or it is refused.
pub(crate) fn audit(text: &str) {
    for id in IDS {
        if let Ok((machine, _)) = Machine::resume(text, id, RawOptions::default(), START) {
            assert!(
                Machine::restore(text).is_err(),
                "both, token and snapshot: {text}"
            );
            audit_resumed(&machine, text);
        }
    }
    let Ok(machine) = Machine::restore(text) else {
        return;
    };
    if let Some(update) = machine.current(START) {
        let video = &update.video;
        for amount in [video.credits_total, video.credits_used]
            .into_iter()
            .flatten()
        {
            assert!(amount.is_finite() && amount >= 0.0, "{amount} in {text}");
        }
        if let Status::StartRenderingVideo { progress, .. }
        | Status::RenderingVideo { progress, .. } = video.status
        {
            assert!((0.0..=1.0).contains(&progress), "{progress} in {text}");
        }
        let is_done = matches!(video.status, Status::Done { .. });
        assert_eq!(update.overall == 1.0, is_done, "{text}");
    }
    assert_eq!(machine.snapshot(), text);
    assert_eq!(Machine::restore(text).as_ref(), Ok(&machine));
}

/// What goes on from a token says nothing in words and is no finished video.
fn audit_resumed(machine: &Machine, text: &str) {
    if let Some(update) = machine.current(START) {
        let video = &*update.video;
        match &video.status {
            Status::Done { .. } | Status::Error { .. } => panic!("a token of an end: {text}"),
            Status::Pending { message, .. } => assert_eq!(*message, None, "{text}"),
            Status::Unrecognized { raw_status, .. } => assert_eq!(raw_status, "", "{text}"),
            _ => {}
        }
        assert_eq!((video.credits_total, video.credits_used), (None, None));
        for clip in video.generated_content.iter().flatten() {
            assert_eq!(*clip, GeneratedContent::bare(clip.status), "{text}");
        }
        assert!(update.overall < 1.0, "{text}");
    }
    assert_eq!(
        Machine::restore(&machine.snapshot()).unwrap().snapshot(),
        machine.snapshot()
    );
}
