//! The options of a poll, checked. Nothing that passes here can make the machine misbehave.

use super::Millis;
use super::error::Failure;

/// How long to wait, how often to ask, when to give up. All times are in milliseconds.
///
/// ```
/// use iacrea_video::core::options::Options;
///
/// let patient = Options { timeout: Some(3_600_000), ..Options::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// From the first request to the deadline; `None` waits for ever. Default 20 minutes, the upper
    /// end of the server's own advice (documented).
    pub timeout: Option<Millis>,
    /// Shortest pause between two requests. Default 2 s, the server's own advice (documented).
    pub min_interval: Millis,
    /// Longest pause between two requests while all is well; at least `min_interval`. Default 5 s,
    /// likewise.
    pub max_interval: Millis,
    /// Transient failures in a row at which to give up, from 1; `u32::MAX` never does. Default 10.
    pub max_failures: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Some(1_200_000),
            min_interval: 2_000,
            max_interval: 5_000,
            max_failures: 10,
        }
    }
}

impl Options {
    /// The nearest options that can work: no time reaches beyond ten thousand years, the longest
    /// pause makes way for a shortest one above it, and the first failure is the earliest to give up
    /// at. What [`RawOptions::check`] returns is sound already.
    #[must_use]
    pub fn sound(self) -> Self {
        let longest = LONGEST as Millis;
        let min_interval = self.min_interval.min(longest);
        Self {
            timeout: self.timeout.map(|timeout| timeout.min(longest)),
            min_interval,
            max_interval: self.max_interval.clamp(min_interval, longest),
            max_failures: self.max_failures.max(1),
        }
    }

    /// These where they ask less of a server than `base`, and `base` where they do not: no shorter
    /// intervals, no longer wait, no more failures.
    #[must_use]
    pub(super) fn held_to(self, base: &Self) -> Self {
        Self {
            timeout: sooner(self.timeout, base.timeout),
            min_interval: self.min_interval.max(base.min_interval),
            max_interval: self.max_interval.max(base.max_interval),
            max_failures: self.max_failures.min(base.max_failures),
        }
    }
}

/// Of two times the one that comes first; `None` is never.
pub(super) fn sooner(one: Option<Millis>, other: Option<Millis>) -> Option<Millis> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Options as numbers from outside, in milliseconds, not yet checked; `None` is "not given".
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RawOptions {
    /// Above 0; infinity allowed.
    pub timeout_ms: Option<f64>,
    /// At least 0.
    pub min_interval_ms: Option<f64>,
    /// At least `min_interval_ms`.
    pub max_interval_ms: Option<f64>,
    /// A whole number from 1; infinity allowed.
    pub max_consecutive_failures: Option<f64>,
}

/// Ten thousand years: later than any deadline, small enough for every sum of two.
const LONGEST: f64 = 3.2e14;

impl RawOptions {
    /// Checks what is given; what is not given is taken from `base`. Of two bounds the one that is
    /// given moves the other out of its way.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`](super::error::ErrorCode::InvalidArgument), naming the option as
    /// the npm package does.
    pub fn check(self, base: &Options) -> Result<Options, Failure> {
        let timeout = match self.timeout_ms {
            None => base.timeout,
            Some(ms) if ms == f64::INFINITY => None,
            Some(ms) if ms > 0.0 => Some(whole(ms)),
            Some(_) => return Err(Failure::invalid("timeoutMs must be a number above 0")),
        };
        let interval = |given: Option<f64>, error: &str| match given {
            None => Ok(None),
            Some(ms) if ms >= 0.0 && ms.is_finite() => Ok(Some(whole(ms))),
            Some(_) => Err(Failure::invalid(error)),
        };
        let min = interval(
            self.min_interval_ms,
            "minIntervalMs must be a finite number of at least 0",
        )?;
        let max = interval(
            self.max_interval_ms,
            "maxIntervalMs must be a finite number of at least 0",
        )?;
        // Who sets one bound alone means it: the default of the other makes way.
        let (min_interval, max_interval) = match (min, max) {
            (None, None) => (base.min_interval, base.max_interval),
            (Some(min), None) => (min, base.max_interval.max(min)),
            (None, Some(max)) => (base.min_interval.min(max), max),
            (Some(min), Some(max)) => (min, max),
        };
        if min_interval > max_interval {
            return Err(Failure::invalid(
                "minIntervalMs must not be above maxIntervalMs",
            ));
        }
        let max_failures = match self.max_consecutive_failures {
            None => base.max_failures,
            Some(count) if count >= 1.0 && (count == f64::INFINITY || count.fract() == 0.0) => {
                count as u32
            }
            Some(_) => {
                return Err(Failure::invalid(
                    "maxConsecutiveFailures must be a whole number of at least 1",
                ));
            }
        };
        Ok(Options {
            timeout,
            min_interval,
            max_interval,
            max_failures,
        })
    }
}

