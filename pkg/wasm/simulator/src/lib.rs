//! The model for JavaScript, and nothing more: arguments in, JSON text out.
//! Answers cross as one text, since a text is one copy and an object built from here is a call for each field.

use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};

use iacrea_simulator::{Body, Options, Refused, Reply, Request, VideoOptions};

/// A pretend IACrea server.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Simulator {
    model: iacrea_simulator::Simulator,
}

#[wasm_bindgen]
impl Simulator {
    /// A server without videos. Throws for an unknown scenario or a speed that is not above 0.
    #[wasm_bindgen(constructor)]
    pub fn new(
        api_key: Option<String>,
        seed: f64,
        scenario: String,
        speed: f64,
        media_base: String,
        other_origin: String,
    ) -> Result<Simulator, JsValue> {
        let options = Options {
            api_key,
            seed: seed as u64,
            scenario,
            speed,
            media_base,
            other_origin,
        };
        let model = iacrea_simulator::Simulator::new(options).map_err(thrown)?;
        Ok(Self { model })
    }

    /// A new video, created at `now_ms` (Unix time). Throws where the constructor does, and for a taken id.
    #[wasm_bindgen(js_name = createVideo)]
    pub fn create_video(
        &mut self,
        id: String,
        seed: f64,
        scenario: String,
        speed: f64,
        now_ms: f64,
    ) -> Result<(), JsValue> {
        let video = VideoOptions {
            id: Some(id),
            seed: Some(seed as u64),
            scenario: Some(scenario),
            speed: Some(speed),
            ..VideoOptions::default()
        };
        self.model
            .create_video_with(video, now_ms as u64)
            .map(drop)
            .map_err(thrown)
    }

    /// The answer to one request, as JSON text: `fate` and, for an answer, what is to be sent. `media_base` is for this
    /// request alone.
    pub fn handle(
        &mut self,
        method: &str,
        path: &str,
        api_key: Option<String>,
        body: &str,
        now_ms: f64,
        media_base: Option<String>,
    ) -> String {
        let request = Request {
            method,
            path,
            api_key: api_key.as_deref(),
            body,
            media_base: media_base.as_deref(),
        };
        told(self.model.handle(&request, now_ms as u64)).to_string()
    }

    /// The requests for a video so far, as JSON text; `undefined` when there is no such video.
    pub fn requests(&self, id: &str) -> Option<String> {
        let log = self.model.requests(id)?.iter();
        let log: Value = log
            .map(|one| {
                json!({
                    "atMs": one.at_ms,
                    "status": one.status,
                    "fault": one.fault,
                    "key": one.right_key,
                })
            })
            .collect();
        Some(log.to_string())
    }
}

fn thrown(refused: Refused) -> JsValue {
    JsError::new(&refused.to_string()).into()
}

fn told(reply: Reply) -> Value {
    let mut answer = match reply {
        Reply::Reset => return json!({ "fate": "reset" }),
        Reply::Hang => return json!({ "fate": "hang" }),
        Reply::Answer(answer) => answer,
    };
    let mut declared = None;
    let (end, open, filler, close) = match answer.body {
        Body::Whole(text) => {
            declared = (!text.is_empty()).then_some(text.len() as u64);
            ("whole", text, 0, String::new())
        }
        Body::Long {
            open,
            filler,
            close,
        } => {
            declared = Some(open.len() as u64 + filler + close.len() as u64);
            ("whole", open, filler, close)
        }
        Body::Stalled(text) => ("stall", text, 0, String::new()),
        Body::Cut {
            sent,
            declared: all,
        } => {
            declared = Some(all as u64);
            ("cut", sent, 0, String::new())
        }
    };
    if let Some(length) = declared {
        let length = ("content-length", length.to_string());
        answer.headers.push(length);
    }
    json!({
        "fate": "answer",
        "status": answer.status,
        "headers": answer.headers,
        "open": open,
        "filler": filler,
        "close": close,
        "end": end,
    })
}
