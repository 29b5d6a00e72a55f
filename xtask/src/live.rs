//! The way to the real service for the demo page: it adds the key that the page must never see and
//! forwards one thing only, the status of one video. Nothing a caller sends goes up but that id;
//! only status, content type, Retry-After and body come back. A redirect is never followed, so the
//! key goes nowhere else.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use iacrea_video::core::secret::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use url::{Host, Url};

const DEFAULT_BASE: &str = "https://iacrea.com";
const CALL: &str = "api/video-editor/generate/video/";
const BODY_LIMIT: u64 = 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(30);
const ID_LIMIT: usize = 200;
/// What RFC 3986 calls unreserved stays as it is; everything else is encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The real service and the key to it.
pub(crate) struct Upstream {
    base: Url,
    key: HeaderValue,
    agent: Agent,
}

/// Without the key: what prints this must not print that.
impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("base", &self.base.as_str())
            .finish_non_exhaustive()
    }
}

impl Upstream {
    /// From IACREA_API_KEY and IACREA_BASE_URL; none without a key.
    pub(crate) fn from_environment() -> Result<Option<Upstream>> {
        let set = |name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        };
        let Some(key) = set("IACREA_API_KEY") else {
            return Ok(None);
        };
        let base = set("IACREA_BASE_URL").unwrap_or_else(|| DEFAULT_BASE.to_owned());
        Upstream::new(&base, &key).map(Some)
    }

    /// A key goes over plain http to this machine only.
    pub(crate) fn new(base: &str, key: &str) -> Result<Upstream> {
        let mut key = HeaderValue::from_str(key.trim())
            .ok()
            .context("IACREA_API_KEY holds characters that no header can carry: copy it again")?;
        key.set_sensitive(true);
        let mut base = Url::parse(base.trim()).with_context(|| {
            format!("IACREA_BASE_URL is no URL: set it to one like {DEFAULT_BASE}")
        })?;
        let loopback = match base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if base.scheme() != "https" && !(base.scheme() == "http" && loopback) {
            bail!("IACREA_BASE_URL must begin with https:// (the key would travel unencrypted)");
        }
        if !base.username().is_empty() || base.password().is_some() || base.query().is_some() {
            bail!("IACREA_BASE_URL must hold no user, password or query");
        }
        base.set_fragment(None);
        let path = format!("{}/{CALL}", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let agent = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build()
            .new_agent();
        Ok(Upstream { base, key, agent })
    }

    /// Where the requests go, for the line that says so.
    pub(crate) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// What requests begin with, as `IACREA_BASE_URL` names it.
    pub(crate) fn base(&self) -> &str {
        let whole = self.base.as_str();
        whole.strip_suffix(CALL).unwrap_or(whole)
    }

    /// For the one other program that is to have it: a Worker on this machine.
    pub(crate) fn key(&self) -> Result<&str> {
        self.key.to_str().context("IACREA_API_KEY is no text")
    }

    /// One blocking request.
    fn ask(&self, prefix: &str, id: &str) -> Response {
        let url = format!("{}{prefix}{}", self.base, utf8_percent_encode(id, SEGMENT));
        let request = self
            .agent
            .get(url)
            .header("x-api-key", &self.key)
            .header("accept", "application/json");
        let mut answer = match request.call() {
            Ok(answer) => answer,
            Err(ureq::Error::Timeout(_)) => {
                return refusal(
                    StatusCode::GATEWAY_TIMEOUT,
                    "the service did not answer in time",
                );
            }
            Err(_) => return refusal(StatusCode::BAD_GATEWAY, "the service cannot be reached"),
        };
        let status = answer.status();
        if status.is_redirection() {
            // As a redirect without a target: the poller then ends, as it would without this server.
            return refusal(
                status,
                "the service answered with a redirect, which is not followed",
            );
        }
        let Ok(body) = answer
            .body_mut()
            .with_config()
            .limit(BODY_LIMIT)
            .read_to_vec()
        else {
            return refusal(
                StatusCode::BAD_GATEWAY,
                "the service's answer broke off or is too long",
            );
        };
        let secret = Secret::new(&String::from_utf8_lossy(self.key.as_bytes()));
        let kept = [header::CONTENT_TYPE, header::RETRY_AFTER];
        let headers: HeaderMap = kept
            .into_iter()
            .filter_map(|name: HeaderName| {
                let value = answer.headers().get(&name)?;
                let text = value.to_str().ok()?;
                // One that repeats the key is left out.
                (secret.blot_body(text, true) == text).then(|| (name, value.clone()))
            })
            .collect();
        (status, headers, Body::from(blotted(body, &secret))).into_response()
    }
}

