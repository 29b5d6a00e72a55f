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
/// A gap counts as much as each of so many before it.
const AVERAGED: u64 = 31;
/// A longer pause between two requests says nothing of their rate,
const LONGEST_GAP: Micros = 250 * MICROS;
/// and a shorter one says that some left together.
const SHORTEST_GAP: Micros = 4 * MICROS;
/// However often it is slowed down, it keeps an eighth of its rate: a video that is refused for ever
/// must not starve the others.
const SLOWEST: u64 = 8;
/// Where more answers than these are complaints, in thousandths, all are meant,
const FEW_REFUSED: u64 = 125;
/// and it slows down until fewer are, or to this.
const SLOWEST_GAP: Micros = 2_000 * MICROS;

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
    /// How many those are.
    seen: u64,
    /// By when the next request may follow, by the gaps alone.
    next: Micros,
    sent_at: Option<Micros>,
    changed_at: Millis,
    /// Whether that was for the slower.
    is_slowed: bool,
    /// Complaints among the last few answers, in thousandths.
    refused: u64,
}

impl Budget {
    /// `per_second` requests in a second; `f64::INFINITY` for as many as are asked for.
    pub fn new(per_second: f64) -> Self {
        Self {
            own: (1_000_000.0 / per_second) as Micros,
            learnt: 0,
            base: 0,
            usual: 0,
            seen: 0,
            next: 0,
            sent_at: None,
            changed_at: 0,
            is_slowed: false,
            refused: 0,
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
            let seen = self.seen.min(AVERAGED);
            self.usual = (seen * self.usual + apart) / (seen + 1);
            self.seen = seen + 1;
        }
        self.sent_at = Some(now);
    }

    /// An answer came, to whichever poll. What it asks for with `Retry-After` is for that poll to heed:
    /// it may be meant for that video alone, and the others are told so themselves.
    pub fn heard(&mut self, answer: &Answer, now: Millis) {
        let is_refused =
            matches!(&answer.outcome, Err(failure) if failure.code == ErrorCode::RateLimited);
        self.refused = (15 * self.refused + if is_refused { 1_000 } else { 0 }) / 16;
        let is_soon = now.saturating_sub(self.changed_at) < CHANGES_EVERY && self.changed_at <= now;
        // A complaint is heard although another answer was content a moment ago.
        if is_soon && (self.is_slowed || !is_refused) {
            return;
        }
        self.changed_at = now;
        self.is_slowed = is_refused;
        if is_refused {
            if self.learnt == 0 {
                self.base = self.own.max(self.usual).max(SHORTEST_GAP);
            }
            let mut most = self.base.saturating_mul(SLOWEST).max(self.learnt);
            if self.refused > FEW_REFUSED {
                most = most.max(SLOWEST_GAP);
            }
            self.learnt = self.base.max(self.learnt).saturating_mul(2).min(most);
            self.next = now.saturating_mul(MICROS).saturating_add(self.learnt);
        } else {
            // Twice as fast again in five seconds; and once that is fast enough, all is as it was.
            self.learnt -= self.learnt / 8;
            if self.learnt <= self.own.max(SHORTEST_GAP) {
                self.learnt = 0;
            }
        }
    }
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

    /// Others of its videos have no complaints.
    fn others_go_on(budget: &mut Budget, now: Millis) {
        for _ in 0..30 {
            budget.heard(&fine(), now);
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
                        budget.heard(&fine(), now);
                    } else {
                        refused += 1;
                        budget.heard(&failed(ErrorCode::RateLimited, None), now);
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
        others_go_on(&mut budget, now);
        budget.heard(&failed(ErrorCode::RateLimited, None), now + 1_000);
        let times = leave(&mut budget, 20, now + 1_000);
        assert!((35..=45).contains(&(times[19] - times[18])), "{times:?}");
        // But never slower than this, while the others have no complaints.
        for second in 2..60 {
            others_go_on(&mut budget, now + second * 1_000 - 1);
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
            others_go_on(&mut budget, now);
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

        let mut slow = Budget::new(0.5);
        for (complaint, gap) in [4_000, 8_000, 16_000, 16_000].into_iter().enumerate() {
            let now = NOW + complaint as Millis * 1_000;
            slow.heard(&failed(ErrorCode::RateLimited, None), now);
            let times = leave(&mut slow.clone(), 2, now);
            assert_eq!(times, [now + gap, now + 2 * gap]);
        }
    }

    #[test]
    fn one_that_is_refused_for_ever_does_not_starve_the_others() {
        let (mut budget, now) = asking_each(10);
        for second in 0..60 {
            let at = now + second * 1_000;
            budget.heard(&failed(ErrorCode::RateLimited, Some(3_600_000)), at);
            others_go_on(&mut budget, at);
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
            assert!(refused * 7 <= came, "{what}: {seconds:?}");
            assert!(
                (came - refused) * 10 >= 50 * taken * 6,
                "{what}: {seconds:?}"
            );
            // And all is as it was soon after the server takes that.
            let seconds = play(budget, concurrency, 1_000_000, 60, from + 60_000);
            assert!(seconds[15].0 >= 4 * taken, "{what}: {seconds:?}");
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

    #[test]
    fn how_fast_it_was_is_known_from_the_first_requests_on() {
        for (gap, count, slowed) in [
            // All at once.
            (0, 1, 8),
            (0, 6, 8),
            (0, 100, 8),
            (100, 2, 200),
            (100, 40, 200),
            // However long it pauses.
            (60_000, 40, 500),
        ] {
            let mut budget = Budget::new(f64::INFINITY);
            for at in 0..count {
                budget.sent(NOW + at * gap);
            }
            let now = NOW + count * gap;
            budget.heard(&failed(ErrorCode::RateLimited, None), now);
            let times = leave(&mut budget, 3, now);
            assert_eq!(times[0] - now, slowed, "{count} each {gap} ms");
            assert_eq!(times[2] - times[1], slowed, "{count} each {gap} ms");
        }
        // Six at a time, which is one each 20 ms.
        let mut budget = Budget::new(f64::INFINITY);
        for at in 0..60 {
            budget.sent(NOW + at / 6 * 120);
        }
        budget.heard(&failed(ErrorCode::RateLimited, None), NOW + 1_200);
        let times = leave(&mut budget, 1, NOW + 1_200);
        assert!((30..=50).contains(&(times[0] - NOW - 1_200)), "{times:?}");
    }

    #[test]
    fn a_content_answer_does_not_hide_the_complaints_of_its_moment() {
        let (mut budget, now) = asking_each(10);
        budget.heard(&failed(ErrorCode::RateLimited, None), now);
        budget.heard(&fine(), now + 1_000);
        assert_eq!(budget.learnt, 17_500);
        budget.heard(&failed(ErrorCode::RateLimited, None), now + 1_001);
        assert_eq!(budget.learnt, 35_000);
        // Those do hide content ones, and each other.
        budget.heard(&fine(), now + 2_000);
        budget.heard(&failed(ErrorCode::RateLimited, None), now + 2_000);
        assert_eq!(budget.learnt, 35_000);
    }
}
