//! The model's promises, kept in virtual time: asking drives, credits fall, a seed repeats itself, keys are checked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use iacrea_simulator::{Options, Reply, Request, Simulator, VideoOptions};
use serde_json::Value;

const HOUR: u64 = 3_600_000;

fn simulator() -> Simulator {
    Simulator::new(Options::default()).unwrap()
}

fn locked() -> Simulator {
    Simulator::new(Options {
        api_key: Some("demo-key".to_owned()),
        ..Options::default()
    })
    .unwrap()
}

fn path(id: &str) -> String {
    format!("/api/video-editor/generate/video/{id}")
}

fn ask(simulator: &mut Simulator, id: &str, now: u64) -> Value {
    let reply = simulator.handle(&Request::get(&path(id), "demo-key"), now);
    assert_eq!(reply.status(), Some(200), "{reply:?}");
    serde_json::from_str(reply.text().unwrap()).unwrap()
}

fn with(simulator: &mut Simulator, scenario: &str, now: u64) -> String {
    simulator
        .create_video_with(
            VideoOptions {
                scenario: Some(scenario.to_owned()),
                ..VideoOptions::default()
            },
            now,
        )
        .unwrap()
}

/// Every answer of a video asked for each three seconds, up to its end.
fn course(simulator: &mut Simulator, id: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for turn in 0..1000 {
        answers.push(ask(simulator, id, turn * 3000));
        let status = answers.last().unwrap()["status"].as_str().unwrap();
        if status == "DONE" || status == "ERROR" {
            return answers;
        }
    }
    panic!("no end");
}

fn phases(answers: &[Value]) -> Vec<String> {
    let mut phases: Vec<String> = Vec::new();
    for answer in answers {
        let status = answer["status"].as_str().unwrap().to_owned();
        if phases.last() != Some(&status) {
            phases.push(status);
        }
    }
    phases
}

#[test]
fn no_request_no_progress() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    assert_eq!(ask(&mut simulator, &id, HOUR)["status"], "PENDING");
    // The first clips began with that request; an hour later they are there, and no other has begun.
    let answer = ask(&mut simulator, &id, 2 * HOUR);
    assert_eq!(answer["status"], "GENERATING_VIDEO");
    let clips = answer["generatedContent"].as_array().unwrap();
    let made = clips.iter().filter(|clip| clip["status"] == "success");
    assert_eq!(made.count(), 4.min(clips.len()));
    // However long nobody asks, the render has not begun.
    let mut now = 3 * HOUR;
    while ask(&mut simulator, &id, now)["status"] != "START_RENDERING_VIDEO" {
        now += HOUR;
        assert!(now < 10 * HOUR);
    }
    assert_eq!(
        ask(&mut simulator, &id, now + HOUR)["status"],
        "RENDERING_VIDEO"
    );
    assert_eq!(ask(&mut simulator, &id, now + HOUR)["status"], "DONE");
}

#[test]
fn every_phase_is_seen_at_any_speed() {
    for speed in [0.5, 1.0, 60.0, 1e9] {
        let mut simulator = Simulator::new(Options {
            speed,
            ..Options::default()
        })
        .unwrap();
        let id = simulator.create_video(0);
        assert_eq!(
            phases(&course(&mut simulator, &id)),
            [
                "PENDING",
                "GENERATING_VIDEO",
                "START_RENDERING_VIDEO",
                "RENDERING_VIDEO",
                "DONE"
            ]
        );
    }
}

#[test]
fn credits_fall_as_clips_are_made() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    let answers = course(&mut simulator, &id);
    let credits: Vec<(i64, i64)> = answers
        .iter()
        .filter_map(|answer| {
            Some((
                answer["creditsTotal"].as_i64()?,
                answer["creditsUsed"].as_i64()?,
            ))
        })
        .collect();
    let clips = answers[1]["generatedContent"].as_array().unwrap().len() as i64;
    assert!(
        credits
            .windows(2)
            .all(|two| two[0].0 >= two[1].0 && two[0].1 <= two[1].1)
    );
    assert!(
        credits
            .iter()
            .all(|(left, used)| left + used == credits[0].0 + credits[0].1)
    );
    assert_eq!(credits.last().unwrap().1, clips * 10);
}

