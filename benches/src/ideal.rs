//! The best that a pace can do while clips are made: found backwards from the longest time of a clip, by somebody who
//! knows exactly how likely each time is (and whose clips never fail).

use iacrea_simulator::course::Assumptions;

/// Time goes by in steps of so many milliseconds.
const STEP: u64 = 100;

/// What a pace costs from some moment on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// From the last clip's end to the question that finds it, in ms.
    pub delay: f64,
    /// Questions until then, with the one that finds it.
    pub requests: f64,
}

/// The mean over all videos of that model, for pauses between these, where a question is worth a delay of so many
/// milliseconds and takes `network` each.
#[must_use]
pub fn ideal(model: &Assumptions, (min, max): (u64, u64), worth: f64, network: u64) -> Cost {
    let most = model.clips.1 as usize;
    let steps = |ms: u64| (ms / STEP) as usize;
    let ready = |step: usize| model.ready(step as u64 * STEP);
    let last = steps(model.clip.1) + 1;
    // By clips that are waited for, after each step; past the last step all are ready.
    let mut costs = vec![vec![Cost::default(); last + steps(max + network) + 1]; most + 1];
    for now in (0..last).rev() {
        let before = ready(now);
        for waiting in 1..=most {
            let mut best: Option<Cost> = None;
            // The chance that all are ready, summed up: so long the last of them waits for the question.
            let (mut late, mut was) = (0.0, 0.0);
            for pause in 1..=steps(max + network) {
                let one = (ready(now + pause) - before) / (1.0 - before);
                let all = one.powi(waiting as i32);
                late += (was + all) / 2.0 * STEP as f64;
                was = all;
                if pause < steps(min + network) {
                    continue;
                }
                let mut cost = Cost {
                    delay: late,
                    requests: 1.0,
                };
                // So many of those that were waited for are not ready then.
                let mut ways = 1.0;
                for (left, costs) in costs.iter().enumerate().take(waiting + 1).skip(1) {
                    ways *= (waiting - left + 1) as f64 / left as f64;
                    let likely =
                        ways * (1.0 - one).powi(left as i32) * one.powi((waiting - left) as i32);
                    if let Some(then) = costs.get(now + pause) {
                        cost.delay += likely * then.delay;
                        cost.requests += likely * then.requests;
                    }
                }
                let price = |cost: &Cost| cost.delay + worth * cost.requests;
                if best.is_none_or(|best| price(&cost) < price(&best)) {
                    best = Some(cost);
                }
            }
            if let Some(slot) = costs.get_mut(waiting).and_then(|costs| costs.get_mut(now)) {
                *slot = best.unwrap_or_default();
            }
        }
    }
    // They begin half a network before the first answer.
    let begun = steps(network / 2);
    let all: Vec<Cost> = (model.clips.0 as usize..=most)
        .filter_map(|clips| costs.get(clips)?.get(begun).copied())
        .collect();
    let mean = |of: fn(&Cost) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Cost {
        delay: mean(|cost| cost.delay),
        requests: 1.0 + mean(|cost| cost.requests),
    }
}
