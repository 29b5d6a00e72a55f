//! One pretend video: its course, its wording, its troubles and the log of the requests for it.
//! It answers one request at a time and must change nothing between them.

use serde_json::{Map, Value, json};

use crate::catalogue::Scenario;
use crate::date::http_date;
use crate::dialect::Content;
use crate::fault::{Fault, Wait, When};
use crate::model::opens;
use crate::pipeline::{ClipState, Phase, Pipeline};
use crate::random::Random;
use crate::reply::{Answer, Body, Reply};

/// The size of a huge answer's filling, in bytes.
const HUGE: u64 = 64 << 20;
/// What a gateway or a login page in between would send.
const PAGE: &str = "<!doctype html><html><head><title>One moment</title></head><body><h1>One moment, please</h1></body></html>";
/// How many clip images there are to show.
const CLIP_MEDIA: usize = 6;

/// One request for a video, as its log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// When it came, in real milliseconds since the video was created.
    pub at_ms: u64,
    /// The HTTP status of the answer; none when there is no answer.
    pub status: Option<u16>,
    /// The fault that befell it, by its name.
    pub fault: Option<&'static str>,
    /// It carried the right key, where one is needed.
    pub right_key: bool,
}

/// Who asks, from where, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) now_ms: u64,
    /// By the path of auto videos.
    pub(crate) auto: bool,
    pub(crate) media_base: &'a str,
    pub(crate) other_origin: &'a str,
    pub(crate) path: &'a str,
}

/// One video.
#[derive(Debug, Clone)]
pub(crate) struct Video {
    id: String,
    api_key: Option<String>,
    scenario: &'static Scenario,
    created_ms: u64,
    speed: f64,
    pub(crate) auto: bool,
    format: String,
    pipeline: Pipeline,
    /// Decides chances alone, so that faults do not shift the durations of a seed.
    chances: Random,
    asked: u32,
    failed_in_a_row: u32,
    /// How often each rule has struck, in the scenario's order.
    struck: Vec<u32>,
    log: Vec<LoggedRequest>,
}

/// What a new video is made of.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) id: String,
    pub(crate) api_key: Option<String>,
    pub(crate) scenario: &'static Scenario,
    pub(crate) seed: u64,
    pub(crate) speed: f64,
    pub(crate) auto: bool,
    pub(crate) clips: Option<usize>,
    pub(crate) format: String,
    pub(crate) now_ms: u64,
}

impl Video {
    pub(crate) fn new(birth: Birth) -> Self {
        let mut random = Random::new(birth.seed);
        let chances = Random::new(random.next());
        Self {
            pipeline: Pipeline::new(birth.scenario.life, birth.clips, random),
            struck: vec![0; birth.scenario.faults.len()],
            id: birth.id,
            api_key: birth.api_key,
            scenario: birth.scenario,
            created_ms: birth.now_ms,
            speed: birth.speed,
            auto: birth.auto,
            format: birth.format,
            chances,
            asked: 0,
            failed_in_a_row: 0,
            log: Vec::new(),
        }
    }

