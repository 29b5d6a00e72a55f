//! Each scenario comes to the end it promises, for a client that asks every three seconds, waits out what it is told
//! to wait for and gives up after ten failures in a row. All in virtual time, over many seeds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use iacrea_simulator::{
    Answer, Body, Reply, Request, SCENARIOS, Scenario, Simulator, VideoOptions, catalogue,
};
use serde_json::Value;

const SEEDS: u64 = 25;
const DEADLINE: u64 = 1_200_000;
/// 9 October 2025.
const START: u64 = 1_760_000_000_000;

/// What one request came to.
enum Outcome {
    Status(String),
    Transient(&'static str),
    Fatal(&'static str),
}

fn outcome(reply: &Reply) -> Outcome {
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Reset | Reply::Hang => return Outcome::Transient("network"),
    };
    match answer.status {
        200..=299 => body(answer),
        300..=399 => Outcome::Fatal("redirected"),
        401 | 403 => Outcome::Fatal("unauthorized"),
        404 => Outcome::Fatal("not_found"),
        429 => Outcome::Transient("rate_limited"),
        408 | 425 | 500.. => Outcome::Transient("http"),
        _ => Outcome::Fatal("http"),
    }
}

fn body(answer: &Answer) -> Outcome {
    let text = match &answer.body {
        Body::Whole(text) => text.trim_start_matches('\u{feff}'),
        Body::Long { filler, .. } => {
            assert!(*filler > 1 << 20);
            return Outcome::Transient("bad_response");
        }
        Body::Stalled(_) => return Outcome::Transient("network"),
        Body::Cut { sent, declared } => {
            assert!(sent.len() < *declared);
            return Outcome::Transient("network");
        }
    };
    let parsed: Value = serde_json::from_str(text).unwrap_or_default();
    match parsed.get("status").and_then(Value::as_str) {
        None => Outcome::Transient("bad_response"),
        Some(status) => {
            let status = status.trim().to_uppercase().replace(['-', ' '], "_");
            if status == "DONE" && !has_url(&parsed) {
                return Outcome::Transient("bad_response");
            }
            Outcome::Status(status)
        }
    }
}

fn has_url(parsed: &Value) -> bool {
    let fields = parsed.as_object().unwrap().values();
    fields
        .filter_map(Value::as_str)
        .any(|text| text.starts_with("https://"))
}

fn floor_ms(reply: &Reply) -> u64 {
    match reply.header("retry-after") {
        Some(text) if text.ends_with("GMT") && !text.contains(" Oct 2025") => 30 * 86_400_000,
        Some(text) => text.parse::<u64>().unwrap_or(0) * 1000,
        None => 0,
    }
}

fn slow(reply: &Reply) -> bool {
    matches!(
        reply,
        Reply::Hang
            | Reply::Answer(Answer {
                body: Body::Stalled(_),
                ..
            })
    )
}

/// How a naive client ends: `done` or an error code.
fn poll(scenario: &Scenario, seed: u64) -> &'static str {
    let mut simulator = Simulator::new(iacrea_simulator::Options::default()).unwrap();
    let id = simulator
        .create_video_with(
            VideoOptions {
                scenario: Some(scenario.name.to_owned()),
                seed: Some(seed),
                ..VideoOptions::default()
            },
            START,
        )
        .unwrap();
    let path = format!("/api/video-editor/generate/video/{id}");
    let mut now = 0;
    let mut in_a_row = 0;
    while now < DEADLINE {
        let reply = simulator.handle(&Request::get(&path, "demo-key"), START + now);
        if slow(&reply) {
            now += 30_000;
        }
        match outcome(&reply) {
            Outcome::Fatal(code) => return code,
            Outcome::Transient(code) => {
                in_a_row += 1;
                if in_a_row == 10 {
                    return code;
                }
            }
            Outcome::Status(status) if status == "DONE" => return "done",
            Outcome::Status(status) if status == "ERROR" => return "video_failed",
            Outcome::Status(..) => in_a_row = 0,
        }
        now += floor_ms(&reply).max(3000);
    }
    "timeout"
}

#[test]
fn each_scenario_comes_to_the_end_it_promises() {
    for scenario in SCENARIOS {
        for seed in 0..SEEDS {
            assert_eq!(
                poll(scenario, seed),
                scenario.expect.name(),
                "{} {seed}",
                scenario.name
            );
        }
    }
}

#[test]
fn each_scenario_with_faults_shows_them() {
    for scenario in SCENARIOS
        .iter()
        .filter(|scenario| !scenario.faults.is_empty())
    {
        let mut simulator = Simulator::new(iacrea_simulator::Options {
            scenario: scenario.name.to_owned(),
            speed: 10.0,
            ..Default::default()
        })
        .unwrap();
        let id = simulator.create_video(START);
        let path = format!("/api/video-editor/generate/video/{id}");
        for turn in 0..300 {
            simulator.handle(&Request::get(&path, "demo-key"), START + turn * 300);
        }
        let log = simulator.requests(&id).unwrap();
        for rule in scenario.faults {
            assert!(
                log.iter().any(|one| one.fault == Some(rule.fault.name())),
                "{} never shows {}",
                scenario.name,
                rule.fault.name()
            );
        }
    }
}

/// The package lists the scenarios without loading the module, from a file made here:
/// `UPDATE_SCENARIOS=1 cargo test -p iacrea-simulator` writes it anew.
#[test]
fn the_package_lists_the_same_scenarios() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../pkg/src/scenarios.ts");
    let list = serde_json::to_string_pretty(&catalogue()).unwrap();
    let text = format!(
        "// The catalogue of simulator scenarios, written by simulator/tests/catalogue.rs from the crate's own list.\n\
         // It is here so that names and titles are at hand before the module is loaded. Never edit it by hand.\n\
         \n\
         export const catalogue = {list} as const;\n"
    );
    if std::env::var_os("UPDATE_SCENARIOS").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let stored = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        stored == text,
        "pkg/src/scenarios.ts is out of date: run with UPDATE_SCENARIOS=1"
    );
}
