//! `cargo xtask demo`: builds, then serves the demo page and everything it needs from one address on
//! this machine: the page, the simulator below /sim, and with a key in the environment the real
//! service below /live. No key ever reaches the page, and no other machine reaches this server.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
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
use tower_http::services::ServeDir;

use crate::live::{self, Upstream};
use crate::{build, workspace};

const MODE: &str = r#"<meta name="demo-server" content="">"#;

/// Nothing from elsewhere, no inline script. A real video and its clips are wherever the service keeps
/// them, so with a key pictures and films may come from there.
fn policy(live: bool) -> String {
    let media = if live { " https:" } else { "" };
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
    if !arguments.no_build {
        build::all()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    let outcome = runtime.block_on(serve(listener, arguments.page_alone, upstream));
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
    listener.set_nonblocking(true).context("cannot listen")?;
    let listener = TcpListener::from_std(listener).context("cannot listen")?;
    let address = format!(
        "http://{}/",
        listener.local_addr().context("cannot listen")?
    );
    let page = workspace::root().join("www/dist");
    let live = upstream.is_some();
    let app = if page_alone {
        Router::new().fallback_service(ServeDir::new(page))
    } else {
        match &upstream {
            Some(upstream) => eprintln!("Real videos: {} with IACREA_API_KEY", upstream.origin()),
            None => eprintln!("Real videos: off; start with IACREA_API_KEY set to watch one"),
        }
        with_servers(page, upstream)?
    };
    eprintln!("Serving the demo until it is stopped with Ctrl-C");
    let mut out = std::io::stdout();
    writeln!(out, "{address}")
        .and_then(|()| out.flush())
        .context("cannot print the address")?;
    show(&address);
    tokio::select! {
        // Not axum's own loop: this one can reset a connection, which some scenarios need.
        outcome = serve_app(listener, app.layer(middleware::from_fn_with_state(live, guard))) => {
            outcome.context("the server stopped")
        }
        () = stopped() => Ok(()),
    }
}

/// The page that knows its servers, and these servers.
fn with_servers(page: PathBuf, upstream: Option<Upstream>) -> Result<Router> {
    let options = Options::default();
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
    let mode = if upstream.is_some() {
        "sim live"
    } else {
        "sim"
    };
    let index = page.join("index.html");
    let front = move || async move { front_page(&index, mode).await };
    let mut app = Router::new()
        .route("/", get(front.clone()))
        .route("/index.html", get(front))
        .nest("/sim", simulator)
        .fallback_service(ServeDir::new(page));
    if let Some(upstream) = upstream {
        app = app.merge(live::router(upstream));
    }
    Ok(app)
}

/// The page as built, told which servers are behind it.
async fn front_page(index: &Path, mode: &str) -> Response {
    match tokio::fs::read_to_string(index).await {
        Ok(page) if page.contains(MODE) => {
            let told = MODE.replace("\"\"", &format!("\"{mode}\""));
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
async fn guard(State(live): State<bool>, request: Request, next: Next) -> Response {
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
    if let Ok(policy) = HeaderValue::try_from(policy(live)) {
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

/// Resolves when the user or the system asks this program to end.
async fn stopped() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminated) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    {
        tokio::select! {
            _ = interrupted => {}
            _ = terminated.recv() => {}
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
