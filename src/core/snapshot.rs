//! A machine as text and back, in two forms of one description, which reads and writes. A snapshot is
//! the whole machine, for an engine that lives from it step by step and keeps it in a storage of its
//! own. A resume token goes through the hands of people, in a cookie or a URL, so anyone may have made
//! it: it says in numbers where a poll was, and nothing in it can pass for the server's words.
//!
//! Neither text holds a key (the machine never sees one). Both are versioned and closed by a checksum:
//! what is foreign or damaged is refused whole, never half understood. The checksum is no secret and
//! keeps no forger away; what a forged token can do is bounded where it is resumed.

use super::Millis;
use super::answer::fingerprint;
use super::cadence::Jitter;
use super::error::{Brief, ErrorCode, Failure};
use super::machine::{Job, Machine, Phase};
use super::messages::Reason;
use super::options::{Options, RawOptions};
use super::percent;
use super::progress::{Ppm, Scale, WHOLE};
use super::status::{ContentStatus, GeneratedContent, Status, VideoStatus};
use std::str::Split;
use std::sync::Arc;

/// A snapshot, and its version.
const SNAPSHOT: &str = "is1";
/// A resume token, and its version.
const TOKEN: &str = "it1";
/// A poll that has not begun: written by the package while the WebAssembly module still loads.
const NOT_BEGUN: &str = "it1-new";
/// Never occurs inside a field.
const SEPARATOR: char = ',';
/// What tokens begin with, in any version, before its number: `iv1` was the first.
const TOKENS: [&str; 2] = ["it", "iv"];
/// Behind the version of a poll that has not begun.
const NEW: &str = "-new";
/// Longest list of clips in a token; of a longer one a poll goes on without.
const MOST_CLIPS: usize = 1_000;

impl Machine {
    /// Longest token that is looked at, in bytes: several times what a video of a thousand clips needs.
    pub(crate) const LONGEST_TOKEN: usize = 16_384;

    /// All of the state, for going on with [`Machine::restore`] as if nothing had been.
    pub fn snapshot(&self) -> String {
        write(SNAPSHOT, self.clone())
    }

    /// What [`Machine::resume`] needs: numbers alone, at most 2 KB for a video of 50 clips. `ahead` is
    /// how far the machine's clock is ahead of Unix time, in milliseconds (a steady clock and the wall
    /// clock drift apart; 0 where they are one).
    pub fn resume_token(&self, ahead: i64) -> String {
        let mut machine = self.clone();
        let on_the_wall = |at: Millis| at.saturating_add_signed(ahead.saturating_neg());
        machine.started = on_the_wall(machine.started);
        machine.deadline = machine.deadline.map(on_the_wall);
        let job = &mut machine.job;
        job.asked_at = on_the_wall(job.asked_at);
        if job.not_before > 0 {
            job.not_before = on_the_wall(job.not_before);
        }
        // A finished video has to be heard of anew.
        job.progress = job.progress.reopened();
        job.progress.move_times(&on_the_wall);
        job.last = job.last.as_deref().and_then(bare).map(Arc::new);
        write(TOKEN, machine)
    }

    /// Reads a snapshot back, to step on from it.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`]: what is damaged or of another version is refused whole, and so
    /// is a resume token, which is for [`Machine::resume`].
    pub fn restore(snapshot: &str) -> Result<Self, Failure> {
        read(SNAPSHOT, snapshot).ok_or_else(|| {
            Failure::invalid(if snapshot.starts_with(TOKEN) {
                "a resumeToken is no snapshot: give it to a poll"
            } else {
                "the snapshot is damaged or of another version: start anew"
            })
        })
    }

