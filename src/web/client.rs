//! The client as Rust programs hold it: options that are checked before any request, single
//! questions, and polls. It never shows the key, nor any other header's value, in an error or to `Debug`.
//!
//! `#[inline]` has its functions compiled where they are called and nowhere else: the compiler lays
//! out the npm package's module, which calls none of them, as if they were not there.

use super::attempt::{Attempt, IdleEars};
use super::driver;
use super::fetch::Transport;
use super::poll::{Poll, PollOptions};
use super::value::get;
use crate::core::endpoint::{DEFAULT_BASE_URL, Endpoint, KEY_HEADER, Kind};
use crate::core::error::{ErrorCode, Failure};
use crate::core::machine::{Update, check_id};
use crate::core::progress::Progress;
use crate::core::secret::Secret;
use crate::core::status::VideoStatus;
use js_sys::Function;
use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsValue;
use web_sys::{AbortController, Headers, RequestCredentials, Url};

/// What a client is made of; every part is optional. Made by [`Client::builder`].
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct ClientBuilder {
    api_key: Option<String>,
    base_url: String,
    kind: Kind,
    headers: Vec<(String, String)>,
    credentials: Option<RequestCredentials>,
    fetch: Option<Function>,
    request_timeout: Duration,
    max_response_bytes: usize,
    concurrency: NonZeroU32,
    requests_per_second: f64,
}

