//! The example against the simulator of www/server, which `cargo xtask build` makes ready: every scenario through its library at high speed, and the
//! program itself to the end of a video, through a refusal, and stopped and started again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use iacrea_simulator::{Expect, SCENARIOS};
use iacrea_video::core::machine::Machine;
use iacrea_video::core::options::Options;
use iacrea_video_reqwest::Carrier;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

const KEY: &str = "demo-key";

/// The simulator on a free port; it ends with this.
struct Server {
    url: String,
    http: reqwest::Client,
    _program: Option<Child>,
}

impl Server {
    async fn start() -> Self {
        let mut program = Command::new("node")
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../www/server/api.mjs"
            ))
            .args(["--api-key", KEY])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let url = lines.next_line().await.unwrap().unwrap();
        // Making one chooses the provider that the client below needs.
        Carrier::new(&url, None, Duration::from_secs(1)).unwrap();
        let http = reqwest::Client::new();
        Self {
            url,
            http,
            _program: Some(program),
        }
    }

    async fn create_video(&self, scenario: &str, speed: f64) -> String {
        let wishes = json!({ "scenario": scenario, "speed": speed, "seed": 7 });
        let url = format!("{}/simulator/videos", self.url);
        let answer = self.http.post(url).body(wishes.to_string()).send().await;
        let created: Value = serde_json::from_str(&answer.unwrap().text().await.unwrap()).unwrap();
        created["id"].as_str().unwrap().to_owned()
    }

    async fn log(&self, id: &str) -> Value {
        let url = format!("{}/simulator/videos/{id}", self.url);
        let answer = self.http.get(url).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    fn program(&self, key: &str, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_iacrea-video-reqwest"))
            .args(arguments)
            .env("IACREA_BASE_URL", &self.url)
            .env("IACREA_API_KEY", key)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }
}

/// Exit code, standard output and standard error.
async fn end(child: Child) -> (i32, String, String) {
    let output = child.wait_with_output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scenario_ends_as_it_says() {
    let server = Arc::new(Server::start().await);
    let mut runs = JoinSet::new();
    for scenario in SCENARIOS {
        let server = Arc::clone(&server);
        runs.spawn(async move {
            let id = server.create_video(scenario.name, 1_000.0).await;
            let endless = scenario.expect == Expect::Failed("timeout")
                && !scenario.name.starts_with("retry-after-month");
            let options = Options {
                timeout: Some(if endless { 6_000 } else { 1_200_000 }),
                min_interval: 10,
                max_interval: 20,
                ..Options::default()
            };
            let limit = Duration::from_millis(400);
            let carrier = Carrier::new(&server.url, Some(KEY.to_owned()), limit).unwrap();
            let (mut machine, step) = Machine::start(&id, options, carrier.clock.now());
            let ended = carrier.wait(&id, &mut machine, step, |_| ()).await;
            let context = format!("{}: {ended:?}", scenario.name);
            match (&ended, scenario.expect) {
                (Ok(video), Expect::Done) => {
                    assert_eq!(video.status.name(), "DONE", "{context}");
                }
                (Err(failure), Expect::Failed(code)) => {
                    assert_eq!(failure.code.as_str(), code, "{context}");
                }
                _ => panic!("{context}"),
            }
            let log = server.log(&id).await;
            assert_eq!(
                (&log["key"], &log["maxInFlight"]),
                (&json!(true), &json!(1)),
                "{context}"
            );
        });
    }
    assert!(runs.len() > 60, "the catalogue is there");
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

#[tokio::test]
async fn the_program_prints_the_url_of_the_video_and_nothing_else() {
    let server = Server::start().await;
    let id = server.create_video("happy", 100.0).await;
    let (code, out, err) = end(server.program(KEY, &[&id])).await;
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("http://") && out.lines().count() == 1,
        "{out}"
    );
    assert!(err.contains("100.0 % DONE"), "{err}");
}

#[tokio::test]
async fn the_program_shows_the_key_in_no_refusal() {
    let server = Server::start().await;
    let id = server.create_video("happy", 100.0).await;
    for (key, base, id) in [
        ("another-key", server.url.as_str(), id.as_str()),
        ("another-key", "http://iacrea.test", id.as_str()),
        ("another-key\n", server.url.as_str(), id.as_str()),
        ("another-key", server.url.as_str(), ".."),
    ] {
        let there = Server {
            url: base.to_owned(),
            http: server.http.clone(),
            _program: None,
        };
        let (code, out, err) = end(there.program(key, &[id])).await;
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(
            err.starts_with("error: ") && !err.contains("another-key"),
            "{err}"
        );
    }
    assert_eq!(
        server.log(&id).await["requests"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_server_that_repeats_the_key_does_not_carry_it_into_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = [0; 4_096];
        let read = socket.read(&mut head).await.unwrap();
        assert!(String::from_utf8_lossy(&head[..read]).contains("x-api-key: another-key"));
        let answer = "HTTP/1.1 403 Forbidden\r\ncontent-length: 21\r\n\r\nanother-key is no key";
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    // Making one chooses the provider that the client below needs.
    Carrier::new(&url, None, Duration::from_secs(1)).unwrap();
    let there = Server {
        url,
        http: reqwest::Client::new(),
        _program: None,
    };
    let (code, _, err) = end(there.program("another-key", &["v"])).await;
    assert_eq!(code, 1);
    let address = format!("{}/api/video-editor/generate/video/v (HTTP 403)", there.url);
    assert!(err.contains(&address), "{err}");
    assert!(err.ends_with("detail: ***\n"), "{err}");
}

#[cfg(unix)]
#[tokio::test]
async fn stopped_by_ctrl_c_the_program_says_how_it_goes_on_and_does() {
    let server = Server::start().await;
    let id = server.create_video("happy", 20.0).await;
    let mut child = server.program(KEY, &[&id]);
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines();
    progress.next_line().await.unwrap().unwrap();
    let interrupt = format!("-INT {}", child.id().unwrap());
    let killed = Command::new("kill")
        .args(interrupt.split(' '))
        .status()
        .await;
    assert!(killed.unwrap().success());
    let (code, out, _) = end(child).await;
    assert_eq!(code, 130);
    assert!(!out.contains(KEY), "{out}");
    let arguments: Vec<_> = out
        .trim()
        .strip_prefix("go on with: ")
        .unwrap()
        .split(' ')
        .collect();
    assert_eq!(arguments[0], id);

    let before = server.log(&id).await["requests"].as_array().unwrap().len();
    let (code, url, err) = end(server.program(KEY, &arguments)).await;
    assert_eq!(code, 0, "{err}");
    assert!(url.starts_with("http://"), "{url}");
    let log = server.log(&id).await;
    assert!(log["requests"].as_array().unwrap().len() > before);
    assert_eq!(log["maxInFlight"], 1);

    // A token of another video is refused before anything is sent.
    let other = server.create_video("happy", 20.0).await;
    let (code, _, err) = end(server.program(KEY, &[&other, "--resume", arguments[2]])).await;
    assert_eq!(
        (code, err.trim()),
        (
            1,
            "error: invalid argument: resumeToken is of another video: give the one of this id, or none"
        )
    );
    assert_eq!(server.log(&other).await["requests"], json!([]));
}
