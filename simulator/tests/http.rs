//! The HTTP front over real sockets: what a client sees on the wire when the model answers, hangs, stalls, cuts or
//! resets, and what the control plane tells about it afterwards.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use iacrea_simulator::http::{Config, router, serve, serve_app};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// A server on a free port; it ends with the runtime.
struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

fn start(mount: Option<&str>) -> Server {
    let runtime = Runtime::new().unwrap();
    let media = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let config = Config {
        media: Some(media.into()),
        ..Config::default()
    };
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .unwrap();
    let address = listener.local_addr().unwrap();
    match mount {
        None => {
            runtime.spawn(serve(listener, config));
        }
        Some(mount) => {
            let inner = runtime.block_on(async { router(config) }).unwrap();
            let app = axum::Router::new().nest(mount, inner);
            runtime.spawn(serve_app(listener, app));
        }
    }
    Server {
        address,
        _runtime: runtime,
    }
}

struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Server {
    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        stream
    }

    fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        read_whole(self.send(method, path, headers, body)).unwrap()
    }

    fn get(&self, path: &str) -> Response {
        self.call("GET", path, "", "")
    }

    /// The open connection of a request for a video.
    fn asking(&self, id: &str) -> TcpStream {
        let path = format!("/api/video-editor/generate/video/{id}");
        self.send("GET", &path, "x-api-key: demo-key\r\n", "")
    }

    fn ask(&self, id: &str) -> io::Result<Response> {
        read_whole(self.asking(id))
    }

    fn create(&self, wishes: &Value) -> String {
        let made = self.call("POST", "/simulator/videos", "", &wishes.to_string());
        assert_eq!(
            made.status,
            201,
            "{:?}",
            String::from_utf8_lossy(&made.body)
        );
        made.json()["id"].as_str().unwrap().to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.get(&format!("/simulator/videos/{id}")).json()
    }

    /// Waits until the control plane says so, and fails after a while.
    fn until(&self, id: &str, so: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let shown = self.show(id);
            if so(&shown) {
                return shown;
            }
            assert!(since.elapsed() < Duration::from_secs(5), "{shown}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Reads head and body by their framing; a body that ends too early is an error.
fn read_whole(mut stream: TcpStream) -> io::Result<Response> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let split = split.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..split]).to_lowercase();
    let body = bytes[split + 4..].to_vec();
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    if body.len() < declared {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = head[9..12].parse().unwrap();
    Ok(Response { status, head, body })
}

#[test]
fn a_video_is_asked_to_its_end() {
    let server = start(None);
    let id = server.create(&json!({ "speed": 1e6 }));
    let mut phases = Vec::new();
    loop {
        let answer = server.ask(&id).unwrap().json();
        let status = answer["status"].as_str().unwrap().to_owned();
        let done = status == "DONE";
        phases.push(status);
        if done {
            let url = format!("http://{}/media/tour.webm", server.address);
            assert_eq!(answer["url"], url);
            assert_eq!(answer["id"], id);
            break;
        }
    }
    phases.dedup();
    assert_eq!(
        phases,
        [
            "PENDING",
            "GENERATING_VIDEO",
            "START_RENDERING_VIDEO",
            "RENDERING_VIDEO",
            "DONE"
        ]
    );
    let shown = server.until(&id, |shown| shown["inFlight"] == 0);
    assert_eq!(shown["status"], "DONE");
    assert_eq!(shown["key"], true);
    assert_eq!(shown["maxInFlight"], 1);
    assert_eq!(shown["scenario"], "happy");
    assert!(
        shown["requests"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["finished"] == "sent")
    );
}

#[test]
fn a_wrong_key_is_refused_and_written_down() {
    let server = start(None);
    let id = server.create(&json!({ "apiKey": "its own" }));
    let refused = server.ask(&id).unwrap();
    assert_eq!(refused.status, 401);
    assert!(refused.json()["error"].is_string());
    assert_eq!(server.show(&id)["key"], false);
    assert_eq!(server.ask("nobody").unwrap().status, 404);
}

