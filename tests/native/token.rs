//! Tokens and snapshots: small, whole or refused, and enough to go on from.

use super::world::{START, answer};
use iacrea_video::core::error::ErrorCode;
use iacrea_video::core::machine::{Command, Event, Machine};
use iacrea_video::core::options::{Options, RawOptions};

const ID: &str = "6e789e6a-a1b9-45f4-86c4-5d188009454f";

fn raw() -> RawOptions {
    RawOptions::default()
}

/// A poll in the middle of its life, with `clips` clips that have all their fields.
fn in_life(id: &str, clips: usize) -> Machine {
    let clip = |n: usize| {
        format!(
            r#"{{"id":"{ID}","url":"https://cdn.test/{n}/{ID}.mp4","effect":"CAMERA_MOVE_RIGHT","format":"landscape","status":"{}"}}"#,
            ["success", "error", "pending", "new"][n % 4]
        )
    };
    let list: Vec<_> = (0..clips).map(clip).collect();
    let body = format!(
        r#"{{"status":"PENDING","message":"Re-generating, été 🎬","creditsTotal":12.34,"generatedContent":[{}]}}"#,
        list.join(",")
    );
    let (mut machine, _) = Machine::start(id, Options::default(), START);
    machine.step(
        answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":42}"#),
        START + 50,
    );
    machine.step(Event::Wake, START + 3_000);
    machine.step(answer(200, None, &body), START + 3_100);
    machine.step(Event::Wake, START + 6_000);
    machine.step(answer(429, Some("1"), "slow down"), START + 6_100);
    machine
}

#[test]
fn a_token_for_fifty_clips_fits_into_two_kilobytes() {
    let token = in_life(ID, 50).resume_token(0);
    assert!(token.len() <= 2_048, "{}", token.len());
    assert!(
        token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.,%".contains(&b)),
        "{token}"
    );
}

#[test]
fn a_token_cuts_the_servers_words_and_a_snapshot_keeps_them() {
    for name in ["PENDING", "QUEUED"] {
        let words = "x".repeat(150);
        let status = if name == "PENDING" {
            name.to_owned()
        } else {
            words.clone()
        };
        let body = format!(r#"{{"status":"{status}","message":"{words}"}}"#);
        let (mut machine, _) = Machine::start(ID, Options::default(), START);
        machine.step(answer(200, None, &body), START);
        assert!(machine.snapshot().contains(&words));
        let token = machine.resume_token(0);
        assert!(token.contains(&words[..100]) && !token.contains(&words[..101]));
    }
}

#[test]
fn a_snapshot_is_the_whole_machine() {
    for id in [ID, "é/ ,%,~", "🎬"] {
        let machine = in_life(id, 5);
        assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
    }
    for end in [
        answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#),
        answer(402, None, "pay"),
        answer(200, None, r#"{"status":"ERROR","error":"no, never"}"#),
    ] {
        let (mut machine, _) = Machine::start(
            ID,
            Options {
                timeout: None,
                ..Options::default()
            },
            START,
        );
        machine.step(end, START + 9);
        assert_eq!(Machine::restore(&machine.snapshot()), Ok(machine));
    }
}

#[test]
fn a_token_keeps_what_going_on_needs() {
    let machine = in_life(ID, 8);
    let (mut resumed, step) =
        Machine::resume(&machine.resume_token(0), ID, raw(), START + 6_200).unwrap();
    assert_eq!(
        step.command,
        Command::Sleep {
            until: START + 7_100
        },
        "the server's floor holds"
    );
    resumed.step(Event::Wake, START + 7_100);
    let update = resumed
        .step(
            answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":1}"#),
            START + 7_200,
        )
        .update
        .unwrap();
    let before = machine.current(START + 6_200).unwrap();
    assert_eq!((update.requests, update.elapsed_ms), (4, 7_200));
    assert_eq!(
        update.overall, before.overall,
        "42 % was reached; the scale of 0 to 100 is still known"
    );
    let states = |update: &iacrea_video::core::machine::Update| -> Vec<_> {
        update
            .video
            .generated_content
            .as_ref()
            .unwrap()
            .iter()
            .map(|clip| clip.status)
            .collect()
    };
    assert_eq!(states(&update), states(&before));
    assert_eq!(update.video.credits_total, Some(12.34));
}

#[test]
fn a_token_keeps_the_deadline_whatever_the_options_say() {
    let token = in_life(ID, 1).resume_token(0);
    let longer = RawOptions {
        timeout_ms: Some(9e9),
        ..raw()
    };
    let (mut resumed, _) = Machine::resume(&token, ID, longer, START + 60_000).unwrap();
    let step = resumed.step(Event::Wake, START + 1_200_000);
    assert!(matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout));
}

#[test]
fn a_poll_whose_deadline_passed_meanwhile_asks_one_last_time() {
    let token = in_life(ID, 1).resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 1_200_000).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    let later = START + 86_400_000;
    let (machine, step) = Machine::resume(&token, ID, raw(), later).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    assert_eq!(
        machine.clone().step(done, later + 100).command,
        Command::Done
    );
    for event in [
        answer(200, None, r#"{"status":"PENDING"}"#),
        Event::NetworkError,
    ] {
        let step = machine.clone().step(event, later + 100);
        assert!(
            matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout)
        );
    }
}