#[test]
fn a_failed_clip_is_seen_and_redone_in_pending() {
    let mut simulator = simulator();
    let id = with(&mut simulator, "regenerate", 0);
    let answers = course(&mut simulator, &id);
    let failed = answers
        .iter()
        .position(|answer| answer.to_string().contains("\"status\":\"error\""))
        .unwrap();
    assert_eq!(answers[failed]["status"], "GENERATING_VIDEO");
    assert_eq!(answers[failed + 1]["status"], "PENDING");
    assert_eq!(
        answers[failed + 1]["message"],
        "Re-generating video in error"
    );
    assert!(answers[failed + 1].get("generatedContent").is_none());
    assert_eq!(answers.last().unwrap()["status"], "DONE");
}

#[test]
fn the_same_seed_gives_the_same_answers() {
    let run = |seed| {
        let mut simulator = Simulator::new(Options {
            seed,
            scenario: "flaky".to_owned(),
            ..Options::default()
        })
        .unwrap();
        let id = simulator.create_video(0);
        let replies: Vec<Reply> = (0..200)
            .map(|turn| simulator.handle(&Request::get(&path(&id), "demo-key"), turn * 3000))
            .collect();
        (id, replies)
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_wrong_key_opens_and_moves_nothing() {
    let mut simulator = locked();
    let id = simulator.create_video(0);
    let path = path(&id);
    for api_key in [None, Some(""), Some("other")] {
        let request = Request {
            method: "GET",
            path: &path,
            api_key,
            ..Request::default()
        };
        let reply = simulator.handle(&request, HOUR);
        assert_eq!(reply.status(), Some(401));
        assert!(reply.text().unwrap().contains("error"));
    }
    assert_eq!(ask(&mut simulator, &id, 2 * HOUR)["status"], "PENDING");
    let log = simulator.requests(&id).unwrap();
    assert_eq!(
        log.iter().map(|one| one.right_key).collect::<Vec<_>>(),
        [false, false, false, true]
    );
    assert_eq!(log[3].at_ms, 2 * HOUR);
}

#[test]
fn without_a_key_of_its_own_it_takes_any_and_none() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    let order =
        r#"{ "image_urls": ["https://a.invalid/1.jpg"], "description": "A house by the sea" }"#;
    for api_key in [None, Some(""), Some("any")] {
        let request = |method, path, body| Request {
            method,
            path,
            api_key,
            body,
            ..Request::default()
        };
        let paths = [path(&id), path("nobody")];
        let answers = [
            simulator.handle(&request("GET", &paths[0], ""), 0),
            simulator.handle(&request("GET", &paths[1], ""), 0),
            simulator.handle(&request("POST", &path("auto"), order), 0),
        ];
        assert_eq!(
            answers.map(|reply| reply.status()),
            [Some(200), Some(404), Some(201)],
            "{api_key:?}"
        );
    }
    let log = simulator.requests(&id).unwrap();
    assert!(log.iter().all(|one| one.right_key), "{log:?}");
    // A video may have a key of its own all the same.
    let own = VideoOptions {
        api_key: Some("its own".to_owned()),
        ..VideoOptions::default()
    };
    let own = path(&simulator.create_video_with(own, 0).unwrap());
    let statuses =
        ["another", "its own"].map(|key| simulator.handle(&Request::get(&own, key), 0).status());
    assert_eq!(statuses, [Some(401), Some(200)]);
}

#[test]
fn unknown_ids_paths_and_methods_are_refused() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    let mut status = |method, path: &str| {
        let request = Request {
            method,
            path,
            api_key: Some("demo-key"),
            ..Request::default()
        };
        simulator.handle(&request, 0).status().unwrap()
    };
    assert_eq!(status("GET", &path("nobody")), 404);
    assert_eq!(status("GET", "/elsewhere"), 404);
    assert_eq!(status("DELETE", &path(&id)), 405);
    assert_eq!(status("GET", &path("%zz")), 404);
    assert_eq!(status("GET", &path(&format!("auto/{id}?x=1"))), 200);
    assert_eq!(status("GET", &format!("/mounted/here{}", path(&id))), 200);
}