#[test]
fn a_reset_is_a_reset() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "reset-for-ever" }));
    server.ask(&id).unwrap();
    server.ask(&id).unwrap();
    let error = server.ask(&id).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let shown = server.show(&id);
    assert_eq!(shown["requests"][2]["fault"], "reset");
    assert_eq!(shown["requests"][2]["status"], Value::Null);
    // It goes on serving others.
    assert_eq!(server.get("/simulator/scenarios").status, 200);
}

#[test]
fn a_nested_server_resets_too_and_links_its_own_media() {
    let server = start(Some("/sim"));
    let body = json!({ "scenario": "reset-for-ever" }).to_string();
    let made = server
        .call("POST", "/sim/simulator/videos", "", &body)
        .json();
    let path = format!(
        "/sim/api/video-editor/generate/video/{}",
        made["id"].as_str().unwrap()
    );
    let ask = || read_whole(server.send("GET", &path, "x-api-key: demo-key\r\n", ""));
    ask().unwrap();
    ask().unwrap();
    assert_eq!(ask().err().unwrap().kind(), io::ErrorKind::ConnectionReset);

    let body = json!({ "speed": 1e6 }).to_string();
    let made = server
        .call("POST", "/sim/simulator/videos", "", &body)
        .json();
    let path = format!(
        "/sim/api/video-editor/generate/video/{}",
        made["id"].as_str().unwrap()
    );
    let url = (0..30).find_map(|_| {
        let answer = server
            .call("GET", &path, "x-api-key: demo-key\r\n", "")
            .json();
        answer["url"].as_str().map(str::to_owned)
    });
    assert_eq!(
        url,
        Some(format!("http://{}/sim/media/tour.webm", server.address))
    );
}

#[test]
fn a_hang_says_nothing_and_sees_the_caller_leave() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "hang-for-ever" }));
    server.ask(&id).unwrap();
    server.ask(&id).unwrap();
    let mut stream = server.asking(&id);
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let kind = stream.read(&mut [0; 1]).unwrap_err().kind();
    assert!(
        matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
        "{kind:?}"
    );
    assert_eq!(server.show(&id)["requests"][2]["finished"], "open");
    assert_eq!(server.show(&id)["inFlight"], 1);
    drop(stream);
    server.until(&id, |shown| {
        shown["requests"][2]["finished"] == "aborted" && shown["inFlight"] == 0
    });
}

#[test]
fn a_stall_sends_half_and_sees_the_caller_leave() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "stall-for-ever" }));
    server.ask(&id).unwrap();
    server.ask(&id).unwrap();
    let mut stream = server.asking(&id);
    stream
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut got = Vec::new();
    assert!(stream.read_to_end(&mut got).is_err());
    let text = String::from_utf8_lossy(&got);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("\r\n\r\n") && text.contains('{'), "{text}");
    assert_eq!(server.show(&id)["requests"][2]["finished"], "open");
    drop(stream);
    server.until(&id, |shown| shown["requests"][2]["finished"] == "aborted");
}

#[test]
fn a_truncated_body_is_shorter_than_it_said() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "truncated-for-ever" }));
    server.ask(&id).unwrap();
    server.ask(&id).unwrap();
    let mut stream = server.asking(&id);
    let mut got = String::new();
    stream.read_to_string(&mut got).unwrap();
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(body.starts_with('{'), "{body}");
    let declared = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert!(body.len() < declared.parse().unwrap(), "{got}");
}

#[test]
fn a_huge_body_is_streamed_and_can_be_left() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "huge-for-ever" }));
    server.ask(&id).unwrap();
    let whole = server.ask(&id).unwrap();
    assert!(whole.body.len() > 64 << 20);
    assert!(whole.json()["status"].is_string());
    let mut stream = server.asking(&id);
    stream.read_exact(&mut [0; 4096]).unwrap();
    drop(stream);
    let shown = server.until(&id, |shown| shown["requests"][2]["finished"] == "aborted");
    assert_eq!(shown["requests"][1]["finished"], "sent");
}