    /// Whether another version has written this resume token, so that [`Machine::resume`] refuses it and
    /// always will: start without it, and say so. Of a damaged token nothing is guessed, not even where
    /// its version is what is damaged: it is of no version.
    pub fn is_of_another_version(token: &str) -> bool {
        let Some((word, rest)) = token.split_once(SEPARATOR) else {
            return false;
        };
        let (version, suffix) = match word.strip_suffix(NEW) {
            Some(version) => (version, NEW),
            None => (word, ""),
        };
        let mut numbers = TOKENS.iter().filter_map(|kind| version.strip_prefix(kind));
        let is_version = numbers.any(|number| {
            (1..=9).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit())
        });
        if !is_version || version == TOKEN || token.len() > Self::LONGEST_TOKEN {
            return false;
        }
        // Where all but that word is right, it is one of this version.
        let own = [TOKEN, suffix].concat();
        let token = [own.as_str(), rest].join(",");
        unsealed(&own, &token).is_none()
    }

    /// Reads a token; the rest is for [`Machine::resume`] to do.
    pub(super) fn read_token(token: &str) -> Result<Self, Failure> {
        let is_short = token.len() <= Self::LONGEST_TOKEN;
        let read = || read(TOKEN, token).or_else(|| read_not_begun(token));
        is_short.then(read).flatten().ok_or_else(|| {
            Failure::invalid(if token.starts_with(SNAPSHOT) {
                "resumeToken is a machine's snapshot: give what resumeToken() returned"
            } else {
                "resumeToken is damaged or of another version: start without it"
            })
        })
    }
}

/// What a token keeps of a status.
fn bare(video: &VideoStatus) -> Option<VideoStatus> {
    let clips = video.generated_content.as_ref();
    let clips = clips.filter(|clips| clips.len() <= MOST_CLIPS);
    (!video.status.is_final()).then(|| VideoStatus {
        generated_content: clips.map(|clips| {
            let states = clips.iter().map(|clip| clip.status);
            states.map(GeneratedContent::bare).collect()
        }),
        ..VideoStatus::bare(video.status.clone())
    })
}

fn write(form: &str, mut machine: Machine) -> String {
    let mut codec = Codec {
        is_whole: form == SNAPSHOT,
        from: None,
        text: form.to_owned(),
    };
    codec.machine(&mut machine);
    codec.put(fingerprint(&codec.text));
    codec.text
}

fn read(form: &str, text: &str) -> Option<Machine> {
    let (guarded, from) = unsealed(form, text)?;
    let mut codec = Codec {
        is_whole: form == SNAPSHOT,
        from: Some(from),
        text: form.to_owned(),
    };
    let (mut machine, _) = Machine::start_checked("", Options::default(), 0);
    codec.machine(&mut machine);
    // What is not as it would be written is not from here, whatever its checksum.
    let is_sound = codec.text == guarded && is_sound(&machine, codec.is_whole);
    // Whoever holds a snapshot has been told all that is in it.
    machine.told = machine.job.last.is_some().then(|| machine.telling());
    is_sound.then_some(machine)
}

/// What the checksum guards, and the fields in it behind the version.
fn unsealed<'a>(form: &str, text: &'a str) -> Option<(&'a str, Split<'a, char>)> {
    let (guarded, checksum) = text.rsplit_once(SEPARATOR)?;
    let mut fields = guarded.split(SEPARATOR);
    // The checksum is compared as text, so that there is one way to write it.
    (fields.next() == Some(form) && itoa::Buffer::new().format(fingerprint(guarded)) == checksum)
        .then_some((guarded, fields))
}

/// Whether a machine can be like this.
fn is_sound(machine: &Machine, is_whole: bool) -> bool {
    let is_over = matches!(machine.phase, Phase::Done | Phase::Failed(_));
    let is_done = |job: &Job| job.progress.overall == WHOLE;
    let is_sound = |job: &Job| {
        let status = job.last.as_ref().map(|video| &video.status);
        job.progress.durations.is_sound()
            && is_done(job) == matches!(status, Some(Status::Done { .. }))
            && (is_over || !status.is_some_and(Status::is_final))
    };
    machine.options == machine.options.clone().sound()
        && is_sound(&machine.job)
        && machine.shared.as_deref().is_none_or(is_sound)
        // The step that is done tells the video; a token does not have it.
        && (machine.phase != Phase::Done || is_done(&machine.job) == is_whole)
}