/// Rounded up, so that nothing above 0 becomes "at once".
fn whole(ms: f64) -> Millis {
    ms.min(LONGEST).ceil() as Millis
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: RawOptions) -> Result<Options, Failure> {
        raw.check(&Options::default())
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(check(RawOptions::default()), Ok(Options::default()));
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_name() {
        let raw = RawOptions::default;
        for bad in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            let error = check(RawOptions {
                timeout_ms: Some(bad),
                ..raw()
            })
            .unwrap_err();
            assert!(error.to_string().contains("timeoutMs"), "{error}");
        }
        for bad in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(
                check(RawOptions {
                    min_interval_ms: Some(bad),
                    ..raw()
                })
                .is_err(),
                "{bad}"
            );
            assert!(
                check(RawOptions {
                    max_interval_ms: Some(bad),
                    ..raw()
                })
                .is_err(),
                "{bad}"
            );
        }
        for bad in [0.0, -1.0, 1.5, f64::NAN, f64::NEG_INFINITY] {
            assert!(
                check(RawOptions {
                    max_consecutive_failures: Some(bad),
                    ..raw()
                })
                .is_err(),
                "{bad}"
            );
        }
        assert!(
            check(RawOptions {
                min_interval_ms: Some(3.0),
                max_interval_ms: Some(2.0),
                ..raw()
            })
            .is_err()
        );
    }

    #[test]
    fn options_made_by_hand_are_made_sound_and_sound_ones_are_kept() {
        let sound = Options {
            timeout: Some(Millis::MAX),
            min_interval: Millis::MAX,
            max_interval: 0,
            max_failures: 0,
        }
        .sound();
        assert!(sound.min_interval <= sound.max_interval);
        assert!(sound.max_interval.checked_mul(100).is_some());
        assert_eq!(
            (sound.timeout, sound.max_failures),
            (Some(LONGEST as Millis), 1)
        );
        assert_eq!(sound.clone().sound(), sound);
        assert_eq!(Options::default().sound(), Options::default());
    }

    #[test]
    fn extremes_that_can_work_do() {
        let options = check(RawOptions {
            timeout_ms: Some(f64::INFINITY),
            min_interval_ms: Some(0.0),
            max_interval_ms: Some(f64::MAX),
            max_consecutive_failures: Some(f64::INFINITY),
        })
        .unwrap();
        assert_eq!((options.timeout, options.max_failures), (None, u32::MAX));
        assert!(options.max_interval.checked_mul(2).is_some());
        let tiny = check(RawOptions {
            timeout_ms: Some(0.001),
            ..RawOptions::default()
        })
        .unwrap();
        assert_eq!(tiny.timeout, Some(1));
    }

    #[test]
    fn one_bound_given_alone_moves_the_other_out_of_its_way() {
        let options = check(RawOptions {
            min_interval_ms: Some(60_000.0),
            ..RawOptions::default()
        })
        .unwrap();
        assert_eq!(
            (options.min_interval, options.max_interval),
            (60_000, 60_000)
        );
        let options = check(RawOptions {
            max_interval_ms: Some(10.0),
            ..RawOptions::default()
        })
        .unwrap();
        assert_eq!((options.min_interval, options.max_interval), (10, 10));
    }
}
