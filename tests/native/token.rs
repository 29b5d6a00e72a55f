//! Tokens and snapshots: small, whole or refused, and enough to go on from.

use super::forged::{Forged, Last, Phase};
use super::oracle::sealed;
use super::world::{START, answer, sleeps_until};
use iacrea_video::core::durations::Durations;
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::machine::{Command, Event, Machine, Step, Update, check_id};
use iacrea_video::core::options::{Options, RawOptions};
use iacrea_video::core::status::Status;

const ID: &str = "6e789e6a-a1b9-45f4-86c4-5d188009454f";

fn raw() -> RawOptions {
    RawOptions::default()
}

/// What is expected after earlier videos.
fn durations(scale: u32, render: u32) -> Durations {
    let mut durations = Durations::default();
    (durations.scale, durations.seen, durations.render) = (scale, scale, render);
    durations
}

/// A poll in the middle of its life, with `clips` clips that have all their fields.
fn in_life(id: &str, clips: usize) -> Machine {
    let clip = |n: usize| {
        format!(
            r#"{{"id":"{ID}","url":"https://cdn.test/{n}/{ID}.mp4","effect":"CAMERA_MOVE_RIGHT","format":"landscape","status":"{}"}}"#,
            ["success", "error", "pending", "new"][n % 4]
        )
    };
    let list: Vec<_> = (0..clips).map(clip).collect();
    let body = format!(
        r#"{{"status":"PENDING","message":"Re-generating, été 🎬","creditsTotal":12.34,"generatedContent":[{}]}}"#,
        list.join(",")
    );
    let (mut machine, _) = Machine::start(id, Options::default(), START);
    machine.step(
        answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":42}"#),
        START + 50,
    );
    machine.step(Event::Wake, START + 3_000);
    machine.step(answer(200, None, &body), START + 3_100);
    machine.step(Event::Wake, START + 6_000);
    machine.step(answer(429, Some("1"), "slow down"), START + 6_100);
    machine
}

#[test]
fn a_token_for_fifty_clips_fits_into_two_kilobytes() {
    let token = in_life(ID, 50).resume_token(0);
    assert!(token.len() <= 2_048, "{}", token.len());
    assert!(
        token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.,%".contains(&b)),
        "{token}"
    );
}

#[test]
fn a_token_has_no_word_of_the_server_and_a_snapshot_has_all() {
    for body in [
        r#"{"status":"PENDING","message":"WORDS"}"#,
        r#"{"status":"WORDS"}"#,
        r#"{"status":"PENDING","generatedContent":[{"id":"WORDS","url":"WORDS","effect":"WORDS","format":"WORDS","category":"WORDS","text":"WORDS","status":"success"}]}"#,
        r#"{"status":"ERROR","error":"WORDS"}"#,
        r#"{"status":"DONE","url":"https://c.test/WORDS"}"#,
    ] {
        let (mut machine, _) = Machine::start(ID, Options::default(), START);
        machine.step(answer(200, None, body), START);
        assert!(machine.snapshot().contains("WORDS"), "{body}");
        assert!(!machine.resume_token(0).contains("WORDS"), "{body}");
    }
    let refused = answer(402, None, "WORDS");
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    machine.step(refused, START);
    assert!(machine.snapshot().contains("WORDS") && !machine.resume_token(0).contains("WORDS"));
}

#[test]
fn a_token_holds_numbers_and_of_each_clip_a_letter() {
    let body = r#"{"status":"QUEUED","creditsTotal":12.34,"creditsUsed":7,"generatedContent":[{"status":"success","url":"https://c.test/1"},{"status":"error"},{"status":"pending"},{"status":"new"}]}"#;
    let (mut machine, _) = Machine::start("v", Options::default(), START);
    machine.step(answer(200, None, body), START);
    let token = machine.resume_token(0);
    let fields: Vec<&str> = token.split(',').collect();
    assert_eq!((fields[0], fields[1]), ("it1", "v"));
    let words: Vec<_> = fields[2..]
        .iter()
        .filter(|field| !field.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    assert_eq!(words, [&"sepu"], "{token}");
    for credits in [12.34_f64, 7.0] {
        assert!(!token.contains(&credits.to_bits().to_string()), "{token}");
    }
    let (resumed, _) = Machine::resume(&token, "v", raw(), START + 9).unwrap();
    let update = resumed.current(START + 9).unwrap();
    assert!(
        matches!(&update.video.status, Status::Unrecognized { raw_status, .. } if raw_status.is_empty())
    );
}

#[test]
fn what_other_videos_took_is_in_no_token() {
    let (mut machine, _) = Machine::start("v", Options::default(), START);
    machine.expect(durations(1_111, 555));
    let clips = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"pending"}]}"#;
    machine.step(answer(200, None, clips), START);
    assert!(machine.snapshot().contains(",1111,1111,555,"));
    let token = machine.resume_token(0);
    for number in [",1111,", ",555,"] {
        assert!(!token.contains(number), "{token}");
    }
    let (mut resumed, _) = Machine::resume(&token, "v", raw(), START + 5_000).unwrap();
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    resumed.step(done, START + 9_000);
    assert_eq!(resumed.observed(), None);
}

