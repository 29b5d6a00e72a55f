//! Carries polls with reqwest and tokio: it sends, sleeps and reports as the machine commands, and
//! decides nothing about videos itself. The key goes to the API alone: never behind a redirect, and
//! never on into what is shown.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use iacrea_video::core::Millis;
use iacrea_video::core::answer::{Answer, Response};
use iacrea_video::core::endpoint::{Endpoint, KEY_HEADER, Kind};
use iacrea_video::core::error::Failure;
use iacrea_video::core::host::Native;
use iacrea_video::core::machine::{Command, Event, Machine, Step, Update};
use iacrea_video::core::secret::Secret;
use iacrea_video::core::status::VideoStatus;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use rustls::crypto::ring;
use tokio::time::{sleep, timeout};

const MAX_RESPONSE_BYTES: usize = 1_048_576;

/// How one account asks.
pub struct Carrier {
    http: reqwest::Client,
    endpoint: Endpoint,
    secret: Option<Secret>,
    /// The machine's clock.
    pub clock: Clock,
}

impl Carrier {
    /// `limit` is for headers and body of one request together.
    pub fn new(base: &str, key: Option<String>, limit: Duration) -> Result<Self, Box<dyn Error>> {
        let endpoint = Endpoint::new(base, Kind::Video, key.as_deref())?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            let mut value = HeaderValue::from_str(key)?;
            value.set_sensitive(true);
            headers.insert(KEY_HEADER, value);
        }
        // It fails where the process has chosen a provider before, which is as good.
        let _ = ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(Policy::none())
            .timeout(limit)
            .build()?;
        Ok(Self {
            http,
            endpoint,
            secret: key.as_deref().map(Secret::new),
            clock: Clock(unix_time(), Instant::now()),
        })
    }

    /// Goes on from a step of `machine` until its video is done. Whoever stops waiting finds in the
    /// machine what going on takes.
    pub async fn wait(
        &self,
        id: &str,
        machine: &mut Machine,
        mut step: Step,
        tell: impl Fn(&Update),
    ) -> Result<Arc<VideoStatus>, Failure> {
        let mut last = None;
        loop {
            if let Some(update) = step.update {
                tell(&update);
                last = Some(update.video);
            }
            let event = match step.command {
                Command::Fetch { give_up_at } => {
                    let limit = give_up_at.map_or(Duration::MAX, |at| self.clock.until(at));
                    match timeout(limit, self.ask(id)).await {
                        Ok(Ok(answer)) => Event::Answer(answer),
                        Ok(Err(_)) => Event::NetworkError,
                        Err(_) => Event::Wake,
                    }
                }
                Command::Sleep { until } => {
                    sleep(self.clock.until(until)).await;
                    Event::Wake
                }
                Command::Done => return last.ok_or(Failure::invalid("the poll was over before")),
                Command::Failed(failure) => return Err(self.located(failure, id)),
            };
            step = machine.step(event, self.clock.now());
        }
    }

    /// With the address that the message is to name.
    fn located(&self, failure: Failure, id: &str) -> Failure {
        let url = self.endpoint.url(id);
        let url = match &self.secret {
            Some(secret) => secret.redact_body(&url, true).into_owned(),
            None => url,
        };
        failure.at(url, self.secret.is_some())
    }

    /// One request; an error is that there was no answer.
    async fn ask(&self, id: &str) -> reqwest::Result<Answer> {
        let mut response = self.http.get(self.endpoint.url(id)).send().await?;
        let status = response.status();
        let header = |name| response.headers().get(name).cloned();
        let (retry_after, date) = (header(RETRY_AFTER), header(DATE));
        let (mut bytes, mut oversized) = (Vec::new(), false);
        while let Some(chunk) = match response.chunk().await {
            // The code of an error says enough, also where its words do not come through.
            Err(_) if !status.is_success() => None,
            chunk => chunk?,
        } {
            oversized = bytes.len() + chunk.len() > MAX_RESPONSE_BYTES;
            if oversized {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        let body = String::from_utf8_lossy(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes));
        // A server that repeats the key must not carry it into an error or a log.
        let body = match &self.secret {
            Some(secret) => secret.redact_body(&body, !oversized),
            None => body.as_ref().into(),
        };
        let response = Response {
            http_status: status.as_u16(),
            retry_after: retry_after.as_ref().and_then(|value| value.to_str().ok()),
            date: date.as_ref().and_then(|value| value.to_str().ok()),
            body: &body,
            oversized,
        };
        Ok(Answer::read::<Native>(response, id))
    }
}

/// Unix time that goes on steadily from when it was read, whatever is done to the wall clock.
pub struct Clock(Duration, Instant);

impl Clock {
    /// The time, for each step of a machine.
    pub fn now(&self) -> Millis {
        (self.0 + self.1.elapsed()).as_millis() as Millis
    }

    /// How far this clock is ahead of the wall clock by now; a resume token wants to know.
    pub fn ahead(&self) -> i64 {
        self.now() as i64 - unix_time().as_millis() as i64
    }

    fn until(&self, at: Millis) -> Duration {
        Duration::from_millis(at.saturating_sub(self.now()))
    }
}

fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