    pub(crate) fn scenario(&self) -> &'static Scenario {
        self.scenario
    }

    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    pub(crate) fn phase(&self) -> Phase {
        self.pipeline.phase()
    }

    pub(crate) fn log(&self) -> &[LoggedRequest] {
        &self.log
    }

    pub(crate) fn opens_with(&self, api_key: Option<&str>) -> bool {
        opens(self.api_key.as_deref(), api_key)
    }

    /// Somebody asks with a wrong key: it is written down and moves nothing.
    pub(crate) fn refuse(&mut self, now_ms: u64) -> Reply {
        self.note(now_ms, Some(401), None, false);
        Reply::refusal(401, "Invalid or missing API key")
    }

    /// Somebody asks with the right key.
    pub(crate) fn ask(&mut self, asked: Asked<'_>) -> Reply {
        self.asked = self.asked.saturating_add(1);
        let instead = self.strike(false, self.pipeline.phase());
        let (reply, fault) = match instead {
            Some(fault) => (self.trouble(fault, asked), Some(fault)),
            None => {
                let phase = self.pipeline.advance(self.model_ms(asked.now_ms));
                let fault = self
                    .strike(true, phase)
                    .filter(|fault| fault.shows_in(phase));
                let body = self.encode(&self.body(asked, fault));
                (Reply::typed(200, "application/json", body), fault)
            }
        };
        self.failed_in_a_row = if instead.is_some() {
            self.failed_in_a_row.saturating_add(1)
        } else {
            0
        };
        self.note(asked.now_ms, reply.status(), fault.map(Fault::name), true);
        reply
    }

    /// The answer to whoever has just ordered this video.
    pub(crate) fn receipt(&self) -> Value {
        let (left, used) = self.pipeline.credits();
        let mut body = json!({
            "id": self.id,
            "status": Phase::Pending.status(),
            "generatedContent": self.content(""),
            "creditsTotal": left,
            "creditsUsed": used,
        });
        if let (true, Value::Object(fields)) = (self.auto, &mut body) {
            fields.insert(
                "analysis".to_owned(),
                json!({ "scenes": self.pipeline.clips().len() }),
            );
        }
        body
    }

    /// One clip is to be made anew; the answer says so.
    pub(crate) fn redo(&mut self, clip_id: &str) -> Reply {
        if !self.pipeline.redo(clip_id) {
            return Reply::refusal(404, "No such sequence in this video");
        }
        let (left, used) = self.pipeline.credits();
        Reply::json(
            200,
            &json!({
                "status": "START_GENERATION",
                "generationId": clip_id,
                "creditsTotal": left,
                "creditsUsed": used,
            }),
        )
    }

    fn model_ms(&self, now_ms: u64) -> u64 {
        (now_ms.saturating_sub(self.created_ms) as f64 * self.speed) as u64
    }

    fn note(&mut self, now_ms: u64, status: Option<u16>, fault: Option<&'static str>, key: bool) {
        self.log.push(LoggedRequest {
            at_ms: now_ms.saturating_sub(self.created_ms),
            status,
            fault,
            right_key: key,
        });
    }

    /// The fault that befalls this request, among those of content or among the others.
    fn strike(&mut self, of_content: bool, now_in: Phase) -> Option<Fault> {
        let number = self.asked;
        for (rule, struck) in self.scenario.faults.iter().zip(&mut self.struck) {
            if rule.fault.is_of_content() != of_content {
                continue;
            }
            let hit = match rule.when {
                When::Always => true,
                When::From(first) => number >= first,
                When::Requests(first, last) => (first..=last).contains(&number),
                When::Every {
                    from,
                    period,
                    burst,
                } => number
                    .checked_sub(from)
                    .is_some_and(|past| past % period.max(1) < burst),
                When::During { phase, count } => phase == now_in && *struck < count,
                When::Chance { percent, in_a_row } => {
                    self.chances.chance(percent) && self.failed_in_a_row < in_a_row
                }
            };
            if hit {
                *struck = struck.saturating_add(1);
                return Some(rule.fault);
            }
        }
        None
    }

    /// What comes in the place of a right answer. The pipeline stands still.
    fn trouble(&self, fault: Fault, asked: Asked<'_>) -> Reply {
        let right = || self.encode(&self.body(asked, None));
        match fault {
            Fault::Status(status) => Reply::refusal(status, words_for(status)),
            Fault::StatusHtml(status) => {
                Reply::typed(status, "text/html; charset=utf-8", PAGE.to_owned())
            }
            Fault::RetryAfter(status, wait) => with_header(
                Reply::refusal(status, words_for(status)),
                "retry-after",
                retry_after(wait, asked.now_ms),
            ),
            Fault::Reset => Reply::Reset,
            Fault::Hang => Reply::Hang,
            Fault::Stall => sent(Body::Stalled(first_half(&right()))),
            Fault::Truncated => {
                let whole = right();
                sent(Body::Cut {
                    sent: first_half(&whole),
                    declared: whole.len(),
                })
            }
            Fault::HalfJson => sent(Body::Whole(first_half(&right()))),
            Fault::Html => Reply::typed(200, "text/html; charset=utf-8", PAGE.to_owned()),
            Fault::Null => sent(Body::Whole("null".to_owned())),
            Fault::Array => sent(Body::Whole("[{\"status\":\"DONE\"}]".to_owned())),
            Fault::NoStatus => sent(Body::Whole("{\"ok\":true}".to_owned())),
            Fault::NoContent => Reply::Answer(Answer {
                status: 204,
                headers: Vec::new(),
                body: Body::Whole(String::new()),
            }),
            Fault::Empty => sent(Body::Whole(String::new())),
            // Relative to the path asked for, since the model does not know where it is mounted.
            Fault::Redirect(status) => with_header(
                Reply::refusal(status, "Moved"),
                "location",
                "?moved=1".to_owned(),
            ),
            Fault::RedirectElsewhere(status) => with_header(
                Reply::refusal(status, "Moved"),
                "location",
                format!("{}{}", asked.other_origin, asked.path),
            ),
            Fault::Huge => {
                let whole = right();
                sent(Body::Long {
                    open: format!("{},\"padding\":\"", whole.trim_end_matches('}')),
                    filler: HUGE,
                    close: "\"}".to_owned(),
                })
            }
            Fault::UnknownStatus | Fault::ProgressBack | Fault::DoneWithoutUrl => {
                sent(Body::Whole(right()))
            }
        }
    }

    fn encode(&self, body: &Value) -> String {
        let mark = if self.scenario.dialect.byte_order_mark {
            "\u{feff}"
        } else {
            ""
        };
        format!("{mark}{body}")
    }

    /// What is true of the video at this moment, in the scenario's dialect.
    fn body(&self, asked: Asked<'_>, fault: Option<Fault>) -> Value {
        let dialect = self.scenario.dialect;
        let phase = self.pipeline.phase();
        let mut body = Map::new();
        let status = if fault == Some(Fault::UnknownStatus) {
            "POST_PROCESSING"
        } else {
            phase.status()
        };
        body.insert("status".to_owned(), dialect.spell(status).into());

        let documented = matches!(
            phase,
            Phase::Generating | Phase::StartRendering | Phase::Done
        );
        let listed = match dialect.content {
            Content::Documented | Content::Odd => documented,
            Content::Always => true,
            Content::Never => false,
        };
        if listed {
            let content = self.content_for(asked);
            body.insert("generatedContent".to_owned(), content);
        }
        if phase != Phase::Pending {
            let (left, used) = self.pipeline.credits();
            dialect.put_credits(&mut body, left, used, self.asked);
        }
        match phase {
            Phase::Pending => dialect.put_text(
                &mut body,
                if self.pipeline.regenerating() {
                    "Re-generating video in error"
                } else {
                    "Video is queued"
                },
            ),
            Phase::Generating => {}
            Phase::StartRendering => {
                body.insert("progress".to_owned(), dialect.progress(0.0));
            }
            Phase::Rendering => {
                let true_one = self.pipeline.render_progress(self.model_ms(asked.now_ms));
                let told = if fault == Some(Fault::ProgressBack) {
                    true_one / 2.0
                } else {
                    true_one
                };
                body.insert("progress".to_owned(), dialect.progress(told));
            }
            Phase::Done => {
                if fault != Some(Fault::DoneWithoutUrl) {
                    let url = format!("{}/tour.webm", asked.media_base);
                    body.insert(dialect.url.to_owned(), url.into());
                }
                dialect.put_id(&mut body, &self.id);
            }
            Phase::Failed => dialect.put_text(&mut body, "The video could not be generated"),
        }
        Value::Object(body)
    }

    fn content_for(&self, asked: Asked<'_>) -> Value {
        let mut items = self.content(asked.media_base);
        let auto = asked.auto || self.auto;
        if auto {
            for (item, clip) in items.iter_mut().zip(self.pipeline.clips()) {
                if let Value::Object(fields) = item {
                    fields.insert("category".to_owned(), clip.category.into());
                    fields.insert("text".to_owned(), clip.text.into());
                }
            }
        }
        if self.scenario.dialect.content == Content::Odd {
            for (index, item) in items.iter_mut().enumerate() {
                distort(item, index);
            }
        }
        Value::Array(items)
    }

    fn content(&self, media_base: &str) -> Vec<Value> {
        let items = self.pipeline.clips().iter().enumerate();
        items
            .map(|(index, clip)| {
                let (status, url) = match clip.state {
                    ClipState::Success => {
                        let picture = index % CLIP_MEDIA + 1;
                        ("success", format!("{media_base}/clip-{picture}.svg").into())
                    }
                    ClipState::Error => ("error", Value::Null),
                    ClipState::Waiting | ClipState::Running { .. } => ("pending", Value::Null),
                };
                json!({
                    "id": clip.id,
                    "url": url,
                    "effect": clip.effect,
                    "format": self.format,
                    "status": status,
                })
            })
            .collect()
    }
}

