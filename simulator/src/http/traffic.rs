//! The model behind a lock, and what became of each request: sent, aborted by the caller, or still open.
//! The lock is held for one answer at a time and never across an await.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::{Refused, Reply, Request, Simulator, VideoOptions};

/// The pretend server, shared by all connections.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<Inner>>);

struct Inner {
    simulator: Simulator,
    traffic: HashMap<String, Traffic>,
    all: InFlight,
}

#[derive(Default)]
struct Traffic {
    latency: Duration,
    /// In the order of the model's log.
    fates: Vec<Fate>,
    in_flight: InFlight,
}

#[derive(Default)]
struct InFlight {
    now: usize,
    most: usize,
    total: usize,
}

impl InFlight {
    fn begin(&mut self) {
        self.now += 1;
        self.total += 1;
        self.most = self.most.max(self.now);
    }

    fn end(&mut self) {
        self.now = self.now.saturating_sub(1);
    }
}

#[derive(Clone, Copy)]
enum Fate {
    Open,
    Sent,
    Aborted,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sent => "sent",
            Self::Aborted => "aborted",
        }
    }
}

impl Server {
    pub(crate) fn new(simulator: Simulator) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            simulator,
            traffic: HashMap::new(),
            all: InFlight::default(),
        })))
    }

    pub(crate) fn create(
        &self,
        video: VideoOptions,
        latency: Duration,
        now_ms: u64,
    ) -> Result<String, Refused> {
        let mut inner = self.lock();
        let id = inner.simulator.create_video_with(video, now_ms)?;
        inner.traffic.entry(id.clone()).or_default().latency = latency;
        Ok(id)
    }

    /// The model's answer, the ticket of this request, and how long to wait before the answer is sent.
    pub(crate) fn ask(&self, request: &Request<'_>) -> (Reply, Ticket, Duration) {
        let mut inner = self.lock();
        let reply = inner.simulator.handle(request, unix_ms());
        let video = Simulator::video_in(request.path)
            .filter(|id| request.method == "GET" && inner.simulator.phase(id).is_some());
        inner.all.begin();
        let (place, latency) = match video {
            None => (None, Duration::ZERO),
            Some(id) => {
                let traffic = inner.traffic.entry(id.clone()).or_default();
                traffic.fates.push(Fate::Open);
                traffic.in_flight.begin();
                (Some((id, traffic.fates.len() - 1)), traffic.latency)
            }
        };
        let ticket = Ticket {
            server: self.clone(),
            place,
            fate: Fate::Aborted,
        };
        (reply, ticket, latency)
    }

    /// One video and the requests for it.
    pub(crate) fn show(&self, id: &str) -> Option<Value> {
        let inner = self.lock();
        let log = inner.simulator.requests(id)?;
        let none = Traffic::default();
        let traffic = inner.traffic.get(id).unwrap_or(&none);
        let requests: Vec<Value> = log
            .iter()
            .zip(&traffic.fates)
            .map(|(one, fate)| {
                json!({
                    "atMs": one.at_ms,
                    "status": one.status,
                    "fault": one.fault,
                    "finished": fate.name(),
                    "key": one.right_key,
                })
            })
            .collect();
        Some(json!({
            "id": id,
            "scenario": inner.simulator.scenario(id)?.name,
            "speed": inner.simulator.speed(id)?,
            "status": inner.simulator.phase(id)?.status(),
            "key": log.iter().all(|one| one.right_key),
            "requests": requests,
            "inFlight": traffic.in_flight.now,
            "maxInFlight": traffic.in_flight.most,
        }))
    }

    /// The requests to the API, all videos together.
    pub(crate) fn traffic(&self) -> Value {
        let inner = self.lock();
        json!({
            "requests": inner.all.total,
            "inFlight": inner.all.now,
            "maxInFlight": inner.all.most,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock still guards whole data: no call leaves it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request on its way. Dropped before `sent`, it counts as aborted by the caller.
#[must_use = "dropping it says that the caller went away"]
pub(crate) struct Ticket {
    server: Server,
    /// The video and the place in its log; none for requests that are for no known video.
    place: Option<(String, usize)>,
    fate: Fate,
}

impl Ticket {
    /// The answer is out, as far as this server is concerned.
    pub(crate) fn sent(mut self) {
        self.fate = Fate::Sent;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inner = self.server.lock();
        inner.all.end();
        let Some((id, index)) = &self.place else {
            return;
        };
        let Some(traffic) = inner.traffic.get_mut(id) else {
            return;
        };
        traffic.in_flight.end();
        if let Some(fate) = traffic.fates.get_mut(*index) {
            *fate = self.fate;
        }
    }
}

/// Unix time in milliseconds; 0 for a clock set before 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
