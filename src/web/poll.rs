//! One poll as a Rust program holds it: its options, and its updates as a stream. It keeps the newest
//! update alone, so a slow reader is never behind; and once it is dropped no request follows.

use super::driver::{self, Notification};
use crate::core::error::{ErrorCode, Failure};
use crate::core::machine::{Retry, Update};
use crate::core::options::RawOptions;
use crate::core::session::PollEvent;
use futures_core::Stream;
use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll as Progressed, Waker};
use std::time::Duration;
use wasm_bindgen::JsValue;

/// How long to wait, how often to ask, when to give up, and where to go on. What is not given has
/// its default.
///
/// ```
/// use iacrea_video::web::PollOptions;
/// use std::time::Duration;
///
/// let patient = PollOptions::new().timeout(Duration::from_secs(3_600));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PollOptions {
    numbers: RawOptions,
    resume_token: Option<String>,
}

impl PollOptions {
    /// All defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From the start to the deadline, above 0. Default 20 minutes; [`Duration::MAX`] waits for ever.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.numbers.timeout_ms = Some(if limit == Duration::MAX {
            f64::INFINITY
        } else {
            milliseconds(limit)
        });
        self
    }

    /// Shortest pause between two requests. Default 2 s.
    #[must_use]
    pub fn min_interval(mut self, pause: Duration) -> Self {
        self.numbers.min_interval_ms = Some(milliseconds(pause));
        self
    }

    /// Longest pause between two requests while all is well, not below the shortest. Default 5 s.
    #[must_use]
    pub fn max_interval(mut self, pause: Duration) -> Self {
        self.numbers.max_interval_ms = Some(milliseconds(pause));
        self
    }

    /// Transient failures in a row at which to give up, from 1. Default 10; [`u32::MAX`] never does.
    #[must_use]
    pub fn max_consecutive_failures(mut self, count: u32) -> Self {
        self.numbers.max_consecutive_failures = Some(if count == u32::MAX {
            f64::INFINITY
        } else {
            f64::from(count)
        });
        self
    }

    /// Goes on where the poll that wrote this token stopped, with its deadline and progress. What the
    /// token knows is the first update, before any response: status, `overall`, and how far each clip
    /// was. `None`
    /// starts afresh, so what a storage gives may be passed as it is. A token can be forged, so it makes
    /// a poll slower or shorter than it would be without, and never faster or longer: whoever used
    /// shorter intervals or longer limits than the defaults gives them again.
    #[must_use]
    pub fn resume_token(mut self, token: impl Into<Option<String>>) -> Self {
        self.resume_token = token.into();
        self
    }
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

/// A poll under way. It is a [`Stream`] of updates that ends after the video or after one failure.
/// Dropping it leaves the poll: the last to leave a video aborts its request, and nothing follows.
#[must_use = "dropping a poll ends it"]
pub struct Poll {
    inner: driver::Poll,
    inbox: Rc<RefCell<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    /// Not yet taken by the reader.
    news: Option<Update>,
    last: Option<Update>,
    retrying: Option<Retry>,
    raw: JsValue,
    /// As of the last notice.
    token: String,
    end: Option<Result<Update, Failure>>,
    /// The reader has been told of the end.
    is_read: bool,
    reader: Option<Waker>,
}

impl Inbox {
    /// Takes in what is new; returns whom to wake.
    fn take_in(&mut self, news: Notification) -> Option<Waker> {
        self.token = news.token;
        let mut wakes = news.update.is_some();
        if let Some((update, raw)) = news.update {
            self.last = Some(update.clone());
            self.news = Some(update);
            self.raw = raw;
        }
        if let Some(event) = news.event {
            self.retrying = None;
            match event {
                PollEvent::Retrying(retry, _) => self.retrying = Some(retry),
                PollEvent::Recovered => {}
                PollEvent::Done => {
                    let last = self.last.clone();
                    self.end = Some(last.ok_or(Failure::new(ErrorCode::Internal)));
                }
                PollEvent::Failed(failure, _) => self.end = Some(Err(failure)),
            }
            wakes |= self.end.is_some();
        }
        self.reader.take_if(|_| wakes)
    }

    fn wait(&mut self, context: &Context<'_>) {
        self.reader = Some(context.waker().clone());
    }
}

impl Poll {
    pub(super) fn start(
        client: &Rc<driver::Client>,
        id: &str,
        options: &PollOptions,
    ) -> Result<Self, Failure> {
        let inbox = Rc::<RefCell<Inbox>>::default();
        let letters = Rc::clone(&inbox);
        let inner = client.poll(
            id,
            options.numbers,
            options.resume_token.as_deref(),
            Box::new(move |news| {
                let reader = letters.borrow_mut().take_in(news);
                if let Some(reader) = reader {
                    reader.wake();
                }
            }),
        )?;
        Ok(Self { inner, inbox })
    }

    /// The newest update that was not told yet, as soon as there is one. `None` once the finished
    /// video, or the failure that ended the poll, has been told. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The failure that ended the poll, once.
    pub async fn next(&mut self) -> Option<Result<Update, Failure>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Waits until the poll is over. It may be called along with [`next`](Self::next), and again.
    ///
    /// # Errors
    /// The failure that ended the poll.
    pub async fn done(&mut self) -> Result<Update, Failure> {
        poll_fn(|context| {
            let mut inbox = self.inbox.borrow_mut();
            match &inbox.end {
                Some(outcome) => Progressed::Ready(outcome.clone()),
                None => {
                    inbox.wait(context);
                    Progressed::Pending
                }
            }
        })
        .await
    }

    /// Asks now instead of after the pause, say because a webhook came in; never sooner than the
    /// server allows, nor than a second (or `min_interval`, where that is shorter) after the last request:
    /// then it asks as soon as that is over. While a request is under way it waits for that one's answer.
    pub fn ask_now(&self) {
        self.inner.poll_now();
    }

    /// What another poll needs to go on from here: text that fits into a cookie or a URL (at most
    /// 2 KB for a video of 50 clips) and holds no key.
    #[must_use]
    pub fn resume_token(&self) -> String {
        // Once it is over, the poll itself is gone.
        let told = || self.inbox.borrow().token.clone();
        self.inner.token().unwrap_or_else(told)
    }

    /// The failure that is being retried now, also before the first status.
    #[must_use]
    pub fn retrying(&self) -> Option<Retry> {
        self.inbox.borrow().retrying.clone()
    }

    /// The body of the last status as the server sent it, parsed; `undefined` before the first. The
    /// key is not in it, should the server have repeated it.
    #[must_use]
    pub fn raw(&self) -> JsValue {
        self.inbox.borrow().raw.clone()
    }
}

impl Stream for Poll {
    type Item = Result<Update, Failure>;

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Progressed<Option<Self::Item>> {
        let mut inbox = self.inbox.borrow_mut();
        if let Some(update) = inbox.news.take() {
            return Progressed::Ready(Some(Ok(update)));
        }
        let Inbox { end, is_read, .. } = &mut *inbox;
        match end {
            None => {
                inbox.wait(context);
                Progressed::Pending
            }
            Some(Err(failure)) if !*is_read => {
                *is_read = true;
                Progressed::Ready(Some(Err(failure.clone())))
            }
            Some(_) => Progressed::Ready(None),
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.inner.leave();
    }
}

impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inbox = self.inbox.borrow();
        f.debug_struct("Poll")
            .field("last", &inbox.last)
            .field("end", &inbox.end)
            .finish_non_exhaustive()
    }
}