#[test]
fn any_text_can_be_an_id() {
    let mut simulator = simulator();
    let id = simulator
        .create_video_with(
            VideoOptions {
                id: Some("a/b ü?%".to_owned()),
                ..VideoOptions::default()
            },
            0,
        )
        .unwrap();
    let reply = simulator.handle(&Request::get(&path("a%2Fb%20%C3%BC%3F%25"), "demo-key"), 0);
    assert_eq!(reply.status(), Some(200));
    assert_eq!(simulator.requests(&id).unwrap().len(), 1);
}

#[test]
fn the_auto_path_tells_category_and_text() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    let auto = format!("/api/video-editor/generate/video/auto/{id}");
    simulator.handle(&Request::get(&auto, "demo-key"), 0);
    let reply = simulator.handle(&Request::get(&auto, "demo-key"), 3000);
    let answer: Value = serde_json::from_str(reply.text().unwrap()).unwrap();
    assert!(answer["generatedContent"][0]["category"].is_string());
    assert!(answer["generatedContent"][0]["text"].is_string());
    assert!(
        ask(&mut simulator, &id, 6000)["generatedContent"][0]
            .get("text")
            .is_none()
    );
}

#[test]
fn an_ordered_video_can_be_asked_for() {
    let mut simulator = locked();
    let body =
        r#"{"image_urls":["a","b","c"],"description":"a house by the sea","format":"square"}"#;
    let order = "/api/video-editor/generate/video/auto";
    assert_eq!(
        simulator
            .handle(&Request::post(order, "wrong", body), 0)
            .status(),
        Some(401)
    );
    assert_eq!(
        simulator
            .handle(&Request::post(order, "demo-key", "{}"), 0)
            .status(),
        Some(400)
    );
    let reply = simulator.handle(&Request::post(order, "demo-key", body), 0);
    assert_eq!(reply.status(), Some(201));
    let receipt: Value = serde_json::from_str(reply.text().unwrap()).unwrap();
    assert_eq!(receipt["status"], "PENDING");
    let id = receipt["id"].as_str().unwrap();
    let answers = course(&mut simulator, id);
    assert_eq!(answers[1]["generatedContent"].as_array().unwrap().len(), 3);
    assert_eq!(answers[1]["generatedContent"][0]["format"], "square");
}

#[test]
fn a_sequence_made_anew_sends_the_video_back() {
    let mut simulator = simulator();
    let id = simulator.create_video(0);
    let answers = course(&mut simulator, &id);
    let done = answers.last().unwrap();
    let clip = done["generatedContent"][0]["id"].as_str().unwrap();
    let body = format!("{{\"sequenceId\":\"{clip}\"}}");
    let path = format!("/api/video-editor/generate/sequence/{id}");
    let reply = simulator.handle(&Request::post(&path, "demo-key", &body), HOUR);
    assert!(reply.text().unwrap().contains("START_GENERATION"));
    let mut again = Vec::new();
    for turn in 0..200 {
        again.push(ask(&mut simulator, &id, HOUR + turn * 3000));
    }
    assert_eq!(phases(&again)[0], "PENDING");
    assert_eq!(phases(&again).last().unwrap(), "DONE");
    let used = |answer: &Value| answer["creditsUsed"].as_u64().unwrap();
    assert_eq!(used(again.last().unwrap()), used(done) + 10);
}

#[test]
fn what_cannot_work_is_refused() {
    let options = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        Simulator::new(options)
    };
    assert!(options(|options| options.scenario = "nothing".to_owned()).is_err());
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            Simulator::new(Options {
                speed,
                ..Options::default()
            })
            .is_err()
        );
    }
    let mut simulator = simulator();
    let taken = simulator.create_video(0);
    for id in [String::new(), taken] {
        let video = VideoOptions {
            id: Some(id),
            ..VideoOptions::default()
        };
        assert!(simulator.create_video_with(video, 0).is_err());
    }
}