#[test]
fn a_poll_that_had_ended_keeps_its_deadline_unless_that_has_passed() {
    const LIMIT: u64 = 60_000;
    let start = |max_failures| {
        let options = Options {
            timeout: Some(LIMIT),
            max_failures,
            ..Options::default()
        };
        Machine::start(ID, options, START).0
    };
    let resumed_at = |machine: &Machine, later: u64| {
        let now = START + later;
        Machine::resume(&machine.resume_token(0), ID, raw(), now).unwrap()
    };
    let until = |later| Command::Fetch {
        give_up_at: Some(START + later),
    };
    let mut unreachable = start(1);
    unreachable.step(Event::NetworkError, START + 5_000);
    assert_eq!(resumed_at(&unreachable, 9_000).1.command, until(LIMIT));
    let late = resumed_at(&unreachable, 90_000).1.command;
    assert_eq!(late, until(90_000 + LIMIT));
    let mut timed_out = start(1);
    timed_out.step(Event::Wake, START + LIMIT);
    let late = resumed_at(&timed_out, 90_000).1.command;
    assert_eq!(late, until(90_000 + LIMIT));
    // It was told at once that its next question would come too late.
    let mut held_off = start(2);
    held_off.step(answer(429, Some("61"), ""), START + 1_000);
    let until = START + 62_000;
    assert_eq!(
        resumed_at(&held_off, 9_000).1.command,
        Command::Sleep { until }
    );
}

#[test]
fn a_poll_that_had_ended_counts_its_failures_anew() {
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    for _ in 0..10 {
        machine.step(Event::NetworkError, START);
    }
    let (mut resumed, _) = Machine::resume(&machine.resume_token(0), ID, raw(), START + 9).unwrap();
    for _ in 0..9 {
        let step = resumed.step(Event::NetworkError, START + 90_000);
        assert!(matches!(step.command, Command::Sleep { .. }));
    }
}

