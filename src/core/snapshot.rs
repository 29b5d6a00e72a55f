//! A machine as text and back. Two lengths of one format: a snapshot keeps all, for an engine that
//! lives from it step by step; a resume token keeps what going on elsewhere needs, and of each clip
//! only its state, so that it fits into a cookie or a URL.
//!
//! The text holds no key (the machine never sees one). It is versioned and closed by a checksum:
//! what is foreign or damaged is refused whole, never half understood.

use super::Millis;
use super::answer::fingerprint;
use super::cadence::Jitter;
use super::error::{ErrorCode, Failure, cut};
use super::machine::{Job, Machine, Phase};
use super::options::{Options, RawOptions};
use super::percent;
use super::progress::{Progress, Scale, WHOLE};
use super::status::{ContentStatus, GeneratedContent, Status, VideoStatus};
use super::usual::Usual;
use std::sync::Arc;

/// Version of the format.
const VERSION: &str = "iv1";
/// A poll that has not begun: written by the package while the WebAssembly module still loads.
const NOT_BEGUN: &str = "iv1-new";
/// Never occurs inside a field.
const SEPARATOR: char = ',';
/// Longest server text in a resume token, in UTF-16 units.
const TOKEN_TEXT: usize = 100;

#[derive(Clone, Copy, PartialEq)]
enum Length {
    Snapshot,
    Token,
}

impl Machine {
    /// All of the state, for going on with [`Machine::restore`] as if nothing had been.
    pub fn snapshot(&self) -> String {
        self.write(Length::Snapshot, 0)
    }

    /// What [`Machine::resume`] needs, at most 2 KB for a video of 50 clips. `ahead` is how far the
    /// machine's clock is ahead of Unix time, in milliseconds (a steady clock and the wall clock drift
    /// apart; 0 where they are one).
    pub fn resume_token(&self, ahead: i64) -> String {
        self.write(Length::Token, ahead)
    }

    /// Reads a snapshot or a token back, to step on from it.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: what is damaged or of another version is refused whole. So is
    /// the token of a poll that was done: the video is not in it, and is asked for anew by
    /// [`Machine::resume`].
    pub fn restore(text: &str) -> Result<Self, Failure> {
        let machine = Self::restore_any(text)?;
        if machine.phase == Phase::Done && machine.job.last.is_none() {
            return Err(Failure::invalid(
                "the resumeToken of a finished video must be resumed, not restored",
            ));
        }
        Ok(machine)
    }

    pub(super) fn restore_any(text: &str) -> Result<Self, Failure> {
        read(text).ok_or_else(|| {
            Failure::invalid("the snapshot or resumeToken is damaged or not of this version")
        })
    }

    fn write(&self, length: Length, ahead: i64) -> String {
        let token = length == Length::Token;
        let mut out = Writer {
            text: VERSION.to_owned(),
            ahead,
        };
        out.text(&self.id);
        out.time(Some(self.started));
        out.time(self.deadline);
        out.number(self.options.timeout);
        out.number(Some(self.options.min_interval));
        out.number(Some(self.options.max_interval));
        out.number(Some(self.options.max_failures.into()));
        match &self.phase {
            Phase::Asking => out.word("a"),
            Phase::Sleeping { until } => {
                out.word("s");
                out.time(Some(*until));
            }
            Phase::Done => out.word("d"),
            Phase::Failed(failure) => {
                out.word("f");
                out.code(Some(failure.code));
                out.number(failure.http_status.map(Into::into));
                out.optional_text(if token {
                    None
                } else {
                    failure.detail.as_deref()
                });
            }
        }
        let job = &self.job;
        out.number(Some(job.requests.into()));
        out.time(Some(job.asked_at));
        out.number(Some(job.failures.into()));
        out.code(job.retrying);
        // A floor that has passed by then is none.
        out.time(Some(job.not_before).filter(|at| out.shifted(*at) > 0));
        out.number(Some(job.jitter.state().into()));
        out.number(Some(if token { 0 } else { job.fingerprint }));
        // A token does not carry the finished video.
        let progress = if token {
            job.progress.reopened()
        } else {
            job.progress
        };
        out.word(match progress.scale {
            Scale::Unproven => "u",
            Scale::Fraction => "f",
            Scale::Percent => "p",
        });
        out.number(Some(progress.overall.into()));
        for number in progress.usual.numbers() {
            out.number(Some(number.into()));
        }
        out.time(progress.seen_at);
        out.time(progress.clips_from);
        out.number(progress.ready.map(Into::into));
        out.time(progress.failed_at);
        out.number(Some(progress.is_timed.into()));
        out.number(Some(progress.is_starting.into()));
        out.time(progress.render_from.map(|(at, _)| at));
        out.number(progress.render_from.map(|(_, part)| part.into()));
        out.time(progress.end);
        match &job.last {
            Some(last) if !(token && last.status.is_final()) => out.video(last, length),
            _ => out.word("-"),
        }
        let checksum = fingerprint(&out.text);
        out.number(Some(checksum));
        out.text
    }
}

