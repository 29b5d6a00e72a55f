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
/// What is slowed down leaves more than this between two requests,
const SHORTEST_GAP: Micros = 4 * MICROS;
/// and no more than this, however few are taken: somebody has to find out when it is over.
const LONGEST_GAP: Micros = 2_000 * MICROS;
/// So much slower than what the server takes, in thirds: at the first complaint, and at later ones.
const FIRST_SLOWER: u64 = 6;
const SLOWER: u64 = 4;
/// Where the user's own limit is lower, an eighth of that is left.
const SLOWEST: u64 = 8;
/// A server that refused something a moment ago is close to its limit: for so many requests, within these
/// bounds of time,
const CAUTIOUS_REQUESTS: u64 = 250;
const CAUTIOUS_FROM: Millis = 25_000;
const CAUTIOUS_TO: Millis = 60_000;
/// it is asked faster by such a part in a second, and by less where the gaps are long: the limit is met
/// again after some hundred requests, so that few of them find it.
const CAUTIOUS_STEP: u64 = 64;
const LONGEST_STEP: Micros = 100 * MICROS / CAUTIOUS_STEP;
/// Far below that, and one that has not complained since, is asked twice as fast in five seconds.
const STEP: u64 = 8;
/// Where more answers than these are complaints, in thousandths, all requests are meant.
const FEW_REFUSED: u64 = 125;

/// The rate of one client. It finds the server's limit as TCP finds that of a network: at the first
/// complaint down to half of what the server has just taken, then up in small steps until it complains
/// again, and down to three quarters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    /// Between two requests by the user's will.
    own: Micros,
    /// The same by the server's: 0 while it has not complained.
    learnt: Micros,
    /// What the last complaint may make of it, at least and at most.
    slower: [Micros; 2],
    /// By how much that is slower than what the server took, in thirds.
    thirds: u64,
    /// Between two of those requests that the server took.
    limit: Micros,
    /// By when the next request may follow, by the gaps alone.
    next: Micros,
    /// When it was slowed down last, and speeded up.
    slowed_at: Millis,
    quickened_at: Millis,
    /// How many requests the server has taken since the second began, and in the one before.
    second: Millis,
    taken: [u64; 2],
    /// Complaints among the last few answers, in thousandths.
    refused: u64,
}

impl Budget {
    /// `per_second` requests in a second; `f64::INFINITY` for as many as are asked for.
    pub(super) fn new(per_second: f64) -> Self {
        Self {
            own: (1_000_000.0 / per_second) as Micros,
            learnt: 0,
            slower: [0; 2],
            thirds: FIRST_SLOWER,
            limit: 0,
            next: 0,
            slowed_at: 0,
            quickened_at: 0,
            second: 0,
            taken: [0; 2],
            refused: 0,
        }
    }

    /// The earliest time for the next request. A video that is alone has a pace of its own, which
    /// heeds the server's complaints by itself.
    pub(super) fn next(&self, is_alone: bool, now: Millis) -> Millis {
        if is_alone && self.own == 0 {
            return now;
        }
        self.next.div_ceil(MICROS).max(now)
    }

    /// A request leaves.
    pub(super) fn sent(&mut self, now: Millis) {
        let now = now.saturating_mul(MICROS);
        let gap = self.own.max(self.learnt);
        let is_late = now.saturating_sub(self.next) <= LATENESS;
        let due = if is_late { self.next } else { now };
        self.next = due.saturating_add(gap);
    }