/// A service that repeats the key in its answer must not carry it into the page.
fn blotted(body: Vec<u8>, secret: &Secret) -> Vec<u8> {
    let text = String::from_utf8_lossy(&body);
    let clean = secret.blot_body(&text, true);
    if clean == text {
        return body;
    }
    clean.into_owned().into_bytes()
}

/// The routes, below `/live`.
pub(crate) fn router(upstream: Upstream) -> Router {
    let path = |prefix: &str| format!("/live/{CALL}{prefix}{{id}}");
    Router::new()
        .route(
            &path(""),
            any(|state, id, request| forward(state, id, request, "")),
        )
        .route(
            &path("auto/"),
            any(|state, id, request| forward(state, id, request, "auto/")),
        )
        .with_state(Arc::new(upstream))
}

async fn forward(
    State(upstream): State<Arc<Upstream>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
    prefix: &'static str,
) -> Response {
    if request.method() != axum::http::Method::GET {
        let mut answer = refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET is forwarded");
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET"));
        return answer;
    }
    if from_another_site(request.headers()) {
        return refusal(
            StatusCode::FORBIDDEN,
            "only the demo page itself may ask here",
        );
    }
    let id = match id {
        Ok(Path(id)) if is_id(&id) && request.uri().query().is_none() => id,
        _ => return refusal(StatusCode::BAD_REQUEST, "the path must end in one video id"),
    };
    tokio::task::spawn_blocking(move || upstream.ask(prefix, &id))
        .await
        .unwrap_or_else(|_| {
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the request could not be carried out",
            )
        })
}

/// A page elsewhere cannot read the answer, but asking alone drives the pipeline of the account.
fn from_another_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site.as_bytes() != b"same-origin" && site.as_bytes() != b"none")
}

/// One segment that no server on the way could read as anything else.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= ID_LIMIT
        && id != "."
        && id != ".."
        && !id
            .chars()
            .any(|letter| letter.is_control() || "/\\%?#;".contains(letter))
}