struct Writer {
    text: String,
    ahead: i64,
}

impl Writer {
    fn word(&mut self, word: &str) {
        self.text.push(SEPARATOR);
        self.text.push_str(word);
    }

    fn number(&mut self, number: Option<u64>) {
        self.word("");
        if let Some(number) = number {
            self.text.push_str(itoa::Buffer::new().format(number));
        }
    }

    /// A point in time, as Unix time.
    fn time(&mut self, at: Option<Millis>) {
        self.number(at.map(|at| self.shifted(at)));
    }

    fn shifted(&self, at: Millis) -> Millis {
        at.saturating_add_signed(self.ahead.saturating_neg())
    }

    /// Every bit of it; formatting a float as decimals would cost the module several kilobytes.
    fn amount(&mut self, amount: Option<f64>) {
        self.number(amount.map(f64::to_bits));
    }

    fn code(&mut self, code: Option<ErrorCode>) {
        self.number(
            code.and_then(|code| ErrorCode::ALL.iter().position(|c| *c == code))
                .map(|place| place as u64),
        );
    }

    fn text(&mut self, text: &str) {
        self.word("");
        percent::encode(text, &mut self.text);
    }

    /// Nothing, or a text behind a mark.
    fn optional_text(&mut self, text: Option<&str>) {
        match text {
            None => self.word(""),
            Some(text) => {
                self.word("t");
                self.text(text);
            }
        }
    }

    fn video(&mut self, video: &VideoStatus, length: Length) {
        let limit = if length == Length::Token {
            TOKEN_TEXT
        } else {
            usize::MAX
        };
        match &video.status {
            Status::Pending { message } => {
                self.word("p");
                self.optional_text(message.as_deref().map(|text| cut(text, limit)));
            }
            Status::GeneratingVideo => self.word("g"),
            Status::StartRenderingVideo { progress } => {
                self.word("s");
                self.amount(Some(*progress));
            }
            Status::RenderingVideo { progress } => {
                self.word("r");
                self.amount(Some(*progress));
            }
            Status::Done { url, id } => {
                self.word("d");
                self.text(url);
                self.text(id);
            }
            Status::Error { message } => {
                self.word("e");
                self.optional_text(message.as_deref().map(|text| cut(text, limit)));
            }
            Status::Unrecognized { raw_status } => {
                self.word("u");
                self.text(cut(raw_status, limit));
            }
        }
        self.amount(video.credits_total);
        self.amount(video.credits_used);
        let Some(clips) = &video.generated_content else {
            return self.word("-");
        };
        let states: String = clips.iter().map(|clip| state_letter(clip.status)).collect();
        self.word(if length == Length::Token { "s" } else { "c" });
        self.word(&states);
        if length == Length::Snapshot {
            for clip in clips {
                for field in [
                    &clip.id,
                    &clip.url,
                    &clip.effect,
                    &clip.format,
                    &clip.category,
                    &clip.text,
                ] {
                    self.optional_text(field.as_deref());
                }
            }
        }
    }
}

const fn state_letter(state: ContentStatus) -> char {
    match state {
        ContentStatus::Pending => 'p',
        ContentStatus::Success => 's',
        ContentStatus::Error => 'e',
        ContentStatus::Unrecognized => 'u',
    }
}

