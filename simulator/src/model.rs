//! The pretend server: many videos, two documented GETs and three documented POSTs, keys and refusals.
//! A pure function of its calls: it has no clock and no network, and the same seed with the same calls gives the
//! same answers.

use std::collections::HashMap;
use std::fmt;

use crate::catalogue::{Scenario, scenario};
use crate::order::{auto_order, sequence_order, video_order};
use crate::pipeline::Phase;
use crate::random::Random;
use crate::reply::{Reply, Request};
use crate::video::{Asked, Birth, LoggedRequest, Video};

/// Under any mount path, the API begins here.
const API: &str = "/api/video-editor/generate/";

/// How a pretend server is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The key that opens it. By default it takes any key, and requests without one.
    pub api_key: Option<String>,
    /// Decides all that looks like chance. Default 0.
    pub seed: u64,
    /// The scenario of videos that name none. Default `happy`.
    pub scenario: String,
    /// How much faster than a real video; above 0. Default 1.
    pub speed: f64,
    /// Where `clip-1.svg` to `clip-6.svg` and `tour.webm` are. Default `https://simulator.invalid/media`.
    pub media_base: String,
    /// The origin that some redirects point to. Default `https://other-origin.invalid`.
    pub other_origin: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_key: None,
            seed: 0,
            scenario: "happy".to_owned(),
            speed: 1.0,
            media_base: "https://simulator.invalid/media".to_owned(),
            other_origin: "https://other-origin.invalid".to_owned(),
        }
    }
}

/// What one video has of its own; what is absent comes from [`Options`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VideoOptions {
    /// Its scenario.
    pub scenario: Option<String>,
    /// Its seed; by default the server's seed and the number of the video make one.
    pub seed: Option<u64>,
    /// Its speed; above 0.
    pub speed: Option<f64>,
    /// Its id; by default one that looks like a UUID.
    pub id: Option<String>,
    /// The key that opens this video; by default the server's, if it has one.
    pub api_key: Option<String>,
    /// How many clips it has.
    pub clips: Option<usize>,
    /// Its clips have `category` and `text` by either path.
    pub auto: bool,
    /// `landscape` (the default), `portrait` or `square`.
    pub format: Option<String>,
}

/// Why a server or a video cannot be set up like that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// No scenario has this name.
    UnknownScenario(String),
    /// The speed is not a finite number above 0.
    Speed,
    /// The id is empty, or another video has it.
    Id(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScenario(name) => write!(to, "there is no scenario called {name:?}"),
            Self::Speed => to.write_str("speed must be a finite number above 0"),
            Self::Id(id) => write!(to, "the id {id:?} is empty or taken"),
        }
    }
}

impl std::error::Error for Refused {}

/// A pretend IACrea server.
#[derive(Debug, Clone)]
pub struct Simulator {
    options: Options,
    scenario: &'static Scenario,
    random: Random,
    videos: HashMap<String, Video>,
}

impl Simulator {
    /// A server without videos.
    ///
    /// # Errors
    /// When the scenario is unknown or the speed is no finite number above 0.
    pub fn new(options: Options) -> Result<Self, Refused> {
        let scenario = named(&options.scenario)?;
        let speed = sound_speed(options.speed)?;
        Ok(Self {
            scenario,
            random: Random::new(options.seed),
            videos: HashMap::new(),
            options: Options { speed, ..options },
        })
    }

    /// The options it was set up with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A new video with the server's own scenario and speed; its id. `now_ms` is Unix time, here and everywhere.
    pub fn create_video(&mut self, now_ms: u64) -> String {
        let seed = self.random.next();
        let id = self.free_id();
        self.insert(Birth {
            id: id.clone(),
            api_key: self.options.api_key.clone(),
            scenario: self.scenario,
            seed,
            speed: self.options.speed,
            auto: false,
            clips: None,
            format: "landscape".to_owned(),
            now_ms,
        });
        id
    }

    /// A new video with options of its own; its id.
    ///
    /// # Errors
    /// When the scenario is unknown, the speed is no finite number above 0, or the id is empty or taken.
    pub fn create_video_with(
        &mut self,
        video: VideoOptions,
        now_ms: u64,
    ) -> Result<String, Refused> {
        let scenario = video.scenario.as_deref().map_or(Ok(self.scenario), named)?;
        let speed = video.speed.map_or(Ok(self.options.speed), sound_speed)?;
        if let Some(id) = &video.id
            && (id.is_empty() || self.videos.contains_key(id))
        {
            return Err(Refused::Id(id.clone()));
        }
        // Drawn in any case, so that one video's options do not shift the next video's luck.
        let drawn = self.random.next();
        let id = video.id.unwrap_or_else(|| self.free_id());
        self.insert(Birth {
            id: id.clone(),
            api_key: video.api_key.or_else(|| self.options.api_key.clone()),
            scenario,
            seed: video.seed.unwrap_or(drawn),
            speed,
            auto: video.auto,
            clips: video.clips,
            format: video.format.unwrap_or_else(|| "landscape".to_owned()),
            now_ms,
        });
        Ok(id)
    }

    /// Answers one request. A GET for a video with the right key drives that video's pipeline.
    pub fn handle(&mut self, request: &Request<'_>, now_ms: u64) -> Reply {
        match (request.method, route(request.path)) {
            ("GET", Some(Route::Video { id, auto })) => self.get(request, &id, auto, now_ms),
            ("POST", Some(Route::Order { auto })) => self.order(request, auto, now_ms),
            ("POST", Some(Route::Sequence { id })) => self.redo(request, &id),
            (_, Some(_)) => Reply::refusal(405, "Method not allowed"),
            (_, None) => Reply::refusal(404, "Not found"),
        }
    }

