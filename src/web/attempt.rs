//! One request under way: what aborts it, and what it waits for. Not every promise settles, for a `fetch` may
//! heed no signal and a stream may stall for ever; an aborted request waits for none of them.

use super::value::get;
use js_sys::JsString;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

#[wasm_bindgen]
extern "C" {
    /// What is awaited may be of whatever make, so it gets no say here: an own promise of the host stands
    /// for it, and that one's `then` is the host's own.
    #[wasm_bindgen(js_name = Promise)]
    type Standing;
    #[wasm_bindgen(static_method_of = Standing, catch, js_class = Promise)]
    fn resolve(value: &JsValue) -> Result<Standing, JsValue>;
    #[wasm_bindgen(method, final, catch, js_class = Promise)]
    fn then(this: &Standing, on_value: &JsValue, on_error: &JsValue) -> Result<JsValue, JsValue>;
}

/// There is no answer: fetch rejected, what it gave is no response, or the request was aborted. What was thrown
/// is kept beside, in [`Patience::rejection`].
pub(super) struct NoAnswer;

impl From<JsValue> for NoAnswer {
    fn from(_: JsValue) -> Self {
        Self
    }
}

/// A request, from when it is decided on to when its reply is there.
pub(super) struct Attempt {
    pub(super) controller: AbortController,
    is_aborted: Cell<bool>,
    is_late: Cell<bool>,
    has_status: Cell<bool>,
    /// Whoever waits for an answer.
    heard: Cell<Option<Rc<Heard>>>,
}

impl Attempt {
    pub(super) fn new(controller: AbortController) -> Rc<Self> {
        Rc::new(Self {
            controller,
            is_aborted: Cell::new(false),
            is_late: Cell::new(false),
            has_status: Cell::new(false),
            heard: Cell::new(None),
        })
    }

    /// Calls whoever listens to the signal, so with nothing borrowed; once, for a controller of some other make
    /// would call them again.
    pub(super) fn abort(&self) {
        if self.is_aborted.replace(true) {
            return;
        }
        self.controller.abort();
        if let Some(heard) = self.heard.take() {
            heard.wake();
        }
    }

    /// Its time is over.
    pub(super) fn expire(&self) {
        self.is_late.set(true);
        self.abort();
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.get()
    }

    pub(super) fn is_late(&self) -> bool {
        self.is_late.get()
    }

    /// The head of a response is there.
    pub(super) fn note_status(&self) {
        self.has_status.set(true);
    }

    pub(super) fn has_status(&self) -> bool {
        self.has_status.get()
    }
}

/// What a promise came to, for whoever waits for it.
#[derive(Default)]
struct Heard {
    settled: Cell<Option<Result<JsValue, NoAnswer>>>,
    /// A promise has not settled yet.
    is_pending: Cell<bool>,
    /// What one was rejected with.
    rejection: Cell<Option<JsValue>>,
    waker: Cell<Option<Waker>>,
    /// Of ears that were dropped before the promise settled, where only the promise can let go of them.
    orphans: Cell<[Option<Ear>; 2]>,
}

impl Heard {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Hears one promise after the other. Functions for JavaScript cost more than all else about a promise, so they
/// are made once, and kept for the next request.
pub(super) struct Ears {
    heard: Rc<Heard>,
    /// For a value, and for an error.
    ears: [Option<Ear>; 2],
}

type Ear = Closure<dyn FnMut(JsValue)>;

impl Ears {
    fn new() -> Self {
        let heard = Rc::<Heard>::default();
        let ear = |is_value: bool| {
            let heard = Rc::clone(&heard);
            let hear = move |settled| {
                heard.is_pending.set(false);
                let settled = if is_value {
                    Ok(settled)
                } else {
                    heard.rejection.set(Some(settled));
                    Err(NoAnswer)
                };
                heard.settled.set(Some(settled));
                heard.wake();
                // It may be one of these that runs now: the glue frees it after its call.
                drop(heard.orphans.take());
            };
            Some(Ear::new(hear))
        };
        Self {
            ears: [ear(true), ear(false)],
            heard,
        }
    }
}

impl Drop for Ears {
    /// What a promise may still call is the host's, which lets go of it with that promise; on a host that does not tell
    /// what is garbage, it is let go of once the promise has settled.
    fn drop(&mut self) {
        if !self.heard.is_pending.get() {
            return;
        }
        let ears = std::mem::take(&mut self.ears);
        if get(&js_sys::global(), "FinalizationRegistry").is_undefined() {
            self.heard.orphans.set(ears);
        } else {
            for ear in ears.into_iter().flatten() {
                ear.into_js_value();
            }
        }
    }
}

/// Ears that hear nothing now.
#[derive(Default)]
pub(super) struct IdleEars(RefCell<Vec<Ears>>);

impl IdleEars {
    /// Only a crowd asks about more at once.
    const MOST: usize = 16;

    pub(super) fn take(&self) -> Ears {
        self.0.borrow_mut().pop().unwrap_or_else(Ears::new)
    }

    pub(super) fn put(&self, ears: Ears) {
        let mut idle = self.0.borrow_mut();
        if idle.len() < Self::MOST && !ears.heard.is_pending.get() {
            idle.push(ears);
        }
    }
}

/// How one attempt waits.
pub(super) struct Patience<'a> {
    attempt: &'a Attempt,
    ears: &'a Ears,
}

impl<'a> Patience<'a> {
    pub(super) fn new(attempt: &'a Attempt, ears: &'a Ears) -> Self {
        attempt.heard.set(Some(Rc::clone(&ears.heard)));
        ears.heard.rejection.take();
        Self { attempt, ears }
    }

    /// What `fetch` threw, or a promise was rejected with, as long as nobody has taken it.
    pub(super) fn rejection(&self) -> Option<JsValue> {
        self.ears.heard.rejection.take()
    }

    pub(super) fn reject(&self, thrown: JsValue) {
        self.ears.heard.rejection.set(Some(thrown));
    }

    /// Whether a promise was rejected with words about a redirect.
    pub(super) fn names_redirect(&self) -> bool {
        let rejection = self.rejection().unwrap_or_default();
        let message = get(&rejection, "message").dyn_into::<JsString>();
        self.reject(rejection);
        message.is_ok_and(|text| text.includes("redirect", 0))
    }

    /// What `promise`, or whatever else it is, comes to, unless the attempt is aborted first.
    pub(super) async fn settled(&self, promise: &JsValue) -> Result<JsValue, NoAnswer> {
        let Ears { heard, ears } = self.ears;
        let [Some(on_value), Some(on_error)] = ears else {
            return Err(NoAnswer);
        };
        Standing::resolve(promise)?.then(on_value.as_ref(), on_error.as_ref())?;
        heard.is_pending.set(true);
        poll_fn(|context| {
            // Taken in any case: what an abort makes of a promise is not for the next request to hear.
            match heard.settled.take() {
                _ if self.attempt.is_aborted.get() => Poll::Ready(Err(NoAnswer)),
                Some(settled) => Poll::Ready(settled),
                None => {
                    heard.waker.set(Some(context.waker().clone()));
                    Poll::Pending
                }
            }
        })
        .await
    }
}