fn refusal(status: StatusCode, why: &str) -> Response {
    let body = serde_json::json!({ "error": why }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

    use iacrea_simulator::http::serve_app;
    use tokio::runtime::Runtime;

    use super::*;

    /// A pretend upstream that says `answer` to everyone and reports the heads it was sent, and the
    /// server under test in front of it.
    struct Scene {
        front: SocketAddr,
        heads: Receiver<String>,
        _runtime: Runtime,
    }

    impl Scene {
        fn new(answer: Vec<u8>) -> Scene {
            let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
            let base = format!("http://{}/api-root/", upstream.local_addr().unwrap());
            let (report, heads) = channel();
            thread::spawn(move || {
                for stream in upstream.incoming() {
                    let mut stream = stream.unwrap();
                    report.send(head(&mut stream)).unwrap();
                    let _ = stream.write_all(&answer);
                }
            });
            let runtime = Runtime::new().unwrap();
            let front = runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let front = listener.local_addr().unwrap();
                let app = router(Upstream::new(&base, "secret-key").unwrap());
                tokio::spawn(serve_app(listener, app));
                front
            });
            Scene {
                front,
                heads,
                _runtime: runtime,
            }
        }

        /// The whole answer to one request, with the path exactly as given.
        fn ask(&self, method: &str, path: &str, headers: &str) -> String {
            let mut stream = TcpStream::connect(self.front).unwrap();
            let request = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            String::from_utf8(answer).unwrap()
        }
    }

    fn head(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.extend_from_slice(&byte);
        }
        String::from_utf8(head).unwrap().to_lowercase()
    }

    fn answer(head: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
            .into_bytes()
    }

    const VIDEO: &str = "/live/api/video-editor/generate/video/";

    #[test]
    fn the_key_is_added_and_nothing_of_the_caller_goes_up() {
        let scene = Scene::new(answer(
            "429 Slow Down\r\ncontent-type: application/json\r\nretry-after: 7\r\nset-cookie: a=b\r\nx-api-key: secret-key",
            "{\"error\":\"not secret-key again, secret-key\"}",
        ));
        let answer = scene.ask(
            "GET",
            &format!("{VIDEO}a%20b+%C3%A9"),
            "x-api-key: of-the-caller\r\ncookie: c=d\r\n",
        );
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: 7\r\n"));
        assert!(answer.contains("\r\ncontent-type: application/json\r\n"));
        assert!(!answer.contains("set-cookie") && !answer.contains("secret-key"));
        let head = scene.heads.recv().unwrap();
        assert!(
            head.starts_with(
                "get /api-root/api/video-editor/generate/video/a%20b%2b%c3%a9 http/1.1\r\n"
            ),
            "{head}"
        );
        assert!(head.contains("\r\nx-api-key: secret-key\r\n"));
        assert!(!head.contains("of-the-caller") && !head.contains("cookie"));

        scene.ask("GET", &format!("{VIDEO}auto/one"), "");
        assert!(
            scene
                .heads
                .recv()
                .unwrap()
                .starts_with("get /api-root/api/video-editor/generate/video/auto/one ")
        );
    }

    #[test]
    fn a_service_that_repeats_the_key_does_not_bring_it_into_the_page() {
        for (head, body) in [
            ("content-type: text/secret-key", "{}"),
            ("retry-after: secret-key", "{}"),
            ("x-other: secret-key", "<p>secret-key</p>"),
            ("x-other: x", r#"{"a":"\u0073ecret-key"}"#),
            ("x-other: x", "/?key=secret%2Dkey"),
        ] {
            let scene = Scene::new(answer(&format!("200 secret-key\r\n{head}"), body));
            let answer = scene.ask("GET", &format!("{VIDEO}one"), "");
            for spelling in ["secret-key", "u0073ecret", "secret%2Dkey"] {
                assert!(!answer.contains(spelling), "{answer}");
            }
        }
    }

    #[test]
    fn tricks_with_paths_and_methods_never_go_up() {
        let scene = Scene::new(answer("200 OK", "{}"));
        let long = "x".repeat(ID_LIMIT + 1);
        for id in [
            "",
            ".",
            "..",
            "%2e%2e",
            "%2E",
            "a/b",
            "a%2Fb",
            "a%5cb",
            "..%2f..%2fcredits",
            "auto/",
            "auto/..",
            "auto/%2e%2e",
            "auto/a/b",
            "one?x=1",
            "one?",
            "%00",
            "%0d%0a",
            "one%3fx",
            "one%23x",
            "%ff",
            &long,
        ] {
            let answer = scene.ask("GET", &format!("{VIDEO}{id}"), "");
            let status = answer.get(9..12).unwrap();
            assert!(["400", "404"].contains(&status), "{id}: {answer}");
        }
        for path in [
            "/live/",
            "/live/api/video-editor/credits",
            "/live/../api/video-editor/generate/video/one",
        ] {
            assert!(
                scene.ask("GET", path, "").starts_with("HTTP/1.1 404 "),
                "{path}"
            );
        }
        for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
            assert!(
                scene
                    .ask(method, &format!("{VIDEO}one"), "")
                    .starts_with("HTTP/1.1 405 "),
                "{method}"
            );
        }
        let elsewhere = scene.ask(
            "GET",
            &format!("{VIDEO}one"),
            "sec-fetch-site: cross-site\r\n",
        );
        assert!(elsewhere.starts_with("HTTP/1.1 403 "), "{elsewhere}");
        assert!(scene.heads.try_recv().is_err());
    }

    #[test]
    fn a_redirect_is_handed_back_without_its_target() {
        let scene = Scene::new(answer(
            "302 Found\r\nlocation: http://127.0.0.1:9/elsewhere",
            "",
        ));
        let answer = scene.ask("GET", &format!("{VIDEO}one"), "");
        assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
        assert!(!answer.contains("elsewhere"));
        assert!(scene.heads.recv().is_ok());
        assert!(scene.heads.try_recv().is_err());
    }

    #[test]
    fn too_long_and_broken_answers_are_a_bad_gateway() {
        let long = " ".repeat(BODY_LIMIT as usize + 1);
        for answer in [
            answer("200 OK", &long),
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec(),
            Vec::new(),
        ] {
            let scene = Scene::new(answer);
            let answer = scene.ask("GET", &format!("{VIDEO}one"), "");
            assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        }
    }

    #[test]
    fn a_key_goes_over_plain_http_to_this_machine_only() {
        for base in [
            "https://iacrea.com",
            "https://example.org/under/",
            "http://127.0.0.1:80",
            "http://localhost:80",
            "http://[::1]:80",
        ] {
            assert!(Upstream::new(base, "k").is_ok(), "{base}");
        }
        for base in [
            "http://iacrea.com",
            "http://localhost.example.org",
            "ftp://127.0.0.1",
            "iacrea.com",
            "https://u:p@iacrea.com",
            "https://iacrea.com?x",
        ] {
            assert!(Upstream::new(base, "k").is_err(), "{base}");
        }
        assert!(Upstream::new(DEFAULT_BASE, "line\nbreak").is_err());
        let shown = format!("{:?}", Upstream::new(DEFAULT_BASE, "secret-key").unwrap());
        assert!(!shown.contains("secret-key"), "{shown}");
    }
}