/// The id, when the poll began, and its options as they were given.
fn read_not_begun(text: &str) -> Option<Machine> {
    let (_, mut fields) = unsealed(NOT_BEGUN, text)?;
    let id = decode(fields.next()?)?;
    let started = fields.next()?.parse().ok()?;
    // A number as JavaScript writes it, of those that options can be.
    let mut number = || match fields.next()? {
        "" => Some(None),
        "Infinity" => Some(Some(f64::INFINITY)),
        digits => Some(Some(digits.parse::<u64>().ok()? as f64)),
    };
    let options = RawOptions {
        timeout_ms: number()?,
        min_interval_ms: number()?,
        max_interval_ms: number()?,
        max_consecutive_failures: number()?,
    };
    let options = options.check(&Options::default()).ok()?;
    let (mut machine, _) = Machine::start_checked(&id, options, started);
    machine.job.requests = 0;
    fields.next().is_none().then_some(machine)
}

fn no_response() -> Brief {
    Failure::of(Reason::NoResponse).brief()
}

fn decode(field: &str) -> Option<String> {
    let mut parts = field.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Goes through the fields in their order. Each takes the value that is read, if it can have that, and
/// is written with the one that it has then; so a text that no machine has comes out as another text.
struct Codec<'a> {
    /// All there is, and not only what a token has of it.
    is_whole: bool,
    /// What is read; nothing where a machine is only written.
    from: Option<Split<'a, char>>,
    text: String,
}

impl<'a> Codec<'a> {
    fn machine(&mut self, machine: &mut Machine) {
        self.text(&mut machine.id);
        self.number(&mut machine.started);
        self.some(&mut machine.deadline, u64::default, Self::number);
        let options = &mut machine.options;
        self.some(&mut options.timeout, u64::default, Self::number);
        self.number(&mut options.min_interval);
        self.number(&mut options.max_interval);
        self.number(&mut options.max_failures);
        if let Some(kind) = self.digits() {
            machine.phase = match kind {
                1 => Phase::Sleeping { until: 0 },
                2 => Phase::Done,
                3 => Phase::Failed(Failure::new(ErrorCode::Timeout)),
                _ => Phase::Asking,
            };
        }
        self.put(match machine.phase {
            Phase::Asking => 0,
            Phase::Sleeping { .. } => 1,
            Phase::Done => 2,
            Phase::Failed(_) => 3,
        });
        match &mut machine.phase {
            Phase::Sleeping { until } if self.is_whole => self.number(until),
            Phase::Failed(failure) => {
                self.one_of(&mut failure.reason, Reason::ALL);
                failure.code = failure.reason.code();
                if self.is_whole {
                    self.some(&mut failure.http_status, u16::default, Self::number);
                    self.some(&mut failure.detail, String::new, Self::text);
                    self.flag(&mut failure.is_inferred);
                    self.some(&mut failure.cause, no_response, Self::brief);
                }
            }
            _ => {}
        }
        self.job(&mut machine.job);
        if self.is_whole {
            let blank = || Box::new(Job::new("", 0));
            self.some(&mut machine.shared, blank, |codec, job| codec.job(job));
            let (times, since) = &mut machine.failed_words;
            self.number(times);
            self.number(since);
        }
    }

    fn brief(&mut self, failure: &mut Brief) {
        self.one_of(&mut failure.reason, Reason::ALL);
        self.some(&mut failure.http_status, u16::default, Self::number);
    }