    /// The requests for a video so far, in order; none when there is no such video.
    #[must_use]
    pub fn requests(&self, id: &str) -> Option<&[LoggedRequest]> {
        self.videos.get(id).map(Video::log)
    }

    /// What the last right answer for a video said; PENDING before the first.
    #[must_use]
    pub fn phase(&self, id: &str) -> Option<Phase> {
        self.videos.get(id).map(Video::phase)
    }

    /// The scenario of a video.
    #[must_use]
    pub fn scenario(&self, id: &str) -> Option<&'static Scenario> {
        self.videos.get(id).map(Video::scenario)
    }

    /// The speed of a video.
    #[must_use]
    pub fn speed(&self, id: &str) -> Option<f64> {
        self.videos.get(id).map(Video::speed)
    }

    /// The video that a path asks for, known or not.
    #[must_use]
    pub fn video_in(path: &str) -> Option<String> {
        match route(path) {
            Some(Route::Video { id, .. }) => Some(id),
            _ => None,
        }
    }

    fn get(&mut self, request: &Request<'_>, id: &str, auto: bool, now_ms: u64) -> Reply {
        let asked = Asked {
            now_ms,
            auto,
            media_base: request.media_base.unwrap_or(&self.options.media_base),
            other_origin: &self.options.other_origin,
            path: request.path,
        };
        match self.videos.get_mut(id) {
            Some(video) if video.opens_with(request.api_key) => video.ask(asked),
            Some(video) => video.refuse(now_ms),
            None => match self.locked(request) {
                Some(refusal) => refusal,
                None => Reply::refusal(404, "Video not found"),
            },
        }
    }

    fn order(&mut self, request: &Request<'_>, auto: bool, now_ms: u64) -> Reply {
        if let Some(refusal) = self.locked(request) {
            return refusal;
        }
        let read = if auto { auto_order } else { video_order };
        let order = match read(request.body) {
            Ok(order) => order,
            Err(words) => return Reply::refusal(400, words),
        };
        let created = self.create_video_with(
            VideoOptions {
                clips: Some(order.clips),
                format: Some(order.format),
                auto,
                ..VideoOptions::default()
            },
            now_ms,
        );
        match created.ok().and_then(|id| self.videos.get(&id)) {
            Some(video) => Reply::json(201, &video.receipt()),
            None => Reply::refusal(500, "Internal server error"),
        }
    }

    fn redo(&mut self, request: &Request<'_>, id: &str) -> Reply {
        let clip = match sequence_order(request.body) {
            Ok(clip) => clip,
            Err(words) => return Reply::refusal(400, words),
        };
        match self.videos.get_mut(id) {
            Some(video) if video.opens_with(request.api_key) => video.redo(&clip),
            Some(_) => Reply::refusal(401, "Invalid or missing API key"),
            None => match self.locked(request) {
                Some(refusal) => refusal,
                None => Reply::refusal(404, "Video not found"),
            },
        }
    }

    /// The refusal of whoever lacks the server's key, where it has one.
    fn locked(&self, request: &Request<'_>) -> Option<Reply> {
        (!opens(self.options.api_key.as_deref(), request.api_key))
            .then(|| Reply::refusal(401, "Invalid or missing API key"))
    }

    fn insert(&mut self, birth: Birth) {
        self.videos.insert(birth.id.clone(), Video::new(birth));
    }

    fn free_id(&mut self) -> String {
        loop {
            let id = self.random.uuid();
            if !self.videos.contains_key(&id) {
                return id;
            }
        }
    }
}

/// Whether a request with `key` is let in where `wanted` is the key to have, if any.
pub(crate) fn opens(wanted: Option<&str>, key: Option<&str>) -> bool {
    wanted.is_none() || wanted == key
}

fn named(name: &str) -> Result<&'static Scenario, Refused> {
    scenario(name).ok_or_else(|| Refused::UnknownScenario(name.to_owned()))
}

fn sound_speed(speed: f64) -> Result<f64, Refused> {
    if speed.is_finite() && speed > 0.0 {
        Ok(speed)
    } else {
        Err(Refused::Speed)
    }
}

enum Route {
    Video { id: String, auto: bool },
    Order { auto: bool },
    Sequence { id: String },
}

fn route(path: &str) -> Option<Route> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (_, under) = path.split_once(API)?;
    let parts: Vec<&str> = under.split('/').collect();
    match parts.as_slice() {
        ["video"] => Some(Route::Order { auto: false }),
        // `auto` alone is both the order and, for a GET, the id of no video.
        ["video", "auto"] => Some(Route::Order { auto: true }),
        ["video", id] => decoded(id).map(|id| Route::Video { id, auto: false }),
        ["video", "auto", id] => decoded(id).map(|id| Route::Video { id, auto: true }),
        ["sequence", id] => decoded(id).map(|id| Route::Sequence { id }),
        _ => None,
    }
}

/// A path segment with its percent escapes undone; none when it is empty or no UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (after, bytes.push(high << 4 | low)),
                _ => return None,
            },
            (b'%', _) => return None,
            _ => (after, bytes.push(*first)),
        };
    }
    String::from_utf8(bytes).ok().filter(|id| !id.is_empty())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}