#[test]
fn redirects_point_where_they_say_and_the_other_origin_takes_notes() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "redirect-other-origin" }));
    let moved = server.ask(&id).unwrap();
    assert_eq!(moved.status, 307);
    let location = moved
        .head
        .lines()
        .find_map(|line| line.strip_prefix("location: "))
        .unwrap();
    let told = server.get("/simulator/other-origin").json();
    let origin = told["origin"].as_str().unwrap();
    assert_ne!(origin, format!("http://{}", server.address));
    let path = format!("/api/video-editor/generate/video/{id}");
    assert_eq!(location, format!("{origin}{path}"));
    assert_eq!(told["requests"], json!([]));

    // Who follows with the key is found out.
    let other = Server {
        address: origin.trim_start_matches("http://").parse().unwrap(),
        _runtime: Runtime::new().unwrap(),
    };
    assert_eq!(other.ask(&id).unwrap().json()["status"], "DONE");
    let told = server.get("/simulator/other-origin").json();
    assert_eq!(told["requests"][0]["path"], path);
    assert_eq!(told["requests"][0]["headers"]["x-api-key"], "demo-key");

    let id = server.create(&json!({ "scenario": "redirect-permanent" }));
    let moved = server.ask(&id).unwrap();
    assert_eq!(moved.status, 308);
    assert!(moved.head.contains("location: ?moved=1"));
}

#[test]
fn statuses_and_bodies_arrive_as_the_scenario_says() {
    let server = start(None);
    let first = |scenario: &str| {
        let id = server.create(&json!({ "scenario": scenario }));
        server.ask(&id).unwrap()
    };
    assert_eq!(first("forbidden").status, 403);
    let none = first("no-content-for-ever");
    assert_eq!((none.status, none.body.len()), (204, 0));
    let page = first("html-for-ever");
    assert!(page.head.contains("content-type: text/html"));
    assert_eq!(first("null-for-ever").body, b"null");
    let busy = first("unavailable-for-ever");
    assert_eq!(busy.status, 503);
    assert!(busy.head.contains("retry-after: 2"));
    assert!(
        first("byte-order-mark")
            .body
            .starts_with("\u{feff}{".as_bytes())
    );
}

#[test]
fn latency_lets_requests_overlap() {
    let server = start(None);
    let id = server.create(&json!({ "latencyMs": 300 }));
    let streams: Vec<TcpStream> = (0..5).map(|_| server.asking(&id)).collect();
    server.until(&id, |shown| shown["inFlight"] == 5);
    for stream in streams {
        assert_eq!(read_whole(stream).unwrap().status, 200);
    }
    let shown = server.until(&id, |shown| shown["inFlight"] == 0);
    assert_eq!(shown["maxInFlight"], 5);
    assert_eq!(server.get("/simulator/traffic").json()["maxInFlight"], 5);
}

#[test]
fn the_control_plane_is_open_to_pages_and_the_api_is_not() {
    let server = start(None);
    let page = "origin: http://elsewhere.invalid\r\n";
    let open = "access-control-allow-origin: *";
    assert!(
        server
            .call("GET", "/simulator/scenarios", page, "")
            .head
            .contains(open)
    );
    assert!(
        server
            .call("GET", "/media/lib.rs", page, "")
            .head
            .contains(open)
    );
    let preflight = format!(
        "{page}access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n"
    );
    assert!(
        server
            .call("OPTIONS", "/simulator/videos", &preflight, "")
            .head
            .contains(open)
    );
    let id = server.create(&json!({}));
    let api = server.call(
        "GET",
        &format!("/api/video-editor/generate/video/{id}"),
        page,
        "",
    );
    assert!(!api.head.contains("access-control"), "{}", api.head);
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    let server = start(None);
    for wishes in [
        "[]",
        "{",
        r#"{"speed":0}"#,
        r#"{"scenario":"?"}"#,
        r#"{"seed":"x"}"#,
        r#"{"sped":1}"#,
    ] {
        assert_eq!(
            server.call("POST", "/simulator/videos", "", wishes).status,
            400,
            "{wishes}"
        );
    }
    assert_eq!(server.call("POST", "/simulator/videos", "", "").status, 201);
    assert_eq!(server.get("/simulator/videos/nobody").status, 404);
}

#[test]
fn thousands_of_requests_leave_nothing_behind() {
    let server = start(None);
    let id = server.create(&json!({ "scenario": "flaky", "speed": 10 }));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| drop(server.ask(&id))));
        }
    });
    let shown = server.until(&id, |shown| shown["inFlight"] == 0);
    assert_eq!(shown["requests"].as_array().unwrap().len(), 2000);
    assert!(shown["maxInFlight"].as_u64().unwrap() <= 4);
}
