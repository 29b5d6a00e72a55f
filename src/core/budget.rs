//! What all polls of one client may ask together: so many requests in a second, spread out evenly,
//! and fewer for a while once the server has answered 429. Which of them asks next is the carrier's to
//! keep; when somebody may is said here.

use super::Millis;
use super::answer::Answer;
use super::error::ErrorCode;

/// Thousandths of a millisecond: a thousand requests in a second are one apart.
type Micros = u64;
const MICROS: Micros = 1_000;

/// A timer that rang late by up to this much may be made up for.
const LATENESS: Micros = 20 * MICROS;
/// Slowed down or speeded up at most this often: answers that come together tell of one moment.
const CHANGES_EVERY: Millis = 1_000;
/// A longer pause between two requests says nothing of their rate.
const LONGEST_GAP: Micros = 10_000 * MICROS;
/// However often it is slowed down, it keeps an eighth of its rate: a video that is refused for ever
/// must not starve the others.
const SLOWEST: u64 = 8;

/// The rate of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Between two requests by the user's will.
    own: Micros,
    /// The same by the server's: 0 while it has not complained.
    learnt: Micros,
    /// As it was before the server complained.
    base: Micros,
    /// Between the last few requests, on average.
    usual: Micros,
    /// By when the next request may follow, by the gaps alone.
    next: Micros,
    sent_at: Option<Micros>,
    changed_at: Millis,
}

impl Budget {
    /// `per_second` requests in a second; `f64::INFINITY` for as many as are asked for.
    pub fn new(per_second: f64) -> Self {
        Self {
            own: (1_000_000.0 / per_second) as Micros,
            learnt: 0,
            base: 0,
            usual: 0,
            next: 0,
            sent_at: None,
            changed_at: 0,
        }
    }

    /// The earliest time for the next request. A video that is alone has a pace of its own, which
    /// heeds the server's complaints by itself.
    pub fn next(&self, is_alone: bool, now: Millis) -> Millis {
        if is_alone && self.own == 0 {
            return now;
        }
        self.next.div_ceil(MICROS).max(now)
    }

    /// A request leaves.
    pub fn sent(&mut self, now: Millis) {
        let now = now.saturating_mul(MICROS);
        let gap = self.own.max(self.learnt);
        let is_late = now.saturating_sub(self.next) <= LATENESS;
        let due = if is_late { self.next } else { now };
        self.next = due.saturating_add(gap);
        if let Some(before) = self.sent_at {
            let apart = now.saturating_sub(before).min(LONGEST_GAP);
            self.usual = (31 * self.usual + apart) / 32;
        }
        self.sent_at = Some(now);
    }

