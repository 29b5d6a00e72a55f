//! Tokens as anyone can write them: all their numbers, and the checksum, which is no secret.

use super::oracle::sealed;
use super::world::START;
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::messages::Reason;

/// Every field of a token, but for its id.
#[derive(Clone, Debug)]
pub(crate) struct Forged {
    pub(crate) started: u64,
    pub(crate) deadline: Option<u64>,
    pub(crate) timeout: Option<u64>,
    pub(crate) min_interval: u64,
    pub(crate) max_interval: u64,
    pub(crate) max_failures: u32,
    pub(crate) phase: Phase,
    pub(crate) requests: u32,
    pub(crate) asked_at: u64,
    pub(crate) failures: u32,
    /// A place in `ErrorCode::ALL`.
    pub(crate) retrying: Option<usize>,
    pub(crate) retrying_status: Option<u16>,
    pub(crate) not_before: u64,
    /// Unproven, fraction, percent.
    pub(crate) scale: u8,
    pub(crate) overall: u32,
    pub(crate) seen_at: Option<u64>,
    pub(crate) clips_from: Option<u64>,
    pub(crate) ready: Option<u32>,
    pub(crate) failed_at: Option<u64>,
    pub(crate) is_starting: bool,
    pub(crate) render_from: Option<(u64, u32)>,
    pub(crate) end: Option<u64>,
    pub(crate) last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Phase {
    Asking,
    Sleeping,
    Done,
    /// A place in `ErrorCode::ALL`.
    Failed(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Last {
    Pending(Option<String>),
    Generating(Option<String>),
    Starting(f64, Option<String>),
    Rendering(f64, Option<String>),
    Unrecognized(Option<String>),
}

/// Of a poll that has asked once and knows nothing.
impl Default for Forged {
    fn default() -> Self {
        Self {
            started: START,
            deadline: Some(START + 1_200_000),
            timeout: Some(1_200_000),
            min_interval: 2_000,
            max_interval: 5_000,
            max_failures: 10,
            phase: Phase::Asking,
            requests: 1,
            asked_at: START,
            failures: 0,
            retrying: None,
            retrying_status: None,
            not_before: 0,
            scale: 0,
            overall: 0,
            seen_at: None,
            clips_from: None,
            ready: None,
            failed_at: None,
            is_starting: false,
            render_from: None,
            end: None,
            last: None,
        }
    }
}

/// The place of a code's first reason, which is what a token has.
fn reason(code: usize) -> u64 {
    let reason = Reason::of(ErrorCode::ALL[code]);
    let place = Reason::ALL.iter().position(|other| *other == reason);
    place.unwrap() as u64
}

impl Forged {
    pub(crate) fn token(&self, id: &str) -> String {
        let mut fields = vec!["it1".to_owned(), id.to_owned()];
        let mut put = |number: u64| fields.push(number.to_string());
        fn some(put: &mut impl FnMut(u64), number: Option<u64>) {
            put(u64::from(number.is_some()));
            if let Some(number) = number {
                put(number);
            }
        }
        put(self.started);
        some(&mut put, self.deadline);
        some(&mut put, self.timeout);
        put(self.min_interval);
        put(self.max_interval);
        put(self.max_failures.into());
        match self.phase {
            Phase::Asking => put(0),
            Phase::Sleeping => put(1),
            Phase::Done => put(2),
            Phase::Failed(code) => {
                put(3);
                put(reason(code));
            }
        }
        put(self.requests.into());
        put(self.asked_at);
        put(self.failures.into());
        some(&mut put, self.retrying.map(reason));
        if self.retrying.is_some() {
            some(&mut put, self.retrying_status.map(Into::into));
        }
        put(self.not_before);
        put(self.scale.into());
        put(self.overall.into());
        some(&mut put, self.seen_at);
        some(&mut put, self.clips_from);
        some(&mut put, self.ready.map(Into::into));
        some(&mut put, self.failed_at);
        put(self.is_starting.into());
        some(&mut put, self.render_from.map(|(at, _)| at));
        if let Some((_, part)) = self.render_from {
            put(part.into());
        }
        some(&mut put, self.end);
        put(u64::from(self.last.is_some()));
        if let Some(last) = &self.last {
            let (kind, progress, clips) = match last {
                Last::Pending(clips) => (0, None, clips),
                Last::Generating(clips) => (1, None, clips),
                Last::Starting(progress, clips) => (2, Some(*progress), clips),
                Last::Rendering(progress, clips) => (3, Some(*progress), clips),
                Last::Unrecognized(clips) => (6, None, clips),
            };
            put(kind);
            if let Some(progress) = progress {
                put(progress.to_bits());
            }
            put(u64::from(clips.is_some()));
            fields.extend(clips.clone());
        }
        sealed(&fields.join(","))
    }
}
