//! Time, and the signs that it is worth asking now: a clock that nobody can step back, one-shot
//! alarms, and the browser's word that the tab or the network is back.

use super::value::{get, get_function};
use crate::core::Millis;
use crate::core::session::Time;
use gloo_timers::callback::Timeout;
use js_sys::Date;
use std::cell::Cell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now, catch)]
    fn performance_now() -> Result<f64, JsValue>;
}

/// Unix time that goes on from when the clock was made, whatever is done to the wall clock. It never goes back: where
/// `performance.now` does, as when the fake timers of a test are taken away, that counts as no time.
pub(super) struct Clock {
    origin: Cell<f64>,
    /// What `performance.now` said last.
    reading: Cell<f64>,
}

impl Clock {
    pub(super) fn new() -> Self {
        let reading = reading().unwrap_or_default();
        Self {
            origin: Cell::new(Date::now() - reading),
            reading: Cell::new(reading),
        }
    }

    pub(super) fn time(&self) -> Time {
        let before = self.reading.get();
        let reading = reading().unwrap_or(before);
        self.reading.set(reading);
        let back = (before - reading).max(0.0);
        self.origin.set(self.origin.get() + back);
        let now = self.origin.get() + reading;
        Time {
            now: now as Millis,
            ahead: (now - Date::now()) as i64,
        }
    }
}

/// Nothing where the host has no such clock, or one that says something else.
fn reading() -> Option<f64> {
    performance_now().ok().filter(|reading| reading.is_finite())
}

/// Longest delay that every host keeps; a longer one would fire at once.
const LONGEST: Millis = i32::MAX as Millis;

/// Calls back after `delay`, or earlier where the delay is longer than a timer can hold: whoever is
/// woken looks at the clock and sleeps on. Dropping it clears the timer. Both call the host, whose timers may
/// be of any make, so nothing may be borrowed then.
#[must_use = "dropping an alarm clears it"]
pub(super) fn alarm(delay: Millis, ring: impl FnOnce() + 'static) -> Timeout {
    Timeout::new(delay.min(LONGEST) as u32, ring)
}

/// Whether the host knows that it has no network.
pub(super) fn is_offline() -> bool {
    get(&get(&js_sys::global(), "navigator"), "onLine") == false
}

/// What a browser has told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// The tab or the network is back.
    Back,
    /// The page was frozen and is no more. Chromium may lose a body that was on its way then: whoever
    /// waits for it waits in vain.
    Thawed,
}

/// Listens, where there is a browser around, for the tab coming back to the front or out of the
/// back/forward cache, for the page being thawed, and for the network coming back. Dropping it stops
/// listening.
#[must_use = "dropping it stops listening"]
pub(super) struct Hints {
    listening: Vec<(JsValue, &'static str)>,
    listener: Closure<dyn FnMut(JsValue)>,
}

impl Hints {
    pub(super) fn listen(mut act: impl FnMut(Hint) + 'static) -> Self {
        let global: JsValue = js_sys::global().into();
        let document = get(&global, "document");
        let shown = document.clone();
        let listener = Closure::new(move |event: JsValue| {
            if get(&event, "type") == "resume" {
                act(Hint::Thawed);
            } else if get(&shown, "visibilityState") != "hidden" {
                act(Hint::Back);
            }
        });
        let mut hints = Self {
            listening: Vec::new(),
            listener,
        };
        // Only a browser knows `onLine`; elsewhere a listener on the global means something else.
        if get(&get(&global, "navigator"), "onLine")
            .as_bool()
            .is_some()
        {
            for (target, event) in [
                (&document, "visibilitychange"),
                (&document, "resume"),
                (&global, "pageshow"),
                (&global, "online"),
            ] {
                if hints.call(target, "addEventListener", event) {
                    hints.listening.push((target.clone(), event));
                }
            }
        }
        hints
    }

    fn call(&self, target: &JsValue, method: &str, event: &str) -> bool {
        get_function(target, method).is_some_and(|method| {
            method
                .call2(target, &event.into(), self.listener.as_ref())
                .is_ok()
        })
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        for (target, event) in &self.listening {
            self.call(target, "removeEventListener", event);
        }
    }
}