fn read(text: &str) -> Option<Machine> {
    let (guarded, checksum) = text.rsplit_once(SEPARATOR)?;
    // Compared as text, so that there is one way to write it.
    if itoa::Buffer::new().format(fingerprint(guarded)) != checksum {
        return None;
    }
    let mut fields = Reader {
        fields: guarded.split(SEPARATOR),
    };
    match fields.next()? {
        // What is not as it would be written is not from here, whatever its checksum.
        VERSION => read_begun(fields).filter(|machine| {
            [Length::Snapshot, Length::Token]
                .iter()
                .any(|length| machine.write(*length, 0) == text)
        }),
        NOT_BEGUN => read_not_begun(fields),
        _ => None,
    }
}

fn read_begun(mut fields: Reader<'_>) -> Option<Machine> {
    let id = fields.text()?;
    let started = fields.number()?;
    let deadline = fields.optional_number()?;
    let options = Options {
        timeout: fields.optional_number()?,
        min_interval: fields.number()?,
        max_interval: fields.number()?,
        max_failures: fields.small()?,
    };
    let phase = match fields.next()? {
        "a" => Phase::Asking,
        "s" => Phase::Sleeping {
            until: fields.number()?,
        },
        "d" => Phase::Done,
        "f" => Phase::Failed(Failure {
            code: fields.code()??,
            http_status: fields
                .optional_number()?
                .map(u16::try_from)
                .transpose()
                .ok()?,
            detail: fields.optional_text()?,
        }),
        _ => return None,
    };
    let requests = fields.small()?;
    let asked_at = fields.number()?;
    let failures = fields.small()?;
    let retrying = fields.code()?;
    let not_before = fields.optional_number()?.unwrap_or(0);
    let jitter = Jitter::new(fields.small()?.into());
    let body = fields.number()?;
    let scale = match fields.next()? {
        "u" => Scale::Unproven,
        "f" => Scale::Fraction,
        "p" => Scale::Percent,
        _ => return None,
    };
    let overall = fields.ppm()?;
    let usual = Usual::read(|| fields.small())?;
    let seen_at = fields.optional_number()?;
    let clips_from = fields.optional_number()?;
    let ready = fields
        .optional_number()?
        .map(u32::try_from)
        .transpose()
        .ok()?;
    let failed_at = fields.optional_number()?;
    let is_timed = fields.flag()?;
    let is_starting = fields.flag()?;
    let render_from = match fields.optional_number()? {
        Some(at) => Some((at, fields.ppm()?)),
        None => fields.optional_number()?.map_or(Some(None), |_| None)?,
    };
    let end = fields.optional_number()?;
    let last = fields.video()?;
    let is_over = matches!(phase, Phase::Done | Phase::Failed(_));
    let is_final = last.as_ref().is_some_and(|video| video.status.is_final());
    let is_whole = matches!(&last, Some(video) if matches!(video.status, Status::Done { .. }));
    let sound = fields.next().is_none()
        && options == options.clone().sound()
        && is_whole == (overall == WHOLE)
        && (is_over || !is_final);
    let progress = Progress {
        scale,
        overall,
        usual,
        seen_at,
        clips_from,
        ready,
        failed_at,
        is_timed,
        is_starting,
        render_from,
        end,
    };
    let job = Job {
        last: last.map(Arc::new),
        fingerprint: body,
        progress,
        requests,
        asked_at,
        failures,
        retrying,
        not_before,
        jitter,
        is_followed: false,
        is_stale: false,
    };
    let mut machine = Machine {
        id,
        options,
        started,
        deadline,
        phase,
        job,
        told: None,
    };
    // Whoever holds a snapshot has been told all that is in it.
    machine.told = machine.job.last.is_some().then(|| machine.telling());
    sound.then_some(machine)
}