    /// An answer came, to whichever poll. What it asks for with `Retry-After` is for that poll to heed:
    /// it may be meant for that video alone, and the others are told so themselves.
    pub fn heard(&mut self, answer: &Answer, now: Millis) {
        let is_refused =
            matches!(&answer.outcome, Err(failure) if failure.code == ErrorCode::RateLimited);
        if now.saturating_sub(self.changed_at) < CHANGES_EVERY && self.changed_at <= now {
            return;
        }
        if is_refused {
            if self.learnt == 0 {
                self.base = self.own.max(self.usual);
            }
            let most = self.base.saturating_mul(SLOWEST);
            self.learnt = self.base.max(self.learnt).saturating_mul(2).min(most);
            self.next = self
                .next
                .max(now.saturating_mul(MICROS))
                .saturating_add(self.learnt);
            self.changed_at = now;
        } else if self.learnt > 0 {
            // Twice as fast again in five seconds; and once that is fast enough, all is as it was.
            self.learnt -= self.learnt / 8;
            if self.learnt <= self.own.max(MICROS) {
                self.learnt = 0;
            }
            self.changed_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::answer::RetryAfter;
    use crate::core::error::Failure;
    use crate::core::status::{Status, VideoStatus};

    const NOW: Millis = 1_800_000_000_000;

    fn fine() -> Answer {
        let status = Status::Pending { message: None };
        Answer {
            outcome: Ok(VideoStatus {
                status,
                generated_content: None,
                credits_total: None,
                credits_used: None,
            }),
            retry_after: None,
            fingerprint: 0,
        }
    }

    fn failed(code: ErrorCode, wait: Option<Millis>) -> Answer {
        Answer {
            outcome: Err(Failure::new(code)),
            retry_after: wait.map(RetryAfter::For),
            fingerprint: 0,
        }
    }

    /// When the next `count` requests leave, if each leaves as soon as it may.
    fn leave(budget: &mut Budget, count: usize, from: Millis) -> Vec<Millis> {
        let mut now = from;
        (0..count)
            .map(|_| {
                now = budget.next(false, now);
                budget.sent(now);
                now
            })
            .collect()
    }

    /// A budget without a limit of the user's, whose videos ask each `gap` ms.
    fn asking_each(gap: Millis) -> (Budget, Millis) {
        let mut budget = Budget::new(f64::INFINITY);
        let mut now = NOW;
        for _ in 0..200 {
            assert_eq!(budget.next(false, now), now);
            budget.sent(now);
            budget.heard(&fine(), now);
            now += gap;
        }
        (budget, now)
    }

    #[test]
    fn requests_are_spread_out_evenly_over_a_second() {
        for (per_second, gaps) in [(100.0, [10, 10]), (40.0, [25, 25]), (3.0, [333, 334])] {
            let times = leave(&mut Budget::new(per_second), 300, NOW);
            assert_eq!(times[0], NOW, "the first does not wait");
            for pair in times.windows(2) {
                let gap = pair[1] - pair[0];
                assert!((gaps[0]..=gaps[1]).contains(&gap), "{per_second}: {gap}");
            }
            let took = (times[299] - NOW) as f64 / 1_000.0;
            assert!((took - 299.0 / per_second).abs() < 0.01, "{took}");
        }
    }

    #[test]
    fn a_late_timer_is_made_up_for_and_an_idle_hour_is_not() {
        let mut budget = Budget::new(100.0);
        leave(&mut budget, 1, NOW);
        // 15 ms late, the one after it comes so much sooner.
        assert_eq!(
            leave(&mut budget, 3, NOW + 25),
            [NOW + 25, NOW + 25, NOW + 30]
        );
        let times = leave(&mut budget, 5, NOW + 3_600_000);
        assert_eq!(times[0], NOW + 3_600_000);
        assert_eq!(times[4], NOW + 3_600_040);
    }

    #[test]
    fn any_rate_can_be_lived_with() {
        for per_second in [f64::MIN_POSITIVE, 1e-9, 1e7, f64::MAX, f64::INFINITY] {
            let mut budget = Budget::new(per_second);
            let times = leave(&mut budget, 3, NOW);
            assert_eq!(times[0], NOW);
            assert_eq!(times[2] == NOW, per_second > 1.0, "{per_second}");
            budget.heard(&failed(ErrorCode::RateLimited, Some(7_000)), NOW);
        }
        let mut budget = Budget::new(1.0);
        leave(&mut budget, 3, Millis::MAX);
    }

    #[test]
    fn without_a_limit_nothing_waits_until_the_server_complains() {
        let (mut budget, now) = asking_each(10);
        for code in [ErrorCode::Http, ErrorCode::Network, ErrorCode::BadResponse] {
            budget.heard(&failed(code, Some(20_000)), now);
            assert_eq!(budget.next(false, now), now);
        }
        budget.heard(&failed(ErrorCode::RateLimited, None), now);
        // Half as fast as they were.
        let times = leave(&mut budget, 50, now);
        assert!((15..=25).contains(&(times[0] - now)), "{times:?}");
        assert!((15..=25).contains(&(times[49] - times[48])), "{times:?}");
        // One that is alone keeps to its own pace.
        assert_eq!(budget.next(true, now), now);
    }

    #[test]
    fn complaints_of_one_moment_are_one() {
        let (mut budget, now) = asking_each(10);
        for _ in 0..30 {
            budget.heard(&failed(ErrorCode::RateLimited, None), now);
        }
        let times = leave(&mut budget, 2, now);
        assert!(times[1] - times[0] <= 25, "{times:?}");
        budget.heard(&failed(ErrorCode::RateLimited, None), now + 1_000);
        let times = leave(&mut budget, 20, now + 1_000);
        assert!((35..=45).contains(&(times[19] - times[18])), "{times:?}");
        // But never slower than this.
        for second in 2..60 {
            budget.heard(&failed(ErrorCode::RateLimited, None), now + second * 1_000);
        }
        let times = leave(&mut budget, 3, now + 100_000);
        assert!((75..=85).contains(&(times[2] - times[1])), "{times:?}");
    }

    #[test]
    fn once_the_server_is_content_all_is_soon_as_it_was() {
        let (mut budget, mut now) = asking_each(10);
        budget.heard(&failed(ErrorCode::RateLimited, None), now);
        let mut gaps = Vec::new();
        for _ in 0..40 {
            let times = leave(&mut budget, 30, now);
            gaps.push(times[29] - times[28]);
            now += 1_000;
            // However many are content, it goes by time.
            for _ in 0..30 {
                budget.heard(&fine(), now);
            }
        }
        assert!(
            gaps.is_sorted_by(|before, after| before + 1 >= *after),
            "{gaps:?}"
        );
        assert!(gaps[3] >= 12 && gaps[7] <= 8, "{gaps:?}");
        assert_eq!(gaps.last(), Some(&0));
        assert_eq!(budget.next(false, now), now);
    }

    #[test]
    fn a_limit_of_the_users_holds_and_the_servers_complaints_come_on_top() {
        let mut budget = Budget::new(50.0);
        let last = leave(&mut budget, 100, NOW)[99];
        budget.heard(&failed(ErrorCode::RateLimited, None), last);
        let times = leave(&mut budget, 3, last);
        assert_eq!(times[2] - times[1], 40);
        for second in 1..60 {
            budget.heard(&fine(), last + second * 1_000);
        }
        let times = leave(&mut budget, 30, last + 60_000);
        assert_eq!(times[29] - times[28], 20);
    }

    #[test]
    fn one_that_is_refused_for_ever_does_not_starve_the_others() {
        let (mut budget, now) = asking_each(10);
        for second in 0..60 {
            let at = now + second * 1_000;
            budget.heard(&failed(ErrorCode::RateLimited, Some(3_600_000)), at);
            assert!(budget.next(false, at) <= at + 170, "{second}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_from_learning() {
        let (mut budget, now) = asking_each(10);
        budget.heard(&failed(ErrorCode::RateLimited, None), now);
        let slow = budget.learnt;
        assert!(slow > 0);
        budget.heard(&fine(), now - 3_600_000);
        assert!(budget.learnt < slow);
    }
}