    /// An answer came, to whichever poll; `again` where the last one to the same poll was a refusal too,
    /// which may then be meant for that video alone. What it asks for with `Retry-After` is for that
    /// poll to heed, and the others are told so themselves. Returns whether it was a refusal.
    pub(super) fn heard(&mut self, answer: &Answer, again: bool, now: Millis) -> bool {
        let is_refused =
            matches!(&answer.outcome, Err(failure) if failure.code == ErrorCode::RateLimited);
        self.refused = (15 * self.refused + if is_refused { 1_000 } else { 0 }) / 16;
        self.count(!is_refused, now);
        let is_meant = is_refused && (!again || self.refused > FEW_REFUSED);
        let is_settled = is_over(self.slowed_at, CHANGES_EVERY, now);
        if is_meant && is_settled {
            self.slowed_at = now;
            let before = self.own.max(self.learnt);
            let longest = LONGEST_GAP.max(self.own.saturating_mul(SLOWEST));
            let most = if before == 0 {
                self.thirds = FIRST_SLOWER;
                longest
            } else {
                self.thirds = SLOWER;
                before.saturating_mul(2).min(longest)
            };
            let before = before.max(SHORTEST_GAP);
            self.slower = [before.saturating_add(before / 3).min(longest), most];
        }
        if is_meant || !is_settled {
            // What comes in the same moment tells more of how much is taken.
            let [least, most] = self.slower;
            let taken = self.gap_of_taken(now);
            let gap = taken.map_or(most, |gap| gap * self.thirds / 3);
            let gap = gap.min(most).max(least);
            let next = now.saturating_mul(MICROS).saturating_add(gap);
            if is_meant {
                (self.learnt, self.next) = (gap, next);
            } else {
                self.learnt = self.learnt.min(gap);
                self.next = self.next.min(next);
            }
            if taken.is_some() {
                self.limit = self.learnt / self.thirds.max(1) * 3;
            }
        } else if is_over(self.quickened_at, CHANGES_EVERY, now) {
            self.quickened_at = now;
            let cautious = (self.learnt.saturating_mul(CAUTIOUS_REQUESTS) / MICROS)
                .clamp(CAUTIOUS_FROM, CAUTIOUS_TO);
            let is_far = self.learnt / SLOWER * 3 > self.limit;
            self.learnt -= if is_far || is_over(self.slowed_at, cautious, now) {
                self.learnt / STEP
            } else {
                (self.learnt / CAUTIOUS_STEP).min(LONGEST_STEP)
            };
            // Once that is fast enough, all is as it was.
            if self.learnt <= self.own.max(SHORTEST_GAP) {
                self.learnt = 0;
            }
        }
        is_refused
    }

    fn count(&mut self, is_taken: bool, now: Millis) {
        if is_over(self.second, 1_000, now) {
            let is_next = !is_over(self.second, 2_000, now);
            self.taken = [0, if is_next { self.taken[0] } else { 0 }];
            self.second = if is_next { self.second + 1_000 } else { now };
        }
        self.taken[0] += u64::from(is_taken);
    }

    /// Between two of the requests that were taken in the last second.
    fn gap_of_taken(&self, now: Millis) -> Option<Micros> {
        let left = 1_000_u64.saturating_sub(now.saturating_sub(self.second));
        let taken = 1_000 * self.taken[0] + left * self.taken[1];
        (1_000_000 * MICROS).checked_div(taken)
    }
}