#[test]
fn a_list_of_clips_that_is_too_long_for_a_token_is_left_out() {
    for (count, is_there) in [(1_000, true), (1_001, false)] {
        let machine = in_life(ID, count);
        let token = machine.resume_token(0);
        assert!(token.len() < 16_384);
        let (resumed, _) = Machine::resume(&token, ID, raw(), START + 9_000).unwrap();
        let video = resumed.current(START + 9_000).unwrap().video;
        assert_eq!(video.generated_content.is_some(), is_there);
        assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
    }
    let long = Forged {
        last: Some(Last::Pending(Some("s".repeat(1_001)))),
        ..Forged::default()
    };
    assert!(Machine::resume(&long.token(ID), ID, raw(), START).is_err());
}

#[test]
fn the_token_of_every_id_is_read_again_however_long_it_is_and_whatever_is_in_it() {
    for letter in ["x", "/", "é", "\u{800}", "🎬"] {
        let id = letter.repeat(4_096 / letter.len());
        assert!(check_id(&id).is_ok());
        let escaped: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for token in [
            in_life(&id, 1_000).resume_token(0),
            not_begun(&format!("{escaped},{START},,,,")),
        ] {
            // There are some thirty numbers, and none has more than 20 digits.
            assert!(token.len() + 30 * 20 <= 16_384, "{}", token.len());
            let (resumed, _) = Machine::resume(&token, &id, raw(), START + 9_000).unwrap();
            assert_eq!(resumed.id(), id);
        }
    }
}

#[test]
fn a_token_that_is_longer_than_any_is_not_read() {
    for (length, is_read) in [(16_000, true), (16_384, false)] {
        let id = "x".repeat(length);
        let (machine, _) = Machine::start(&id, Options::default(), START);
        let resumed = Machine::resume(&machine.resume_token(0), &id, raw(), START);
        assert_eq!(resumed.is_ok(), is_read);
    }
}

#[test]
fn a_snapshot_is_no_token_and_a_token_no_snapshot() {
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    let mut finished = in_life(ID, 2);
    finished.step(Event::Wake, START + 9_000);
    finished.step(done, START + 9_100);
    for machine in [in_life(ID, 2), finished] {
        let refused = Machine::resume(&machine.snapshot(), ID, raw(), START).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
        assert!(
            refused
                .message()
                .contains("resumeToken is a machine's snapshot"),
            "{refused}"
        );
        let refused = Machine::restore(&machine.resume_token(0)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidArgument);
        assert!(
            refused.message().contains("a resumeToken is no snapshot"),
            "{refused}"
        );
        let early = not_begun(&format!("{ID},{START},,,,"));
        let refused = Machine::restore(&early).unwrap_err();
        assert!(
            refused.message().contains("a resumeToken is no snapshot"),
            "{refused}"
        );
    }
}

#[test]
fn a_forged_token_is_written_as_a_true_one() {
    let (mut machine, _) = Machine::start("v", Options::default(), START);
    assert_eq!(machine.resume_token(0), Forged::default().token("v"));
    machine.step(
        answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.5,"generatedContent":[{"status":"success"}]}"#),
        START + 100,
    );
    machine.step(Event::Wake, START + 5_000);
    machine.step(answer(429, Some("60"), ""), START + 5_100);
    let true_one = Forged {
        phase: Phase::Sleeping,
        requests: 2,
        asked_at: START + 5_000,
        failures: 1,
        retrying: Some(6),
        retrying_status: Some(429),
        not_before: START + 65_100,
        scale: 1,
        overall: 830_000,
        seen_at: Some(START + 100),
        render_from: Some((START + 100, 525_000)),
        end: None,
        last: Some(Last::Rendering(0.5, Some("s".into()))),
        ..Forged::default()
    };
    let is = machine.resume_token(0);
    let end = machine.current(START + 100).unwrap().remaining_ms;
    let forged = Forged {
        end: end.map(|left| START + 100 + left),
        ..true_one
    };
    assert_eq!(is, forged.token("v"));
}