impl ClientBuilder {
    /// The key of the account, sent as `x-api-key`. Leave it out where a proxy adds it: whoever opens
    /// a page can read what is in it.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Where to ask, http or https. In a page or a worker it may be relative. Default
    /// `https://iacrea.com`, which sends no CORS headers: a browser needs a proxy.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Which of the two calls to ask with. Default [`Kind::Video`].
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// A header for every request, say a token that your proxy asks for. It replaces an earlier one
    /// of the same name. An `x-api-key` is as secret here as in [`api_key`](Self::api_key), which
    /// wins over it.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether cookies go along. Default: what the host's `fetch` does without being told.
    pub fn credentials(mut self, credentials: RequestCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// A `fetch` to use instead of the global one: a service binding, say, or a test's.
    pub fn fetch(mut self, fetch: Function) -> Self {
        self.fetch = Some(fetch);
        self
    }

    /// For headers and body of one request together, above 0. Default 30 s.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// Longest body of an answer, above 0; a longer one is not read on. Default 1 MiB.
    pub fn max_response_bytes(mut self, limit: usize) -> Self {
        self.max_response_bytes = limit;
        self
    }

    /// How many requests may be in flight at once. Default: as many as there are videos to ask about.
    pub fn concurrency(mut self, limit: NonZeroU32) -> Self {
        self.concurrency = limit;
        self
    }

    /// How many requests may leave in a second, above 0, spread out evenly. Default: as many as the
    /// pace of each video has it. Either way, once the server answers 429, all of them slow down.
    pub fn requests_per_second(mut self, limit: f64) -> Self {
        self.requests_per_second = limit;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: a base URL that is none, or holds a user name, a query or a
    /// fragment; a key or a header that HTTP cannot carry; a key for a place that is reached over
    /// plain http and is not `localhost`, 127.0.0.0/8 or `[::1]`; a limit of 0.
    #[inline]
    pub fn build(self) -> Result<Client, Failure> {
        if self.request_timeout.is_zero() {
            return Err(Failure::invalid("requestTimeout must be above 0"));
        }
        if self.max_response_bytes == 0 {
            return Err(Failure::invalid("maxResponseBytes must be above 0"));
        }
        if self.requests_per_second.is_nan() || self.requests_per_second <= 0.0 {
            return Err(Failure::invalid("requestsPerSecond must be above 0"));
        }
        let headers = self.checked_headers()?;
        // Wherever the key came from, it is as secret.
        let key = headers.get(KEY_HEADER).unwrap_or_default();
        let endpoint = Endpoint::new(&absolute(&self.base_url)?, self.kind, key.as_deref())?;
        let transport = Transport {
            endpoint: endpoint.prefix().to_owned(),
            headers: headers.into(),
            credentials: self.credentials.map(JsValue::from),
            fetch: self.fetch,
            secret: key.as_deref().map(Secret::new),
            // Rounded up, so that nothing above 0 becomes "at once".
            timeout: u64::try_from(self.request_timeout.as_nanos().div_ceil(1_000_000))
                .unwrap_or(u64::MAX),
            max_bytes: self.max_response_bytes,
            words: Cell::new(None),
            why: None,
            leads: None,
            tabs: None,
            ears: IdleEars::default(),
        };
        let (concurrency, rate) = (self.concurrency.get(), self.requests_per_second);
        Ok(Client {
            inner: driver::Client::new(transport, concurrency, rate),
        })
    }

    /// What the host throws at a header that cannot be quotes it, so that is not passed on.
    #[inline]
    fn checked_headers(&self) -> Result<Headers, Failure> {
        let headers = Headers::new().map_err(|_| Failure::new(ErrorCode::Internal))?;
        let key = self.api_key.iter().map(|key| (KEY_HEADER, key.as_str()));
        let given = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in [("accept", "application/json")]
            .into_iter()
            .chain(given)
            .chain(key)
        {
            headers.set(name, value).map_err(|_| {
                Failure::invalid("headers or apiKey hold a character that no HTTP header may")
            })?;
        }
        Ok(headers)
    }
}

/// The base URL as the host reads it: seen from the page, and normalised.
#[inline]
fn absolute(base_url: &str) -> Result<String, Failure> {
    let page = get(&get(&js_sys::global(), "location"), "href").as_string();
    let url = match page {
        Some(page) => Url::new_with_base(base_url, &page),
        None => Url::new(base_url),
    };
    url.map(|url| url.href()).map_err(|_| {
        Failure::invalid("baseUrl must be a URL; only in a browser may it be relative")
    })
}

/// Names of headers, and of their values nothing.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("ClientBuilder")
            .field("api_key", &self.api_key.as_ref().map(|_| "***"))
            .field("kind", &self.kind)
            .field("headers", &names)
            .field("credentials", &self.credentials)
            .field("request_timeout", &self.request_timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish_non_exhaustive()
    }
}

/// All polls of one account. A clone is the same client.
#[derive(Clone)]
pub struct Client {
    inner: Rc<driver::Client>,
}

impl Client {
    /// A client with the options of your choice.
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            api_key: None,
            base_url: DEFAULT_BASE_URL.to_owned(),
            kind: Kind::default(),
            headers: Vec::new(),
            credentials: None,
            fetch: None,
            request_timeout: Duration::from_secs(30),
            max_response_bytes: 1_048_576,
            concurrency: NonZeroU32::MAX,
            requests_per_second: f64::INFINITY,
        }
    }

    /// Asks once how far the video is, and does not try again. Dropping the future aborts the
    /// request. What render progress means on its own is read as [`Progress`] does: a lone 1 is 1 %.
    ///
    /// # Errors
    /// Whatever came instead of a status; a status of [`Status::Error`](super::Status::Error) is none.
    #[inline]
    pub async fn get_status(&self, id: &str) -> Result<VideoStatus, Failure> {
        check_id(id)?;
        let controller = AbortController::new().map_err(|_| Failure::new(ErrorCode::Internal))?;
        let attempt = Attempt::new(controller);
        let mut request = AbortOnDrop(Some(Rc::clone(&attempt)));
        let transport = &self.inner.transport;
        let reply = transport.ask_in_time(id, &attempt).await;
        request.0 = None;
        match reply
            .outcome
            .map_err(Failure::of)
            .and_then(|answer| answer.outcome)
        {
            Ok(mut video) => {
                Progress::default().observe(&mut video, 0);
                Ok(video)
            }
            Err(mut failure) => {
                transport.show(&mut failure, id);
                Err(failure)
            }
        }
    }

    /// Waits until the video is done. Dropping the future ends the poll. Who wants to see progress,
    /// or to go on later from where this stopped, takes [`poll`](Self::poll).
    ///
    /// # Errors
    /// The failure that ended the poll, or [`ErrorCode::InvalidArgument`] before any request.
    #[inline]
    pub async fn wait_for_video(&self, id: &str, options: &PollOptions) -> Result<Update, Failure> {
        self.poll(id, options)?.done().await
    }

    /// Starts at once, and gives the poll to watch and hasten; dropping that ends it. Polls of one id
    /// share their requests, at the tightest pace among them.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: an id that cannot name a video, options that cannot work, or
    /// a token that is damaged, of another version or of another video.
    #[inline]
    pub fn poll(&self, id: &str, options: &PollOptions) -> Result<Poll, Failure> {
        check_id(id)?;
        Poll::start(&self.inner, id, options)
    }

    /// Keeps the client to so many requests in flight at once, for as long as the limit is kept. Of
    /// several the lowest holds.
    #[inline]
    pub fn limit(&self, requests: NonZeroU32) -> Limit {
        Limit {
            _inner: self.inner.limit(requests.get()),
        }
    }
}

/// Where it asks, and of what it sends along nothing.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.transport.endpoint)
            .finish_non_exhaustive()
    }
}

/// A limit on the requests of a client. See [`Client::limit`].
#[must_use = "dropping a limit lifts it"]
pub struct Limit {
    _inner: driver::Limit,
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").finish_non_exhaustive()
    }
}

/// A request that nobody waits for any more is not read to its end.
struct AbortOnDrop(Option<Rc<Attempt>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(attempt) = &self.0 {
            attempt.abort();
        }
    }
}