/// Whether so much time has passed; or the clock was set back.
fn is_over(since: Millis, span: Millis, now: Millis) -> bool {
    now.saturating_sub(since) >= span || since > now
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::core::answer::RetryAfter;
    use crate::core::error::Failure;
    use crate::core::status::{Status, VideoStatus};

    const NOW: Millis = 1_800_000_000_000;

    fn fine() -> Answer {
        let status = Status::Pending { message: None };
        Answer::of(Ok(VideoStatus::bare(status)))
    }

    fn failed(code: ErrorCode, wait: Option<Millis>) -> Answer {
        Answer {
            retry_after: wait.map(RetryAfter::For),
            ..Answer::of(Err(Failure::new(code)))
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

    fn refuse(budget: &mut Budget, now: Millis) {
        budget.heard(&failed(ErrorCode::RateLimited, None), false, now);
    }

    /// Others of its videos have no complaints.
    fn others_go_on(budget: &mut Budget, now: Millis) {
        for _ in 0..30 {
            budget.heard(&fine(), false, now);
        }
    }

    /// What came in each second, and how much of it was refused, where `concurrency` requests are
    /// always wanted, an answer takes 100 ms, and a server refuses more than `taken` in a second.
    fn play(
        budget: &mut Budget,
        concurrency: usize,
        taken: u64,
        seconds: u64,
        from: Millis,
    ) -> Vec<(u64, u64)> {
        let mut per_second = Vec::new();
        let mut in_flight = VecDeque::new();
        let mut room = taken * 1_000;
        for second in 0..seconds {
            let (mut came, mut refused) = (0, 0);
            for now in (from + second * 1_000..).take(1_000) {
                room = (room + taken).min(taken * 1_000);
                while in_flight.front() == Some(&now) {
                    in_flight.pop_front();
                    came += 1;
                    if room >= 1_000 {
                        room -= 1_000;
                        budget.heard(&fine(), false, now);
                    } else {
                        refused += 1;
                        budget.heard(&failed(ErrorCode::RateLimited, None), false, now);
                    }
                }
                while in_flight.len() < concurrency && budget.next(false, now) == now {
                    budget.sent(now);
                    in_flight.push_back(now + 100);
                }
            }
            per_second.push((came, refused));
        }
        per_second
    }

    fn sum(seconds: &[(u64, u64)]) -> (u64, u64) {
        let all = |(came, refused), second: &(u64, u64)| (came + second.0, refused + second.1);
        seconds.iter().fold((0, 0), all)
    }

    /// A budget without a limit of the user's, whose videos ask each `gap` ms.
    fn asking_each(gap: Millis) -> (Budget, Millis) {
        let mut budget = Budget::new(f64::INFINITY);
        let mut now = NOW;
        for _ in 0..200 {
            assert_eq!(budget.next(false, now), now);
            budget.sent(now);
            budget.heard(&fine(), false, now);
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
            budget.heard(&failed(ErrorCode::RateLimited, Some(7_000)), false, NOW);
        }
        let mut budget = Budget::new(1.0);
        leave(&mut budget, 3, Millis::MAX);
    }

    #[test]
    fn without_a_limit_nothing_waits_until_the_server_complains() {
        let (mut budget, now) = asking_each(10);
        for code in [ErrorCode::Http, ErrorCode::Network, ErrorCode::BadResponse] {
            budget.heard(&failed(code, Some(20_000)), false, now);
            assert_eq!(budget.next(false, now), now);
        }
        refuse(&mut budget, now);
        // Half as fast as was taken.
        let times = leave(&mut budget, 50, now);
        assert!((19..=22).contains(&(times[0] - now)), "{times:?}");
        assert!((19..=22).contains(&(times[49] - times[48])), "{times:?}");
        // One that is alone keeps to its own pace.
        assert_eq!(budget.next(true, now), now);
    }

    #[test]
    fn it_slows_down_to_what_was_taken_in_whatever_order_that_is_heard() {
        for (taken, refused) in [(10_u64, 90), (1, 5), (3, 3), (50, 1), (100, 900)] {
            let gap = 2_000 / taken;
            for refused_first in [false, true] {
                let mut budget = Budget::new(f64::INFINITY);
                for at in 0..taken + refused {
                    let is_refused = if refused_first {
                        at < refused
                    } else {
                        at >= taken
                    };
                    if is_refused {
                        refuse(&mut budget, NOW + 100);
                    } else {
                        budget.heard(&fine(), false, NOW + 100);
                    }
                }
                let times = leave(&mut budget, 2, NOW + 100);
                let seen = times[1] - times[0];
                assert!(
                    (gap..=gap + 1).contains(&seen),
                    "{taken} of {refused}: {seen}"
                );
            }
        }
    }

    #[test]
    fn complaints_of_one_moment_are_one() {
        let (mut budget, now) = asking_each(10);
        refuse(&mut budget, now);
        let once = leave(&mut budget.clone(), 20, now);
        for _ in 0..30 {
            refuse(&mut budget, now + 1);
        }
        let times = leave(&mut budget, 20, now);
        assert!(times[19] - once[19] <= 2, "{times:?} {once:?}");
        // Nor does a content answer hide those of its moment.
        let slow = budget.learnt;
        budget.heard(&fine(), false, now + 1_000);
        refuse(&mut budget, now + 1_001);
        assert!(budget.learnt > slow);
    }

    #[test]
    fn it_never_goes_below_a_request_in_two_seconds_or_an_eighth_of_the_users_limit() {
        for (mut budget, slowest) in [
            (Budget::new(f64::INFINITY), 2_000),
            (Budget::new(50.0), 2_000),
            (Budget::new(1.0), 8_000),
            (Budget::new(0.5), 16_000),
        ] {
            let mut before = 0;
            for second in 0..60 {
                let now = NOW + second * 1_000;
                refuse(&mut budget, now);
                let times = leave(&mut budget.clone(), 2, now);
                let gap = times[1] - times[0];
                assert!((before..=slowest).contains(&gap), "{gap} after {before}");
                before = gap;
            }
            assert_eq!(before, slowest);
        }
    }

    #[test]
    fn once_the_server_is_content_all_is_soon_as_it_was() {
        let (mut budget, mut now) = asking_each(10);
        refuse(&mut budget, now);
        let mut gaps = Vec::new();
        for _ in 0..40 {
            let times = leave(&mut budget, 30, now);
            gaps.push(times[29] - times[28]);
            now += 1_000;
            // However many are content, it goes by time.
            others_go_on(&mut budget, now);
        }
        assert!(
            gaps.is_sorted_by(|before, after| before + 1 >= *after),
            "{gaps:?}"
        );
        assert!(gaps[10] >= 8, "first it is careful: {gaps:?}");
        assert_eq!(gaps.last(), Some(&0), "{gaps:?}");
        assert_eq!(budget.next(false, now), now);
    }

    #[test]
    fn a_limit_of_the_users_holds_and_the_servers_complaints_come_on_top() {
        let mut budget = Budget::new(50.0);
        let last = leave(&mut budget, 100, NOW)[99];
        others_go_on(&mut budget, last);
        refuse(&mut budget, last);
        let times = leave(&mut budget, 3, last);
        // As thirty were taken, and no more than twice as slow.
        assert!((39..=41).contains(&(times[2] - times[1])), "{times:?}");
        for second in 1..60 {
            budget.heard(&fine(), false, last + second * 1_000);
        }
        let times = leave(&mut budget, 30, last + 60_000);
        assert_eq!(times[29] - times[28], 20);
    }

    #[test]
    fn one_that_is_refused_for_ever_does_not_slow_the_others() {
        let (mut budget, now) = asking_each(10);
        for second in 0..60 {
            let at = now + second * 1_000;
            let refused = failed(ErrorCode::RateLimited, Some(3_600_000));
            budget.heard(&refused, second > 0, at);
            others_go_on(&mut budget, at);
            assert!(budget.next(false, at) <= at + 22, "{second}");
        }
        assert_eq!(budget.learnt, 0);
        // Where most are, all are meant, whoever they come to.
        for at in 0..30 {
            budget.heard(
                &failed(ErrorCode::RateLimited, None),
                true,
                now + 61_000 + at,
            );
        }
        assert!(budget.learnt > 0);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_from_learning() {
        let (mut budget, now) = asking_each(10);
        refuse(&mut budget, now);
        let slow = budget.learnt;
        assert!(slow > 0);
        budget.heard(&fine(), false, now - 3_600_000);
        assert!(budget.learnt < slow);
    }

    #[test]
    fn a_batch_is_slowed_until_few_are_refused_and_not_for_long_after() {
        let (mut once_each_10_ms, now) = asking_each(10);
        let (mut alone, later) = asking_each(2_500);
        let new = || Budget::new(f64::INFINITY);
        for (what, budget, concurrency, taken, from) in [
            ("6", &mut new(), 6, 10, NOW),
            ("100", &mut new(), 100, 10, NOW),
            ("100 for a large server", &mut new(), 100, 100, NOW),
            ("6 for a small one", &mut new(), 6, 1, NOW),
            ("6 of a limited client", &mut Budget::new(50.0), 6, 10, NOW),
            ("6 after many", &mut once_each_10_ms, 6, 10, now),
            ("100 after one that was alone", &mut alone, 100, 10, later),
        ] {
            let seconds = play(budget, concurrency, taken, 60, from);
            let (came, refused) = sum(&seconds[10..]);
            assert!(refused * 14 <= came, "{what}: {seconds:?}");
            assert!(
                (came - refused) * 10 >= 50 * taken * 6,
                "{what}: {seconds:?}"
            );
            // And all is as it was soon after the server takes that.
            let seconds = play(budget, concurrency, 1_000_000, 120, from + 60_000);
            assert!(seconds[75].0 >= 4 * taken, "{what}: {seconds:?}");
            assert!(budget.learnt == 0, "{what}: {seconds:?}");
        }
    }

    #[test]
    fn however_few_are_taken_it_goes_on_asking() {
        let mut budget = Budget::new(f64::INFINITY);
        let seconds = play(&mut budget, 100, 0, 60, NOW);
        let (came, refused) = sum(&seconds[20..]);
        assert_eq!(came, refused);
        assert!((19..=21).contains(&came), "{seconds:?}");
    }
}
