//! `cargo xtask demo`: builds, then serves the demo page and everything it needs from one address on
//! this machine: the page, the simulator below /sim, and with a key in the environment the real
//! service below /live. With `--edge` a Worker is what the page talks to, and this server is behind
//! it. No key ever reaches the page, and no other machine reaches this server.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use iacrea_simulator::Options;
use iacrea_simulator::http::{Config, router, serve_app};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tower_http::services::ServeDir;

use crate::edge::{self, Storage, Worker};
use crate::live::{self, Upstream};
use crate::{build, workspace};

const MODE: &str = r#"<meta name="demo-server" content="">"#;

/// A real video and its clips are wherever the service keeps them.
const ANYWHERE: &str = " https:";

/// Nothing from elsewhere, no inline script; but pictures and films may come from `media` too.
fn policy(media: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
         img-src 'self' data: blob:{media}; media-src 'self' data: blob:{media}; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1; 0 picks a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Serve the page alone, as any static host would: its simulator runs in the page
    #[arg(long = "static")]
    page_alone: bool,
    /// Let the Worker of examples/cloudflare-worker serve the page and watch its videos, on workerd
    #[arg(long, conflicts_with = "page_alone")]
    edge: bool,
    /// Where --edge keeps what it watches; a folder in target/ by default
    #[arg(long, value_name = "DIR", requires = "edge")]
    storage: Option<PathBuf>,
    /// Serve what the last build left
    #[arg(long, hide = true)]
    no_build: bool,
}

/// Builds and serves until SIGINT or SIGTERM.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let upstream = if arguments.page_alone {
        None
    } else {
        Upstream::from_environment()?
    };
    // A busy port is told before the build and not after it.
    let listener = listen(arguments.port)?;
    let storage = if arguments.edge {
        Some(Storage::open(
            arguments.storage.as_deref(),
            upstream.is_some(),
        )?)
    } else {
        None
    };
    if !arguments.no_build {
        build::all()?;
    }
    let worker = storage.map(Worker::new).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    let outcome = runtime.block_on(async {
        match worker {
            Some(worker) => serve_through(worker, listener, upstream).await,
            None => serve(listener, arguments.page_alone, upstream).await,
        }
    });
    // Requests that hang on purpose must not hold up the end.
    runtime.shutdown_background();
    outcome
}

fn listen(port: u16) -> Result<std::net::TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match std::net::TcpListener::bind(address) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            bail!(
                "port {port} is in use: stop what uses it, or repeat with `--port 0` for a free one"
            )
        }
        Err(error) => bail!("cannot listen on {address}: {error}"),
    }
}

async fn serve(
    listener: std::net::TcpListener,
    page_alone: bool,
    upstream: Option<Upstream>,
) -> Result<()> {
    let address = address_of(&listener)?;
    let listener = nonblocking(listener)?;
    let page = workspace::root().join("www/dist");
    let media = upstream.as_ref().map_or("", |_| ANYWHERE);
    let app = if page_alone {
        Router::new().fallback_service(ServeDir::new(page))
    } else {
        tell_of(upstream.as_ref());
        let app = with_simulator(page, Options::default(), words(upstream.as_ref()))?;
        match upstream {
            Some(upstream) => app.merge(live::router(upstream)),
            None => app,
        }
    };
    announce(&address)?;
    tokio::select! {
        outcome = serve_app(listener, guarded(app, media)) => outcome.context("the server stopped"),
        () = stopped() => Ok(()),
    }
}

/// The page through the Worker. What the Worker serves but does not watch is behind it, on a port of its own.
async fn serve_through(
    worker: Worker,
    listener: std::net::TcpListener,
    upstream: Option<Upstream>,
) -> Result<()> {
    let address = address_of(&listener)?;
    let behind = listen(0)?;
    let page = behind.local_addr().context("cannot listen")?;
    let behind = nonblocking(behind)?;
    let options = Options {
        // It decides about ids, and the Worker knows those of earlier runs.
        seed: edge::any_seed(),
        ..Options::default()
    };
    let (service, media) = match &upstream {
        Some(upstream) => (edge::Service::real(upstream)?, ANYWHERE.to_owned()),
        // Films are linked at this address, by whichever name of this machine the page is open.
        None => (
            edge::Service::simulated(&address, &options),
            format!(" {address}"),
        ),
    };
    let app = with_simulator(
        workspace::root().join("www/dist"),
        options,
        words(upstream.as_ref()),
    )?;
    tell_of(upstream.as_ref());
    eprintln!("Watching: in Durable Objects of examples/cloudflare-worker, on workerd");
    eprintln!("What is watched is kept in {}", worker.storage().display());
    // It was held so long only to be told early if it is in use.
    let socket = listener.local_addr().context("cannot listen")?;
    drop(listener);
    let mut stop = pin!(stopped());
    let mut worker = tokio::select! {
        // Asked before anything is started: from here on no signal can leave the Worker behind.
        biased;
        () = &mut stop => return Ok(()),
        started = worker.start(socket, page, &service) => started?,
    };
    announce(&address)?;
    let outcome = tokio::select! {
        outcome = serve_app(behind, guarded(app, &media)) => outcome.context("the server stopped"),
        outcome = worker.ended() => outcome,
        () = &mut stop => Ok(()),
    };
    worker.stop().await;
    outcome
}