#[test]
fn a_snapshot_is_the_whole_machine() {
    for id in [ID, "é/ ,%,~", "🎬"] {
        let machine = in_life(id, 5);
        assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
    }
    for end in [
        answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#),
        answer(402, None, "pay"),
        answer(200, None, r#"{"status":"ERROR","error":"no, never"}"#),
    ] {
        let (mut machine, _) = Machine::start(
            ID,
            Options {
                timeout: None,
                ..Options::default()
            },
            START,
        );
        machine.step(end.clone(), START + 9);
        let token = machine.resume_token(0);
        assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
        // One that was resumed keeps apart what the server has said since.
        let (mut resumed, _) = Machine::resume(&token, ID, raw(), START + 20_000).unwrap();
        let rendering = r#"{"status":"RENDERING_VIDEO","progress":0.5}"#;
        resumed.step(answer(200, None, rendering), START + 20_100);
        assert_eq!(Machine::restore(&resumed.snapshot()).as_ref(), Ok(&resumed));
        resumed.step(end, START + 30_000);
        assert_eq!(Machine::restore(&resumed.snapshot()), Ok(resumed));
    }
}

#[test]
fn a_token_keeps_what_going_on_needs() {
    let machine = in_life(ID, 8);
    let (mut resumed, step) =
        Machine::resume(&machine.resume_token(0), ID, raw(), START + 6_200).unwrap();
    assert_eq!(
        step.command,
        Command::Sleep {
            until: START + 7_100
        },
        "the server's floor holds"
    );
    resumed.step(Event::Wake, START + 7_100);
    let update = resumed
        .step(
            answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":1}"#),
            START + 7_200,
        )
        .update
        .unwrap();
    let before = machine.current(START + 6_200).unwrap();
    assert_eq!((update.requests, update.elapsed_ms), (4, 7_200));
    assert_eq!(
        update.overall, before.overall,
        "42 % was reached; the scale of 0 to 100 is still known"
    );
    let states = |update: &Update| -> Vec<_> {
        update
            .video
            .generated_content
            .as_ref()
            .unwrap()
            .iter()
            .map(|clip| clip.status)
            .collect()
    };
    assert_eq!(states(&update), states(&before));
    assert_eq!(update.video.credits_total, None, "which no token has");
}

#[test]
fn the_first_step_of_a_resume_has_what_the_token_knows_and_nothing_else() {
    let text = |body: &str, later: u64| {
        let (mut machine, _) = Machine::start("v", Options::default(), START);
        machine.step(answer(200, None, body), START + 500);
        let before = machine.current(START + 500).unwrap();
        let now = START + later;
        let (_, step) = Machine::resume(&machine.resume_token(0), "v", raw(), now).unwrap();
        (before, step.update)
    };
    let clips = r#"[{"id":"a","url":"https://c.test/a","text":"kitchen","status":"success"},{"status":"error"},{"status":"pending"}]"#;
    for status in [
        r#""PENDING","message":"Re-generating""#,
        r#""GENERATING_VIDEO""#,
        r#""START_RENDERING_VIDEO","progress":0"#,
        r#""RENDERING_VIDEO","progress":0.4"#,
        r#""QUEUED""#,
    ] {
        let body = format!(r#"{{"status":{status},"creditsTotal":7,"generatedContent":{clips}}}"#);
        // Also where the deadline has passed meanwhile, and a request more is sent.
        for later in [2_000, 86_400_000] {
            let (before, known) = text(&body, later);
            let known = known.unwrap();
            assert_eq!(known.video.status.name(), before.video.status.name());
            assert_eq!(known.overall, before.overall);
            assert_eq!(known.elapsed_ms, later);
            let states = |update: &Update| -> Vec<_> {
                let clips = update.video.generated_content.iter().flatten();
                clips.map(|clip| clip.status).collect()
            };
            assert_eq!(states(&known), states(&before));
            assert!(
                known
                    .video
                    .generated_content
                    .iter()
                    .flatten()
                    .all(|clip| clip.id.is_none() && clip.url.is_none() && clip.text.is_none())
            );
            assert_eq!(known.video.credits_total, None);
        }
    }
    for end in [
        r#"{"status":"DONE","url":"https://c.test/v"}"#,
        r#"{"status":"ERROR","message":"no"}"#,
    ] {
        assert_eq!(text(end, 2_000).1, None, "{end}");
    }
    let (machine, _) = Machine::start("v", Options::default(), START);
    let (_, step) = Machine::resume(&machine.resume_token(0), "v", raw(), START + 9).unwrap();
    assert_eq!(step.update, None, "a poll that knows nothing");
}

#[test]
fn what_a_token_knows_is_told_also_where_the_server_is_to_be_left_alone_and_once() {
    let machine = in_life(ID, 3);
    let now = START + 6_200;
    let (mut resumed, step) = Machine::resume(&machine.resume_token(0), ID, raw(), now).unwrap();
    assert!(matches!(step.command, Command::Sleep { .. }));
    let known = step.update.unwrap();
    assert_eq!(known.retrying, Some(ErrorCode::RateLimited));
    assert_eq!(Some(&known), resumed.current(now).as_ref());
    // The same failure again is no news.
    resumed.step(Event::Wake, START + 7_100);
    let step = resumed.step(answer(429, Some("1"), "slow down"), START + 7_200);
    assert_eq!(step.update, None);
}

#[test]
fn overall_does_not_fall_however_often_a_poll_is_resumed() {
    let (mut machine, _) = Machine::start("v", Options::default(), START);
    let mut overall = 0.0;
    for (at, progress) in (1_u32..60).enumerate() {
        let now = START + 2_500 * (at as u64 + 1);
        let body = format!(r#"{{"status":"RENDERING_VIDEO","progress":{progress}}}"#);
        machine.step(answer(200, None, &body), now);
        let reached = machine.current(now).unwrap().overall;
        let (resumed, step) =
            Machine::resume(&machine.resume_token(0), "v", raw(), now + 100).unwrap();
        assert_eq!(step.update.unwrap().overall, reached);
        assert!(reached > overall);
        (machine, overall) = (resumed, reached);
    }
}

#[test]
fn a_token_keeps_the_deadline_whatever_the_options_say() {
    let token = in_life(ID, 1).resume_token(0);
    let longer = RawOptions {
        timeout_ms: Some(9e9),
        ..raw()
    };
    let (mut resumed, _) = Machine::resume(&token, ID, longer, START + 60_000).unwrap();
    let step = resumed.step(Event::Wake, START + 1_200_000);
    assert!(matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout));
}

#[test]
fn a_poll_whose_deadline_passed_meanwhile_asks_one_last_time() {
    let token = in_life(ID, 1).resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 1_200_000).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    let later = START + 86_400_000;
    let (machine, step) = Machine::resume(&token, ID, raw(), later).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    assert_eq!(
        machine.clone().step(done, later + 100).command,
        Command::Done
    );
    for event in [
        answer(200, None, r#"{"status":"PENDING"}"#),
        Event::NetworkError,
    ] {
        let step = machine.clone().step(event, later + 100);
        assert!(
            matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout)
        );
    }
}

#[test]
fn only_a_poll_that_had_timed_out_starts_a_new_allowance() {
    const LIMIT: u64 = 60_000;
    let start = |max_failures| {
        let options = Options {
            timeout: Some(LIMIT),
            max_failures,
            ..Options::default()
        };
        Machine::start(ID, options, START).0
    };
    let resumed_at = |machine: &Machine, later: u64| {
        let now = START + later;
        Machine::resume(&machine.resume_token(0), ID, raw(), now).unwrap()
    };
    let until = |later| Command::Fetch {
        give_up_at: Some(START + later),
    };
    let last = Command::Fetch { give_up_at: None };
    for end in [
        Event::NetworkError,
        answer(401, None, ""),
        answer(404, None, ""),
        answer(402, None, ""),
        answer(200, None, r#"{"status":"ERROR"}"#),
        answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#),
    ] {
        let mut ended = start(1);
        let step = ended.step(end, START + 5_000);
        assert!(matches!(step.command, Command::Failed(_) | Command::Done));
        assert_eq!(resumed_at(&ended, 9_000).1.command, until(LIMIT));
        assert_eq!(resumed_at(&ended, 90_000).1.command, last);
        // With a limit of its own, the sooner of both counts.
        for (timeout, ends) in [(9_000, 18_000), (90_000, LIMIT)] {
            let options = RawOptions {
                timeout_ms: Some(timeout as f64),
                ..raw()
            };
            let token = ended.resume_token(0);
            let (_, step) = Machine::resume(&token, ID, options, START + 9_000).unwrap();
            assert_eq!(step.command, until(ends), "{timeout}");
        }
    }
    let mut timed_out = start(1);
    timed_out.step(Event::Wake, START + LIMIT);
    for later in [LIMIT, 90_000] {
        let step = resumed_at(&timed_out, later).1;
        assert_eq!(step.command, until(later + LIMIT));
    }
    // What was resumed ends where it says, whichever poll that is of.
    let mut refused = start(1);
    refused.step(answer(401, None, ""), START);
    let (mut again, _) = resumed_at(&refused, LIMIT / 2);
    again.step(answer(401, None, ""), START + LIMIT / 2);
    assert_eq!(resumed_at(&again, LIMIT / 2 + 1).1.command, until(LIMIT));
    // It was told at once that its next question would come too late.
    let mut held_off = start(2);
    held_off.step(answer(429, Some("61"), ""), START + 1_000);
    let until = START + 62_000;
    assert_eq!(
        resumed_at(&held_off, 9_000).1.command,
        Command::Sleep { until }
    );
}

#[test]
fn a_poll_that_had_ended_counts_its_failures_anew() {
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    for _ in 0..10 {
        machine.step(Event::NetworkError, START);
    }
    let (mut resumed, _) = Machine::resume(&machine.resume_token(0), ID, raw(), START + 9).unwrap();
    for _ in 0..9 {
        let step = resumed.step(Event::NetworkError, START + 90_000);
        assert!(matches!(step.command, Command::Sleep { .. }));
    }
}

#[test]
fn who_goes_on_from_the_token_of_a_finished_video_hears_of_it_anew() {
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    machine.step(done.clone(), START + 9);
    let token = machine.resume_token(0);
    let (mut resumed, _) = Machine::resume(&token, ID, raw(), START + 99).unwrap();
    assert!(resumed.current(START + 99).is_none(), "{token}");
    let pending = answer(200, None, r#"{"status":"PENDING"}"#);
    let update = resumed.step(pending, START + 199).update.unwrap();
    assert!(update.overall < 1.0, "the whole job is one that is done");
    assert_eq!(Machine::restore(&resumed.snapshot()).unwrap(), resumed);
    resumed.step(Event::Wake, START + 9_000);
    let update = resumed.step(done, START + 9_100).update.unwrap();
    assert_eq!(update.overall, 1.0);
}

#[test]
fn a_limit_given_at_the_resume_holds_for_a_poll_that_had_none() {
    let patient = Options {
        timeout: None,
        ..Options::default()
    };
    let (machine, _) = Machine::start(ID, patient, START);
    let limited = RawOptions {
        timeout_ms: Some(60_000.0),
        ..raw()
    };
    let token = machine.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, limited, START + 9).unwrap();
    let give_up_at = Some(START + 60_009);
    assert_eq!(step.command, Command::Fetch { give_up_at });
    let endless = RawOptions {
        timeout_ms: Some(f64::INFINITY),
        ..raw()
    };
    let (_, step) = Machine::resume(&token, ID, endless, START + 9).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
}

#[test]
fn who_goes_on_keeps_to_the_floor_that_the_server_set_at_the_end() {
    let options = Options {
        max_failures: 1,
        ..Options::default()
    };
    let (mut machine, _) = Machine::start(ID, options, START);
    let step = machine.step(answer(429, Some("60"), ""), START);
    assert!(matches!(step.command, Command::Failed(_)));
    let token = machine.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 9).unwrap();
    let until = START + 60_000;
    assert_eq!(step.command, Command::Sleep { until });
    let (_, step) = Machine::resume(&token, ID, raw(), until).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
    // Where there is no time to wait so long, there is nothing to wait for.
    for (ms, waits) in [(59_991.0, false), (59_992.0, true)] {
        let limited = RawOptions {
            timeout_ms: Some(ms),
            ..raw()
        };
        let (_, step) = Machine::resume(&token, ID, limited, START + 9).unwrap();
        match step.command {
            Command::Sleep { .. } => assert!(waits),
            Command::Failed(failure) => {
                assert_eq!((failure.code, waits), (ErrorCode::Timeout, false))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn options_given_at_the_resume_win_and_are_checked() {
    let token = in_life(ID, 1).resume_token(0);
    let quick = RawOptions {
        min_interval_ms: Some(10.0),
        max_interval_ms: Some(20.0),
        ..raw()
    };
    let (mut resumed, _) = Machine::resume(&token, ID, quick, START + 9_000).unwrap();
    let step = resumed.step(answer(200, None, r#"{"status":"PENDING"}"#), START + 9_000);
    assert!(matches!(step.command, Command::Sleep { until } if until <= START + 9_020));
    let bad = RawOptions {
        min_interval_ms: Some(-1.0),
        ..raw()
    };
    assert_eq!(
        Machine::resume(&token, ID, bad, START).unwrap_err().code,
        ErrorCode::InvalidArgument
    );
}

#[test]
fn the_clock_of_another_place_cannot_stretch_the_deadline() {
    let token = in_life(ID, 1).resume_token(0);
    // This place's clock is a day behind.
    let now = START - 86_400_000;
    let (mut resumed, _) = Machine::resume(&token, ID, raw(), now).unwrap();
    let step = resumed.step(Event::Wake, now + 1_200_000);
    assert!(matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout));
}

#[test]
fn the_clock_of_another_place_cannot_stretch_a_retry_after() {
    // That place's clock is half an hour ahead: more than there is time for.
    let ahead = START + 1_800_000;
    let (mut machine, _) = Machine::start(ID, Options::default(), ahead);
    machine.step(answer(429, Some("5"), ""), ahead + 100);
    let token = machine.resume_token(0);
    let (resumed, step) = Machine::resume(&token, ID, raw(), START + 60_000).unwrap();
    let until = START + 65_100;
    assert_eq!(step.command, Command::Sleep { until });
    let token = resumed.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 62_000).unwrap();
    assert_eq!(step.command, Command::Sleep { until });
    let (_, step) = Machine::resume(&token, ID, raw(), until).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
}

#[test]
fn times_are_written_as_the_wall_clock_has_them() {
    let machine = in_life(ID, 1);
    // The steady clock ran ahead by a minute, say because the wall clock was set back.
    let token = machine.resume_token(60_000);
    let (resumed, _) = Machine::resume(&token, ID, raw(), START - 53_000).unwrap();
    assert_eq!(resumed.current(START - 53_000).unwrap().elapsed_ms, 7_000);
}

#[test]
fn foreign_and_damaged_texts_are_refused() {
    let machine = in_life(ID, 3);
    let other = Machine::resume(&machine.resume_token(0), "another", raw(), START).unwrap_err();
    assert_eq!(other.code, ErrorCode::InvalidArgument);
    let is_read = |text: &str| {
        Machine::restore(text).is_ok() || Machine::resume(text, ID, raw(), START).is_ok()
    };
    for text in [machine.resume_token(0), machine.snapshot()] {
        assert!(is_read(&text));
        for end in 0..text.len() {
            assert!(!is_read(&text[..end]), "cut at {end}");
        }
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let damaged = String::from_utf8(bytes).unwrap();
                assert!(!is_read(&damaged), "bit {bit} of byte {at}");
            }
        }
    }
    for text in [
        "",
        ",",
        "is1",
        "it1",
        "it2,x",
        "null",
        "{\"state\":null}",
        "it1,,,,",
    ] {
        assert!(!is_read(text), "{text:?}");
    }
}

/// As the package writes it, whose own tests read it back.
fn not_begun(fields: &str) -> String {
    sealed(&format!("it1-new,{fields}"))
}

#[test]
fn a_poll_that_had_not_begun_starts_with_its_options_where_they_are_modest() {
    for (timeout, deadline) in [
        ("", 1_200_000),
        ("60000", 60_000),
        ("3600000", 1_205_000),
        ("Infinity", 1_205_000),
    ] {
        let token = not_begun(&format!("a%2Fb%2C,{START},{timeout},10,20000,2"));
        let (mut machine, step) = Machine::resume(&token, "a/b,", raw(), START + 5_000).unwrap();
        let give_up_at = Some(START + deadline);
        assert_eq!(step.command, Command::Fetch { give_up_at });
        let step = machine.step(answer(200, None, r#"{"status":"QUEUED"}"#), START + 5_000);
        let pause = sleeps_until(&step) - START - 5_000;
        assert!(
            (10_780..=11_000).contains(&pause),
            "between 2 s and 20 s: {pause}"
        );
        let update = step.update.unwrap();
        assert_eq!((update.requests, update.elapsed_ms), (1, 5_000));
        machine.step(Event::NetworkError, START + 20_000);
        let step = machine.step(Event::NetworkError, START + 30_000);
        assert_eq!(failure(&step), ErrorCode::Network, "at the second one");
    }
    let older = sealed("it0-new,v,5,,,,");
    assert!(Machine::resume(&older, "v", raw(), START).is_err());
    for fields in [
        "",
        "v",
        "v,5",
        "v,x,,,,",
        "v,5,0,,,",
        "v,5,-1,,,",
        "v,5,,20,10,",
        "v,5,,,,,",
        "%zz,5,,,,",
        "v,5,,,,0",
    ] {
        assert!(
            Machine::resume(&not_begun(fields), "v", raw(), START).is_err(),
            "{fields:?}"
        );
    }
}

#[test]
fn a_poll_whose_first_answer_was_done_leaves_a_token() {
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    machine.step(
        answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#),
        START + 9,
    );
    let (_, step) = Machine::resume(&machine.resume_token(0), ID, raw(), START + 99).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
}

#[test]
fn options_made_by_hand_that_cannot_work_break_neither_a_poll_nor_its_token() {
    let options = Options {
        timeout: Some(u64::MAX),
        min_interval: u64::MAX,
        max_interval: 0,
        max_failures: 0,
    };
    let (mut machine, _) = Machine::start("v", options, START);
    let rendering = answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.4}"#);
    machine.step(rendering, START + 5);
    assert_eq!(Machine::restore(&machine.snapshot()).unwrap(), machine);
    assert!(Machine::resume(&machine.resume_token(0), "v", raw(), START).is_ok());
}

fn failure(step: &Step) -> ErrorCode {
    match &step.command {
        Command::Failed(failure) => failure.code,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// What a forger would like best: no pause and no end.
fn greedy() -> Forged {
    Forged {
        deadline: None,
        timeout: None,
        min_interval: 0,
        max_interval: 0,
        max_failures: u32::MAX,
        ..Forged::default()
    }
}

fn pending() -> Event {
    answer(200, None, r#"{"status":"PENDING"}"#)
}

#[test]
fn a_token_makes_a_poll_no_faster_and_no_longer_than_it_is_by_default() {
    for phase in [
        Phase::Asking,
        Phase::Sleeping,
        Phase::Done,
        Phase::Failed(4),
        Phase::Failed(7),
    ] {
        let token = Forged { phase, ..greedy() }.token("v");
        let (mut machine, step) = Machine::resume(&token, "v", raw(), START).unwrap();
        let give_up_at = Some(START + 1_200_000);
        assert_eq!(step.command, Command::Fetch { give_up_at });
        let until = sleeps_until(&machine.step(pending(), START));
        assert!(until >= START + 2_000, "{until}");
        machine.step(Event::Wake, until);
        for _ in 0..9 {
            let until = sleeps_until(&machine.step(Event::NetworkError, START));
            assert!(until >= START + 2_000, "{until}");
        }
        let last = machine.step(Event::NetworkError, START);
        assert_eq!(failure(&last), ErrorCode::Network);
    }
    let early = not_begun(&format!("v,{START},Infinity,0,0,Infinity"));
    let (mut machine, step) = Machine::resume(&early, "v", raw(), START).unwrap();
    let give_up_at = Some(START + 1_200_000);
    assert_eq!(step.command, Command::Fetch { give_up_at });
    assert!(sleeps_until(&machine.step(pending(), START)) >= START + 2_000);
}

#[test]
fn a_token_makes_a_poll_slower_and_shorter() {
    let modest = Forged {
        deadline: Some(START + 90_000),
        timeout: Some(90_000),
        min_interval: 40_000,
        max_interval: 40_000,
        max_failures: 2,
        ..Forged::default()
    };
    let (mut machine, step) = Machine::resume(&modest.token("v"), "v", raw(), START + 9).unwrap();
    let give_up_at = Some(START + 90_000);
    assert_eq!(step.command, Command::Fetch { give_up_at });
    let until = sleeps_until(&machine.step(pending(), START + 9));
    assert_eq!(until, START + 40_009);
    machine.step(Event::Wake, until);
    assert!(sleeps_until(&machine.step(Event::NetworkError, until)) >= until + 40_000);
    let last = machine.step(Event::NetworkError, until);
    assert_eq!(failure(&last), ErrorCode::Network);
}

#[test]
fn an_option_that_is_given_counts_whatever_the_token_says() {
    let given = RawOptions {
        timeout_ms: Some(600_000.0),
        min_interval_ms: Some(500.0),
        max_interval_ms: Some(500.0),
        max_consecutive_failures: Some(3.0),
    };
    let modest = Forged {
        deadline: None,
        timeout: Some(1_000),
        min_interval: 40_000,
        max_interval: 40_000,
        max_failures: 1,
        ..Forged::default()
    };
    for forged in [greedy(), modest] {
        let (mut machine, step) =
            Machine::resume(&forged.token("v"), "v", given, START + 9).unwrap();
        let give_up_at = Some(START + 600_009);
        assert_eq!(step.command, Command::Fetch { give_up_at });
        let until = sleeps_until(&machine.step(pending(), START + 9));
        assert_eq!(until, START + 509);
        for _ in 0..2 {
            sleeps_until(&machine.step(Event::NetworkError, until));
        }
        let last = machine.step(Event::NetworkError, until);
        assert_eq!(failure(&last), ErrorCode::Network);
    }
    // One of the intervals alone: the other makes way, and no further.
    for (min, max, pause) in [(None, Some(900.0), 900), (Some(900.0), None, 900)] {
        let given = RawOptions {
            min_interval_ms: min,
            max_interval_ms: max,
            ..raw()
        };
        let (mut machine, _) = Machine::resume(&greedy().token("v"), "v", given, START).unwrap();
        let until = sleeps_until(&machine.step(pending(), START));
        assert!(until >= START + pause && until <= START + 5_000, "{until}");
    }
}

/// A poll without an end, so that no deadline helps it.
fn patient() -> RawOptions {
    RawOptions {
        timeout_ms: Some(f64::INFINITY),
        ..raw()
    }
}

/// Of a poll without an end either.
fn calm() -> Forged {
    Forged {
        deadline: None,
        timeout: None,
        ..Forged::default()
    }
}

/// What a forger might say of how far the poll was.
fn boastful() -> Forged {
    Forged {
        requests: u32::MAX,
        failures: u32::MAX - 1,
        retrying: Some(4),
        scale: 2,
        overall: 999_999,
        seen_at: Some(START),
        clips_from: Some(START - 3_000_000),
        ready: Some(7),
        failed_at: Some(START - 3_000_000),
        is_starting: true,
        render_from: Some((START - 3_000_000, 999_999)),
        end: Some(START + 1),
        last: Some(Last::Rendering(1.0, Some("sssssss".into()))),
        ..calm()
    }
}

/// The forger's poll, and one of somebody who has no token, begun at the same time.
fn forged_and_honest(forged: &Forged) -> [Machine; 2] {
    let (resumed, _) = Machine::resume(&forged.token("v"), "v", patient(), START).unwrap();
    let endless = Options {
        timeout: None,
        ..Options::default()
    };
    [resumed, Machine::start("v", endless, START).0]
}

/// What one that comes now takes over from another.
fn joins(other: &Machine, now: u64) -> (Machine, Option<Step>) {
    let endless = Options {
        timeout: None,
        ..Options::default()
    };
    let (mut late, _) = Machine::start("v", endless, now);
    let step = late.join(other, now);
    (late, step)
}

#[test]
fn one_that_joins_takes_over_what_the_server_said_and_nothing_of_a_token() {
    let events = [
        answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.5}"#),
        answer(503, None, "busy"),
        answer(429, Some("600"), "busy"),
        Event::NetworkError,
        Event::Offline,
        pending(),
        answer(
            200,
            None,
            r#"{"status":"GENERATING_VIDEO","creditsTotal":7,"generatedContent":[{"status":"pending","text":"a kitchen"}]}"#,
        ),
        answer(200, None, r#"{"status":"QUEUED"}"#),
    ];
    let mut pair = forged_and_honest(&boastful());
    let mut now = START;
    for event in &events {
        // In flight, nothing is told before the server says it.
        let [one, other] = pair.each_ref().map(|machine| joins(machine, now).1);
        assert_eq!(one, other);
        now += 100;
        for machine in &mut pair {
            machine.step(event.clone(), now);
        }
        now += 700_000;
        let [one, other] = pair.each_ref().map(|machine| joins(machine, now));
        let [known, expected] = [&one.0, &other.0].map(|machine| machine.current(now));
        assert_eq!(known, expected, "after {event:?}");
        if expected.is_some_and(|update| update.retrying.is_none()) {
            assert_eq!(one.1, other.1, "after {event:?}");
        }
        for machine in &mut pair {
            machine.step(Event::Wake, now);
        }
    }
}

#[test]
fn failures_that_a_token_counts_end_its_own_poll_alone() {
    let forged = Forged {
        failures: u32::MAX,
        ..calm()
    };
    let [mut forger, _] = forged_and_honest(&forged);
    let (mut victim, _) = joins(&forger, START + 50);
    let step = forger.step(answer(503, None, "busy"), START + 100);
    assert_eq!(failure(&step), ErrorCode::Http);
    let step = victim.step(answer(503, None, "busy"), START + 100);
    assert!(sleeps_until(&step) <= START + 2_100);
}

#[test]
fn how_long_one_with_a_token_waits_for_a_server_in_trouble_is_its_own_affair() {
    let forged = Forged {
        min_interval: 40_000,
        max_interval: 40_000,
        ..calm()
    };
    let [mut forger, _] = forged_and_honest(&forged);
    let busy = answer(503, None, "busy");
    let until = sleeps_until(&forger.step(busy, START + 100));
    assert!(until >= START + 40_100, "{until}");
    let step = joins(&forger, START + 200).1.unwrap();
    assert!(sleeps_until(&step) <= START + 2_200);
}

#[test]
fn a_token_puts_nobody_to_sleep_but_its_own_poll() {
    let hour = START + 3_600_000;
    let forged = Forged {
        not_before: hour,
        ..boastful()
    };
    let (mut sleeper, step) = Machine::resume(&forged.token("v"), "v", patient(), START).unwrap();
    assert_eq!(sleeps_until(&step), hour);
    // Who comes now asks as if nobody were there, and knows as little.
    let (mut victim, step) = joins(&sleeper, START + 50_000);
    assert_eq!((step, victim.current(START + 50_000)), (None, None));
    // It is sent for both; by itself the sleeper waits on.
    let woken = sleeper.clone().step(Event::Wake, START + 50_000);
    assert_eq!(sleeps_until(&woken), hour);
    let along = sleeper.step(Event::SharedRequest, START + 50_000);
    assert_eq!(along.command, Command::Fetch { give_up_at: None });
    let step = victim.step(pending(), START + 50_100);
    assert!(sleeps_until(&step) <= START + 55_100);
    assert_eq!(step.update.unwrap().requests, 1);
    // From here on the server has spoken, and the sleeper waits for nothing else.
    assert!(sleeps_until(&sleeper.step(pending(), START + 50_100)) <= START + 55_100);
    let (_, step) = joins(&sleeper, START + 51_000);
    let step = step.unwrap();
    assert!(sleeps_until(&step) <= START + 55_100);
    let update = step.update.unwrap();
    assert_eq!((update.requests, update.overall), (1, 0.0));
    assert_eq!(update.video.generated_content, None);
}

#[test]
fn two_tokens_that_wait_for_their_own_reasons_stay_apart() {
    let waits = |until| {
        let forged = Forged {
            not_before: until,
            ..calm()
        };
        Machine::resume(&forged.token("v"), "v", patient(), START).unwrap()
    };
    let (first, _) = waits(START + 3_600_000);
    let (mut second, step) = waits(START + 5_000);
    assert_eq!(sleeps_until(&step), START + 5_000);
    assert_eq!(second.join(&first, START), None);
    let woken = second.step(Event::Wake, START + 5_000);
    assert!(matches!(woken.command, Command::Fetch { .. }));
}

#[test]
fn one_with_a_token_that_joins_passes_nothing_of_it_on() {
    let [_, mut honest] = forged_and_honest(&Forged::default());
    for is_known in [false, true] {
        if is_known {
            let clips = r#"{"status":"GENERATING_VIDEO","generatedContent":[{"status":"success"},{"status":"pending"}]}"#;
            honest.step(answer(200, None, clips), START + 100);
        }
        let now = START + 200;
        let (mut forger, _) = Machine::resume(&boastful().token("v"), "v", patient(), now).unwrap();
        forger.join(&honest, now).unwrap();
        let [one, other] = [&forger, &honest].map(|machine| joins(machine, now).0.current(now));
        assert_eq!(one, other);
        assert_eq!(one.is_some(), is_known);
    }
}

#[test]
fn a_forged_token_brings_no_video_forward_in_the_queue_and_teaches_nothing() {
    let [mut forger, mut honest] = forged_and_honest(&boastful());
    assert_eq!((forger.lead(), honest.lead()), (0, 0));
    let rendering = answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.5}"#);
    for machine in [&mut forger, &mut honest] {
        machine.expect(durations(50, 500));
        machine.step(rendering.clone(), START + 100);
    }
    assert_eq!(forger.lead(), honest.lead());
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    for machine in [&mut forger, &mut honest] {
        machine.step(Event::Wake, START + 5_000);
        machine.step(done.clone(), START + 5_100);
    }
    assert_eq!(forger.observed(), None);
    assert!(honest.observed().is_some());
}

#[test]
fn the_first_response_replaces_all_words_that_a_token_could_not_hold() {
    let forged = Forged {
        last: Some(Last::Unrecognized(Some("se".into()))),
        ..calm()
    };
    let (mut machine, _) = Machine::resume(&forged.token("v"), "v", raw(), START).unwrap();
    let update = machine
        .step(answer(503, None, "busy"), START)
        .update
        .unwrap();
    assert!(
        matches!(&update.video.status, Status::Unrecognized { raw_status, .. } if raw_status.is_empty())
    );
    machine.step(Event::Wake, START + 9_000);
    let done = r#"{"status":"DONE","url":"https://c.test/v","creditsUsed":3}"#;
    let update = machine
        .step(answer(200, None, done), START + 9_000)
        .update
        .unwrap();
    assert_eq!(update.video.credits_used, Some(3.0));
    let clips = update.video.generated_content.clone().unwrap();
    assert!(
        clips
            .iter()
            .all(|clip| clip.url.is_none() && clip.text.is_none())
    );
}

#[test]
fn a_token_of_another_version_is_told_from_a_damaged_one_and_neither_is_resumed() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/tokens.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() > 30, "{} are few", vectors.len());
    for vector in vectors {
        let token = vector["token"].as_str().unwrap();
        let is_other = vector["isOfAnotherVersion"].as_bool().unwrap();
        let what = &vector["what"];
        assert_eq!(Machine::is_of_another_version(token), is_other, "{what}");
        let resumed = Machine::resume(token, "v", raw(), START);
        assert!(!is_other || resumed.is_err(), "{what}");
    }
}

#[test]
fn no_token_of_this_version_is_one_of_another_whichever_letter_of_it_is_changed() {
    let token = in_life("v", 5).resume_token(0);
    assert!(!Machine::is_of_another_version(&token));
    for (at, _) in token.char_indices() {
        for letter in (0..128).map(char::from) {
            let changed = [&token[..at], &letter.to_string(), &token[at + 1..]].concat();
            assert!(!Machine::is_of_another_version(&changed), "{changed}");
        }
        let [shorter, longer] = [
            [&token[..at], &token[at + 1..]],
            [&token[..=at], &token[at..]],
        ];
        assert!(!Machine::is_of_another_version(&shorter.concat()));
        assert!(!Machine::is_of_another_version(&longer.concat()));
    }
}