    fn job(&mut self, job: &mut Job) {
        self.number(&mut job.requests);
        self.number(&mut job.asked_at);
        self.number(&mut job.failures);
        self.some(&mut job.retrying, no_response, Self::brief);
        self.number(&mut job.not_before);
        let progress = &mut job.progress;
        let scales = [Scale::Unproven, Scale::Fraction, Scale::Percent];
        self.one_of(&mut progress.scale, &scales);
        self.part(&mut progress.overall);
        self.some(&mut progress.seen_at, u64::default, Self::number);
        self.some(&mut progress.clips_from, u64::default, Self::number);
        self.some(&mut progress.ready, u32::default, Self::number);
        self.some(&mut progress.failed_at, u64::default, Self::number);
        self.flag(&mut progress.is_starting);
        self.some(
            &mut progress.render_from,
            || (0, 0),
            |codec, (at, part)| {
                codec.number(at);
                codec.part(part);
            },
        );
        self.some(&mut progress.end, u64::default, Self::number);
        if self.is_whole {
            self.number(&mut progress.durations.scale);
            self.number(&mut progress.durations.seen);
            self.number(&mut progress.durations.render);
            self.flag(&mut progress.is_timed);
            if let Some(seed) = self.digits() {
                job.jitter = Jitter::new(seed);
            }
            self.put(job.jitter.state().into());
            self.number(&mut job.fingerprint);
            self.flag(&mut job.had_outcome);
        }
        let blank = || Arc::new(VideoStatus::bare(Status::GeneratingVideo));
        self.some(&mut job.last, blank, |codec, video| {
            codec.video(Arc::make_mut(video));
        });
    }

    fn video(&mut self, video: &mut VideoStatus) {
        let text = String::new;
        if let Some(kind) = self.digits() {
            video.status = match kind {
                0 => Status::Pending { message: None },
                1 => Status::GeneratingVideo,
                2 => Status::StartRenderingVideo { progress: 0.0 },
                3 => Status::RenderingVideo { progress: 0.0 },
                4 if self.is_whole => Status::Done {
                    url: text(),
                    id: text(),
                    raw_status: None,
                },
                5 if self.is_whole => Status::Error {
                    message: None,
                    raw_status: None,
                },
                _ => Status::Unrecognized { raw_status: text() },
            };
        }
        self.put(video.status.place());
        match &mut video.status {
            Status::StartRenderingVideo { progress } | Status::RenderingVideo { progress } => {
                self.amount(progress, 1.0);
            }
            _ if !self.is_whole => {}
            Status::GeneratingVideo => {}
            Status::Pending { message } => self.some(message, text, Self::text),
            Status::Error {
                message,
                raw_status,
            } => {
                self.some(message, text, Self::text);
                self.some(raw_status, text, Self::text);
            }
            Status::Unrecognized { raw_status } => self.text(raw_status),
            Status::Done {
                url,
                id,
                raw_status,
            } => {
                self.text(url);
                self.text(id);
                self.some(raw_status, text, Self::text);
            }
        }
        self.some(&mut video.generated_content, Vec::new, Self::clips);
        if self.is_whole {
            for credits in [&mut video.credits_total, &mut video.credits_used] {
                self.some(credits, f64::default, |codec, credits| {
                    codec.amount(credits, f64::MAX)
                });
            }
        }
    }