fn address_of(listener: &std::net::TcpListener) -> Result<String> {
    let socket = listener.local_addr().context("cannot listen")?;
    Ok(format!("http://{socket}/"))
}

fn nonblocking(listener: std::net::TcpListener) -> Result<TcpListener> {
    listener.set_nonblocking(true).context("cannot listen")?;
    TcpListener::from_std(listener).context("cannot listen")
}

fn tell_of(upstream: Option<&Upstream>) {
    match upstream {
        Some(upstream) => eprintln!("Real videos: {} with IACREA_API_KEY", upstream.origin()),
        None => eprintln!("Real videos: off; start with IACREA_API_KEY set to watch one"),
    }
}

/// What the page is to know of its servers.
fn words(upstream: Option<&Upstream>) -> &'static str {
    upstream.map_or("sim", |_| "sim live")
}

/// Prints the address, alone on a line, and opens it.
fn announce(address: &str) -> Result<()> {
    eprintln!("Serving the demo until it is stopped with Ctrl-C");
    let mut out = std::io::stdout();
    writeln!(out, "{address}")
        .and_then(|()| out.flush())
        .context("cannot print the address")?;
    show(address);
    Ok(())
}

/// To be served by `serve_app`, and not by axum's own loop: some scenarios need connections to be reset.
fn guarded(app: Router, media: &str) -> Router {
    let policy = policy(media);
    app.layer(middleware::from_fn_with_state(policy, guard))
}

/// The page that knows its servers, and the simulator.
fn with_simulator(page: PathBuf, options: Options, words: &'static str) -> Result<Router> {
    let key = HeaderValue::from_str(&options.api_key).context("the simulator's key")?;
    let config = Config {
        options,
        media: Some(page.join("media")),
    };
    let simulator = router(config).context("cannot start the simulator")?;
    let simulator = simulator.layer(middleware::from_fn(
        move |mut request: Request, next: Next| {
            request
                .headers_mut()
                .entry("x-api-key")
                .or_insert_with(|| key.clone());
            next.run(request)
        },
    ));
    let index = page.join("index.html");
    let front = move || async move { front_page(&index, words).await };
    Ok(Router::new()
        .route("/", get(front.clone()))
        .route("/index.html", get(front))
        .nest("/sim", simulator)
        .fallback_service(ServeDir::new(page)))
}

/// The page as built, told which servers are behind it.
async fn front_page(index: &Path, words: &str) -> Response {
    match tokio::fs::read_to_string(index).await {
        Ok(page) if page.contains(MODE) => {
            let told = MODE.replace("\"\"", &format!("\"{words}\""));
            Html(page.replacen(MODE, &told, 1)).into_response()
        }
        Ok(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("index.html lacks {MODE}"),
        )
            .into_response(),
        Err(_) => (
            StatusCode::NOT_FOUND,
            "www/dist is not built: run `cargo xtask build`",
        )
            .into_response(),
    }
}

/// Answers to names of this machine only, so that no page elsewhere gets in by pointing its own
/// name here; and adds the headers that every answer carries.
async fn guard(State(policy): State<String>, request: Request, next: Next) -> Response {
    let mut response = if names_this_machine(request.headers()) {
        next.run(request).await
    } else {
        (
            StatusCode::FORBIDDEN,
            "only names of this machine are served",
        )
            .into_response()
    };
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Opens the browser where somebody sits in front of one. It never fails: the address is printed.
fn show(address: &str) {
    let desktop = cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some());
    if !desktop || !std::io::stdout().is_terminal() {
        return;
    }
    let mut opener = if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new(if cfg!(target_os = "macos") {
            "open"
        } else {
            "xdg-open"
        })
    };
    let _ = opener
        .arg(address)
        .env_remove(crate::process::KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}

/// Resolves when the user or the system asks this program to end, or its terminal is closed.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let (Ok(mut terminated), Ok(mut hung_up)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
        return;
    }
    let _ = interrupted.await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_pass() {
        let passes = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            names_this_machine(&headers)
        };
        for host in [
            "localhost",
            "localhost:8080",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:8080",
        ] {
            assert!(passes(host), "{host}");
        }
        for host in [
            "example.org",
            "localhost.example.org:80",
            "127.0.0.1.example.org",
            "10.0.0.1",
            "",
            "a b",
        ] {
            assert!(!passes(host), "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }

    #[test]
    fn the_page_has_the_mark_that_the_server_fills_in() {
        let page = std::fs::read_to_string(workspace::root().join("www/index.html")).unwrap();
        assert_eq!(page.matches(MODE).count(), 1);
    }
}