impl Fault {
    /// Whether a fault of content makes a difference in `phase`.
    fn shows_in(self, phase: Phase) -> bool {
        match self {
            Self::DoneWithoutUrl => phase == Phase::Done,
            Self::ProgressBack => phase == Phase::Rendering,
            _ => true,
        }
    }
}

/// Spoils one item of the list, each in its own way; every third stays as it is.
fn distort(item: &mut Value, index: usize) {
    let kind = index % 6;
    if kind == 1 {
        *item = Value::Null;
        return;
    }
    let Value::Object(fields) = item else { return };
    match kind {
        2 => {
            fields.insert("status".to_owned(), "Polishing".into());
            fields.remove("id");
        }
        4 => {
            fields.insert("id".to_owned(), 42.into());
            fields.insert("effect".to_owned(), json!({ "name": "CAMERA_PUSH_IN" }));
        }
        5 => {
            fields.remove("status");
            fields.insert("url".to_owned(), false.into());
        }
        _ => {}
    }
}

fn sent(body: Body) -> Reply {
    Reply::Answer(Answer {
        status: 200,
        headers: vec![("content-type", "application/json".to_owned())],
        body,
    })
}

fn with_header(mut reply: Reply, name: &'static str, value: String) -> Reply {
    if let Reply::Answer(answer) = &mut reply {
        answer.headers.push((name, value));
    }
    reply
}

fn first_half(text: &str) -> String {
    text.chars().take(text.chars().count() / 2).collect()
}

fn retry_after(wait: Wait, now_ms: u64) -> String {
    match wait {
        Wait::Seconds(seconds) => seconds.max(1).to_string(),
        Wait::Date(seconds) => {
            http_date(now_ms.saturating_add(u64::from(seconds.max(1)).saturating_mul(1000)))
        }
        Wait::Past => http_date(now_ms.saturating_sub(3_600_000)),
        Wait::Garbled => "a while".to_owned(),
    }
}

fn words_for(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Invalid or missing API key",
        402 => "Not enough credits",
        403 => "Forbidden",
        404 => "Video not found",
        408 => "Request timeout",
        425 => "Too early",
        429 => "Too many requests",
        503 => "Service unavailable",
        _ => "Internal server error",
    }
}
