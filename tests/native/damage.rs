//! Snapshots and tokens of polls in every state that random servers bring about: each is the machine,
//! and none that was touched is read. A checksum is no secret, so what carries a right one around a
//! wrong text is refused as well, or else is a poll like any other.

use super::oracle::{audit, sealed};
use super::world::{START, answer};
use iacrea_video::core::machine::{Command, Event, Machine};
use iacrea_video::core::options::{Options, RawOptions};

const DONE: &str = r#"{"status":"DONE","url":"https://c.test/v"}"#;

/// The fields of a snapshot, without the checksum.
fn fields(text: &str) -> Vec<String> {
    let (guarded, _) = text.rsplit_once(',').unwrap();
    guarded.split(',').map(str::to_owned).collect()
}

/// Each end of the range, what writes a number in another way, what other fields hold; the large ones
/// are also the bits of NaN, infinity, -1, 1.5 and 1e300.
const ODD: &[&str] = &[
    "-",
    "a",
    "s",
    "d",
    "f",
    "g",
    "p",
    "r",
    "u",
    "c",
    "t",
    "e",
    "ss",
    "999999",
    "1000000",
    "1000001",
    "9218868437227405312",
    "13830554455654793216",
    "4609434218613702656",
    "9094988921123098624",
    "",
    "0",
    "1",
    "+5",
    "007",
    "-1",
    "-0",
    " 5",
    "5 ",
    "1e3",
    "0x10",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "%35",
];

#[test]
fn a_field_that_is_changed_under_a_right_checksum_is_refused_or_harmless() {
    let (mut machine, _) = Machine::start("v,é", Options::default(), START);
    let mut texts = vec![machine.snapshot()];
    for (event, at) in [
        (
            answer(
                200,
                None,
                r#"{"status":"RENDERING_VIDEO","progress":40,"creditsTotal":5,"generatedContent":[{"id":"a","status":"success"},{"status":"error","text":"x y"}]}"#,
            ),
            10,
        ),
        (Event::Wake, 3_000),
        (answer(429, Some("7"), "slow"), 3_100),
        (Event::Wake, 20_000),
        (answer(200, None, DONE), 20_001),
    ] {
        machine.step(event, START + at);
        texts.extend([machine.snapshot(), machine.resume_token(0)]);
    }
    let mut accepted = 0;
    for text in texts {
        let whole = fields(&text);
        for at in 0..whole.len() {
            for odd in ODD {
                let mut changed = whole.clone();
                changed[at] = (*odd).to_owned();
                let changed = sealed(&changed.join(","));
                audit(&changed);
                let token = Machine::resume(&changed, "v,é", RawOptions::default(), START + 30_000);
                let Ok(mut resumed) = token
                    .map(|(machine, _)| machine)
                    .or_else(|_| Machine::restore(&changed))
                else {
                    continue;
                };
                let mut step = resumed.step(Event::Nudge, START + 30_000);
                accepted += 1;
                // Whatever it says, going on from it ends with the video and never in a panic.
                let mut now = START + 30_000;
                for event in [
                    answer(200, None, r#"{"status":"RENDERING_VIDEO","progress":41}"#),
                    answer(503, Some("1"), ""),
                    Event::Nudge,
                    Event::Offline,
                    Event::Wake,
                ] {
                    now += 1_000;
                    step = resumed.step(event, now);
                    let _ = resumed.current(now);
                    let _ = resumed.resume_token(i64::MIN);
                    let _ = resumed.resume_token(i64::MAX);
                }
                let is_over = matches!(step.command, Command::Failed(_));
                let step = resumed.step(answer(200, None, DONE), now);
                assert!(is_over || step.command == Command::Done, "{changed}");
                audit(&resumed.snapshot());
            }
            let mut shorter = whole.clone();
            shorter.remove(at);
            audit(&sealed(&shorter.join(",")));
            let mut longer = whole.clone();
            longer.insert(at, longer[at].clone());
            audit(&sealed(&longer.join(",")));
        }
    }
    assert!(
        accepted > 100,
        "{accepted}: a foreign time or count can be right"
    );
}

#[test]
fn there_is_one_way_to_write_a_snapshot_or_a_token() {
    let (mut machine, _) = Machine::start("a b", Options::default(), START);
    machine.step(
        answer(200, None, r#"{"status":"PENDING","message":"é"}"#),
        START,
    );
    let whole = machine.snapshot();
    assert!(Machine::restore(&sealed(&fields(&whole).join(","))).is_ok());
    for (from, to) in [
        (",a%20b,", ",a b,"),
        (",a%20b,", ",%61%20b,"),
        (",a%20b,", ",a%+20b,"),
        ("%C3%A9", "%c3%a9"),
        (",2000,5000,", ",+2000,5000,"),
        (",2000,5000,", ",02000,5000,"),
    ] {
        let guarded = fields(&whole).join(",");
        assert!(guarded.contains(from), "{guarded}");
        assert!(
            Machine::restore(&sealed(&guarded.replacen(from, to, 1))).is_err(),
            "{to}"
        );
    }
    let resumed = |text: &str| Machine::resume(text, "a b", RawOptions::default(), START).is_ok();
    let guarded = fields(&machine.resume_token(0)).join(",");
    assert!(resumed(&sealed(&guarded)));
    for (from, to) in [
        (",a%20b,", ",a b,"),
        (",a%20b,", ",%61%20b,"),
        (",2000,5000,", ",+2000,5000,"),
        (",2000,5000,", ",02000,5000,"),
    ] {
        assert!(guarded.contains(from), "{guarded}");
        assert!(!resumed(&sealed(&guarded.replacen(from, to, 1))), "{to}");
    }
    assert!(!resumed(&sealed(&format!("{guarded},0"))));
}

#[test]
fn options_that_no_poll_can_have_are_refused() {
    let (machine, _) = Machine::start("v", Options::default(), START);
    let [snapshot, token] =
        [machine.snapshot(), machine.resume_token(0)].map(|text| fields(&text).join(","));
    let written = ",1200000,2000,5000,10,";
    assert!(snapshot.contains(written) && token.contains(written));
    for options in [
        ",1200000,5001,5000,10,",
        ",1200000,2000,5000,0,",
        ",1200000,2000,18446744073709551615,10,",
        ",1200000,18446744073709551615,18446744073709551615,10,",
        ",18446744073709551615,2000,5000,10,",
    ] {
        let text = sealed(&snapshot.replacen(written, options, 1));
        assert!(Machine::restore(&text).is_err(), "{options}");
        let text = sealed(&token.replacen(written, options, 1));
        assert!(
            Machine::resume(&text, "v", RawOptions::default(), START).is_err(),
            "{options}"
        );
    }
}

#[test]
fn the_token_of_a_finished_video_is_resumed_and_not_stepped_on_without_it() {
    let (mut machine, _) = Machine::start("v", Options::default(), START);
    machine.step(answer(200, None, DONE), START);
    let token = machine.resume_token(0);
    assert!(Machine::restore(&token).is_err());
    let (_, step) = Machine::resume(&token, "v", RawOptions::default(), START).unwrap();
    assert!(matches!(step.command, Command::Fetch { .. }));
    let mut again = Machine::restore(&machine.snapshot()).unwrap();
    let step = again.step(Event::Wake, START);
    assert_eq!(step.command, Command::Done);
    assert!(step.update.is_some(), "the video is in the update");
}