#[test]
fn who_goes_on_from_a_snapshot_of_a_finished_video_hears_of_it_anew() {
    let done = answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#);
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    machine.step(done.clone(), START + 9);
    for text in [machine.snapshot(), machine.resume_token(0)] {
        let (mut resumed, _) = Machine::resume(&text, ID, raw(), START + 99).unwrap();
        assert!(resumed.current(START + 99).is_none(), "{text}");
        let pending = answer(200, None, r#"{"status":"PENDING"}"#);
        let update = resumed.step(pending, START + 199).update.unwrap();
        assert!(update.overall < 1.0, "the whole job is one that is done");
        assert_eq!(Machine::restore(&resumed.snapshot()).unwrap(), resumed);
        resumed.step(Event::Wake, START + 9_000);
        let update = resumed.step(done.clone(), START + 9_100).update.unwrap();
        assert_eq!(update.overall, 1.0);
    }
}

#[test]
fn a_limit_given_at_the_resume_holds_for_a_poll_that_had_none() {
    let patient = Options {
        timeout: None,
        ..Options::default()
    };
    let (machine, _) = Machine::start(ID, patient, START);
    let limited = RawOptions {
        timeout_ms: Some(60_000.0),
        ..raw()
    };
    let token = machine.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, limited, START + 9).unwrap();
    let give_up_at = Some(START + 60_009);
    assert_eq!(step.command, Command::Fetch { give_up_at });
    let (_, step) = Machine::resume(&token, ID, raw(), START + 9).unwrap();
    assert_eq!(step.command, Command::Fetch { give_up_at: None });
}