/// The id, when the poll began, and its options as they were given.
fn read_not_begun(mut fields: Reader<'_>) -> Option<Machine> {
    let id = fields.text()?;
    let started = fields.number()?;
    let options = RawOptions {
        timeout_ms: fields.raw()?,
        min_interval_ms: fields.raw()?,
        max_interval_ms: fields.raw()?,
        max_consecutive_failures: fields.raw()?,
    };
    let options = options.check(&Options::default()).ok()?;
    let (mut machine, _) = Machine::start_checked(&id, options, started);
    machine.job.requests = 0;
    fields.next().is_none().then_some(machine)
}

struct Reader<'a> {
    fields: std::str::Split<'a, char>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.fields.next()
    }

    fn number(&mut self) -> Option<u64> {
        self.next()?.parse().ok()
    }

    fn small(&mut self) -> Option<u32> {
        self.next()?.parse().ok()
    }

    fn ppm(&mut self) -> Option<u32> {
        self.small().filter(|ppm| *ppm <= WHOLE)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.next()? {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }

    /// The outer `None` is damage.
    fn optional_number(&mut self) -> Option<Option<u64>> {
        match self.next()? {
            "" => Some(None),
            digits => Some(Some(digits.parse().ok()?)),
        }
    }

    /// A number as JavaScript writes it, of those that options can be.
    fn raw(&mut self) -> Option<Option<f64>> {
        match self.next()? {
            "" => Some(None),
            "Infinity" => Some(Some(f64::INFINITY)),
            digits => Some(Some(digits.parse::<u64>().ok()? as f64)),
        }
    }

    fn amount(&mut self) -> Option<Option<f64>> {
        match self.optional_number()?.map(f64::from_bits) {
            Some(amount) if !(amount.is_finite() && amount >= 0.0) => None,
            amount => Some(amount),
        }
    }

    fn fraction(&mut self) -> Option<f64> {
        self.amount()?.filter(|fraction| *fraction <= 1.0)
    }

    fn code(&mut self) -> Option<Option<ErrorCode>> {
        match self.optional_number()? {
            None => Some(None),
            Some(place) => Some(Some(*ErrorCode::ALL.get(usize::try_from(place).ok()?)?)),
        }
    }

    fn text(&mut self) -> Option<String> {
        let mut parts = self.next()?.split('%');
        let mut bytes = parts.next()?.as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
            bytes.extend_from_slice(part.get(2..)?.as_bytes());
        }
        String::from_utf8(bytes).ok()
    }

    fn optional_text(&mut self) -> Option<Option<String>> {
        match self.next()? {
            "" => Some(None),
            "t" => Some(Some(self.text()?)),
            _ => None,
        }
    }

    fn video(&mut self) -> Option<Option<VideoStatus>> {
        let status = match self.next()? {
            "-" => return Some(None),
            "p" => Status::Pending {
                message: self.optional_text()?,
            },
            "g" => Status::GeneratingVideo,
            "s" => Status::StartRenderingVideo {
                progress: self.fraction()?,
            },
            "r" => Status::RenderingVideo {
                progress: self.fraction()?,
            },
            "d" => Status::Done {
                url: self.text()?,
                id: self.text()?,
            },
            "e" => Status::Error {
                message: self.optional_text()?,
            },
            "u" => Status::Unrecognized {
                raw_status: self.text()?,
            },
            _ => return None,
        };
        let credits_total = self.amount()?;
        let credits_used = self.amount()?;
        let whole_clips = match self.next()? {
            "-" => {
                return Some(Some(VideoStatus {
                    status,
                    generated_content: None,
                    credits_total,
                    credits_used,
                }));
            }
            "s" => false,
            "c" => true,
            _ => return None,
        };
        let mut clips = Vec::new();
        for letter in self.next()?.chars() {
            let state = *ContentStatus::ALL
                .iter()
                .find(|state| state_letter(**state) == letter)?;
            clips.push(GeneratedContent::bare(state));
        }
        if whole_clips {
            for clip in &mut clips {
                for field in [
                    &mut clip.id,
                    &mut clip.url,
                    &mut clip.effect,
                    &mut clip.format,
                    &mut clip.category,
                    &mut clip.text,
                ] {
                    *field = self.optional_text()?;
                }
            }
        }
        Some(Some(VideoStatus {
            status,
            generated_content: Some(clips),
            credits_total,
            credits_used,
        }))
    }
}