    /// How far each clip is, a letter each in one field; all else of them is in fields of their own.
    fn clips(&mut self, clips: &mut Vec<GeneratedContent>) {
        for letter in self.next().unwrap_or_default().chars() {
            let is = |state: &&ContentStatus| state.as_str().starts_with(letter);
            if let Some(state) = ContentStatus::ALL.iter().find(is)
                && (self.is_whole || clips.len() < MOST_CLIPS)
            {
                clips.push(GeneratedContent::bare(*state));
            }
        }
        self.text.push(SEPARATOR);
        for clip in clips.iter() {
            self.text.extend(clip.status.as_str().chars().next());
        }
        if !self.is_whole {
            return;
        }
        for clip in clips {
            for field in [
                &mut clip.id,
                &mut clip.url,
                &mut clip.effect,
                &mut clip.format,
                &mut clip.category,
                &mut clip.text,
            ] {
                self.some(field, String::new, Self::text);
            }
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.from.as_mut()?.next()
    }

    fn digits(&mut self) -> Option<u64> {
        self.next()?.parse().ok()
    }

    fn put(&mut self, number: u64) {
        self.text.push(SEPARATOR);
        self.text.push_str(itoa::Buffer::new().format(number));
    }

    fn number<N: Copy + Into<u64> + TryFrom<u64>>(&mut self, number: &mut N) {
        if let Some(read) = self.digits().and_then(|read| N::try_from(read).ok()) {
            *number = read;
        }
        self.put((*number).into());
    }

    /// Of a whole, in millionths.
    fn part(&mut self, part: &mut Ppm) {
        if let Some(read) = self.digits() {
            *part = read.min(WHOLE.into()) as Ppm;
        }
        self.put((*part).into());
    }

    /// Every bit of it; formatting a float as decimals would cost the module several kilobytes.
    fn amount(&mut self, amount: &mut f64, most: f64) {
        let read = self.digits().map(f64::from_bits);
        if let Some(read) = read.filter(|read| (0.0..=most).contains(read)) {
            *amount = read;
        }
        self.put(amount.to_bits());
    }

    fn flag(&mut self, flag: &mut bool) {
        if let Some(read) = self.digits() {
            *flag = read == 1;
        }
        self.put((*flag).into());
    }

    fn text(&mut self, text: &mut String) {
        if let Some(read) = self.next().and_then(decode) {
            *text = read;
        }
        self.text.push(SEPARATOR);
        percent::encode(text, &mut self.text);
    }

    /// Whether there is something, and what it is.
    fn some<T>(&mut self, some: &mut Option<T>, blank: fn() -> T, rest: fn(&mut Self, &mut T)) {
        let mut is_there = some.is_some();
        self.flag(&mut is_there);
        if is_there {
            rest(self, some.get_or_insert_with(blank));
        } else {
            *some = None;
        }
    }

    /// Which of `all`, by its place there.
    fn one_of<T: Copy + PartialEq>(&mut self, one: &mut T, all: &[T]) {
        let read = self.digits().and_then(|place| usize::try_from(place).ok());
        if let Some(other) = read.and_then(|place| all.get(place)) {
            *one = *other;
        }
        let place = all.iter().position(|other| other == one);
        self.put(place.unwrap_or_default() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::answer::{Answer, Response};
    use crate::core::host::Native;
    use crate::core::machine::Event;

    #[test]
    fn what_is_read_is_what_would_be_written() {
        let (mut machine, _) = Machine::start("a b", Options::default(), 1_000);
        let response = Response {
            http_status: 200,
            body: r#"{"status":"RENDERING_VIDEO","progress":40,"generatedContent":[{"id":"a","status":"success"},{"status":"error"}]}"#,
            ..Response::default()
        };
        let answer = Answer::read::<Native>(response, "a b");
        machine.step(Event::Answer(answer), 2_000);
        let odd = [
            "",
            "0",
            "1",
            "2",
            "3",
            "9",
            "+1",
            "01",
            "-1",
            " 1",
            "1e3",
            "=",
            "s",
            "se",
            "p",
            "x",
            "%61",
            "%2c",
            "1000000",
            "1000001",
            "4294967295",
            "18446744073709551615",
            "4609434218613702656",
        ];
        let mut read_back = 0;
        for (form, text) in [
            (SNAPSHOT, machine.snapshot()),
            (TOKEN, machine.resume_token(0)),
        ] {
            let (guarded, _) = text.rsplit_once(SEPARATOR).unwrap();
            let whole: Vec<&str> = guarded.split(SEPARATOR).collect();
            for at in 0..whole.len() {
                for odd in odd {
                    let mut changed = whole.clone();
                    changed[at] = odd;
                    let changed = changed.join(",");
                    let sealed = format!("{changed},{}", fingerprint(&changed));
                    let Some(machine) = read(form, &sealed) else {
                        continue;
                    };
                    read_back += 1;
                    let again = if form == TOKEN {
                        machine.resume_token(0)
                    } else {
                        machine.snapshot()
                    };
                    assert_eq!(again, sealed);
                }
            }
        }
        assert!(read_back > 50, "{read_back}");
    }
}