#[test]
fn who_goes_on_keeps_to_the_floor_that_the_server_set_at_the_end() {
    let options = Options {
        max_failures: 1,
        ..Options::default()
    };
    let (mut machine, _) = Machine::start(ID, options, START);
    let step = machine.step(answer(429, Some("60"), ""), START);
    assert!(matches!(step.command, Command::Failed(_)));
    let token = machine.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 9).unwrap();
    let until = START + 60_000;
    assert_eq!(step.command, Command::Sleep { until });
    let (_, step) = Machine::resume(&token, ID, raw(), until).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
    // Where there is no time to wait so long, there is nothing to wait for.
    for (ms, waits) in [(59_991.0, false), (59_992.0, true)] {
        let limited = RawOptions {
            timeout_ms: Some(ms),
            ..raw()
        };
        let (_, step) = Machine::resume(&token, ID, limited, START + 9).unwrap();
        match step.command {
            Command::Sleep { .. } => assert!(waits),
            Command::Failed(failure) => {
                assert_eq!((failure.code, waits), (ErrorCode::Timeout, false))
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn options_given_at_the_resume_win_and_are_checked() {
    let token = in_life(ID, 1).resume_token(0);
    let quick = RawOptions {
        min_interval_ms: Some(10.0),
        max_interval_ms: Some(20.0),
        ..raw()
    };
    let (mut resumed, _) = Machine::resume(&token, ID, quick, START + 9_000).unwrap();
    let step = resumed.step(answer(200, None, r#"{"status":"PENDING"}"#), START + 9_000);
    assert!(matches!(step.command, Command::Sleep { until } if until <= START + 9_020));
    let bad = RawOptions {
        min_interval_ms: Some(-1.0),
        ..raw()
    };
    assert_eq!(
        Machine::resume(&token, ID, bad, START).unwrap_err().code,
        ErrorCode::InvalidArgument
    );
}

#[test]
fn the_clock_of_another_place_cannot_stretch_the_deadline() {
    let token = in_life(ID, 1).resume_token(0);
    // This place's clock is a day behind.
    let now = START - 86_400_000;
    let (mut resumed, _) = Machine::resume(&token, ID, raw(), now).unwrap();
    let step = resumed.step(Event::Wake, now + 1_200_000);
    assert!(matches!(step.command, Command::Failed(failure) if failure.code == ErrorCode::Timeout));
}

#[test]
fn the_clock_of_another_place_cannot_stretch_a_retry_after() {
    // That place's clock is half an hour ahead: more than there is time for.
    let ahead = START + 1_800_000;
    let (mut machine, _) = Machine::start(ID, Options::default(), ahead);
    machine.step(answer(429, Some("5"), ""), ahead + 100);
    let token = machine.resume_token(0);
    let (resumed, step) = Machine::resume(&token, ID, raw(), START + 60_000).unwrap();
    let until = START + 65_100;
    assert_eq!(step.command, Command::Sleep { until });
    let token = resumed.resume_token(0);
    let (_, step) = Machine::resume(&token, ID, raw(), START + 62_000).unwrap();
    assert_eq!(step.command, Command::Sleep { until });
    let (_, step) = Machine::resume(&token, ID, raw(), until).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
}

#[test]
fn times_are_written_as_the_wall_clock_has_them() {
    let machine = in_life(ID, 1);
    // The steady clock ran ahead by a minute, say because the wall clock was set back.
    let token = machine.resume_token(60_000);
    let (resumed, _) = Machine::resume(&token, ID, raw(), START - 53_000).unwrap();
    assert_eq!(resumed.current(START - 53_000).unwrap().elapsed_ms, 7_000);
}

#[test]
fn foreign_and_damaged_texts_are_refused() {
    let machine = in_life(ID, 3);
    let other = Machine::resume(&machine.resume_token(0), "another", raw(), START).unwrap_err();
    assert_eq!(other.code, ErrorCode::InvalidArgument);
    for text in [machine.resume_token(0), machine.snapshot()] {
        for end in 0..text.len() {
            assert!(Machine::restore(&text[..end]).is_err(), "cut at {end}");
        }
        for at in 0..text.len() {
            for bit in 0..7 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let damaged = String::from_utf8(bytes).unwrap();
                assert!(
                    Machine::restore(&damaged).is_err(),
                    "bit {bit} of byte {at}"
                );
            }
        }
    }
    for text in [
        "",
        ",",
        "iv1",
        "iv2,x",
        "null",
        "{\"state\":null}",
        "iv1,,,,",
    ] {
        assert!(Machine::restore(text).is_err(), "{text:?}");
    }
}

/// As the package writes it, whose own tests read it back.
fn not_begun(fields: &str) -> String {
    let text = format!("iv1-new,{fields}");
    let checksum = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{text},{checksum}")
}

#[test]
fn a_poll_that_had_not_begun_starts_with_its_options() {
    for (timeout, deadline) in [
        ("", Some(1_200_000)),
        ("60000", Some(60_000)),
        ("Infinity", None),
    ] {
        let token = not_begun(&format!("a%2Fb%2C,{START},{timeout},10,20,Infinity"));
        let (mut machine, step) = Machine::resume(&token, "a/b,", raw(), START + 5_000).unwrap();
        assert_eq!(
            step.command,
            Command::Fetch {
                give_up_at: deadline.map(|ms| START + ms)
            }
        );
        let step = machine.step(answer(200, None, r#"{"status":"PENDING"}"#), START + 5_000);
        let update = step.update.unwrap();
        assert_eq!((update.requests, update.elapsed_ms), (1, 5_000));
        assert!(matches!(step.command, Command::Sleep { until } if until <= START + 5_020));
    }
    for fields in [
        "",
        "v",
        "v,5",
        "v,x,,,,",
        "v,5,0,,,",
        "v,5,-1,,,",
        "v,5,,20,10,",
        "v,5,,,,,",
        "%zz,5,,,,",
        "v,5,,,,0",
    ] {
        assert!(Machine::restore(&not_begun(fields)).is_err(), "{fields:?}");
    }
}

#[test]
fn a_poll_whose_first_answer_was_done_leaves_a_token() {
    let (mut machine, _) = Machine::start(ID, Options::default(), START);
    machine.step(
        answer(200, None, r#"{"status":"DONE","url":"https://c.test/v"}"#),
        START + 9,
    );
    let (_, step) = Machine::resume(&machine.resume_token(0), ID, raw(), START + 99).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
}

#[test]
fn options_made_by_hand_that_cannot_work_break_neither_a_poll_nor_its_token() {
    let options = Options {
        timeout: Some(u64::MAX),
        min_interval: u64::MAX,
        max_interval: 0,
        max_failures: 0,
    };
    let (mut machine, _) = Machine::start("v", options, START);
    let rendering = answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":0.4}"#);
    machine.step(rendering, START + 5);
    assert_eq!(Machine::restore(&machine.snapshot()).unwrap(), machine);
    assert!(Machine::restore(&machine.resume_token(0)).is_ok());
}
