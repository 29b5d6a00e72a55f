//! The model over sockets: the documented API, a control plane for tests, media for the demo, and a second origin
//! that writes down whatever reaches it. It adds no behaviour of its own to the API: the model decides every answer.

mod body;
mod connection;
mod other_origin;
mod traffic;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::{Body as HttpBody, Bytes};
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_http::cors::CorsLayer;
use tower_http::services::ServeDir;

use crate::http::body::SentBody;
use crate::http::connection::ResetConnection;
use crate::http::other_origin::OtherOrigin;
use crate::http::traffic::{Server, unix_ms};
use crate::{Answer, Body, Options, Reply, Request, Simulator, VideoOptions, catalogue};

pub use connection::serve_app;

/// How the pretend server is set up over HTTP.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The model's options. `media_base` and `other_origin` are overruled: media are linked where the caller sees
    /// this server, and the other origin is a listener that the router opens itself.
    pub options: Options,
    /// The folder served under `/media`; none is served without it.
    pub media: Option<PathBuf>,
}

/// Serves the pretend server on `listener` until the task is dropped.
///
/// # Errors
/// When the model refuses the options, or the second listener cannot be opened.
pub async fn serve(listener: TcpListener, config: Config) -> io::Result<()> {
    serve_app(listener, router(config)?).await
}

/// The pretend server as a router, to be nested under any path. It must run under [`serve_app`] for connections to be
/// reset; under another server a reset becomes an answer that breaks off. Opens the other origin's listener on a
/// loopback port, which lives as long as the Tokio runtime.
///
/// # Errors
/// Outside a Tokio runtime, when the model refuses the options, or when the second listener cannot be opened.
pub fn router(config: Config) -> io::Result<Router> {
    let other_origin = OtherOrigin::open()?;
    let simulator = Simulator::new(Options {
        other_origin: other_origin.origin(),
        ..config.options
    })
    .map_err(io::Error::other)?;

    let mut seen_from_anywhere = Router::new()
        .route("/simulator/scenarios", get(scenarios))
        .route("/simulator/videos", post(create_video))
        .route("/simulator/videos/{id}", get(show_video))
        .route("/simulator/traffic", get(show_traffic))
        .route(
            "/simulator/other-origin",
            get(move || {
                let log = other_origin.log();
                async move { Json(log) }
            }),
        );
    if let Some(folder) = config.media {
        seen_from_anywhere = seen_from_anywhere.nest_service("/media", ServeDir::new(folder));
    }
    Ok(seen_from_anywhere
        .layer(CorsLayer::permissive())
        .route("/api/{*rest}", any(answer))
        .with_state(Server::new(simulator)))
}

/// The documented API.
async fn answer(
    State(server): State<Server>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let path = uri
        .path_and_query()
        .map_or(uri.path(), |whole| whole.as_str());
    let mount = original.path().strip_suffix(uri.path()).unwrap_or_default();
    let media_base = text("host").map(|host| format!("http://{host}{mount}/media"));
    let (reply, ticket, latency) = server.ask(&Request {
        method: method.as_str(),
        path,
        api_key: text("x-api-key"),
        body: &String::from_utf8_lossy(&body),
        media_base: media_base.as_deref(),
    });
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match reply {
        Reply::Answer(answer) => carry(answer, ticket),
        Reply::Reset => {
            ticket.sent();
            // The status matters only to a server that does not know the mark.
            let mut response = StatusCode::BAD_GATEWAY.into_response();
            response.extensions_mut().insert(ResetConnection);
            response
        }
        Reply::Hang => {
            // The ticket lives as long as this: a caller who leaves drops both.
            let () = std::future::pending().await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

fn carry(answer: Answer, ticket: traffic::Ticket) -> Response {
    let declared = match &answer.body {
        Body::Cut { declared, .. } => Some(*declared),
        _ => None,
    };
    let mut response = Response::new(HttpBody::new(SentBody::new(answer.body, ticket)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if let Some(length) = declared {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

async fn scenarios() -> Json<Value> {
    Json(catalogue())
}

async fn create_video(State(server): State<Server>, body: Bytes) -> Response {
    let created = wishes(&body).and_then(|(video, latency)| {
        let auto = video.auto;
        let id = server
            .create(video, latency, unix_ms())
            .map_err(|refused| refused.to_string())?;
        Ok(json!({ "id": id, "kind": if auto { "auto" } else { "video" } }))
    });
    match created {
        Ok(video) => (StatusCode::CREATED, Json(video)).into_response(),
        Err(words) => (StatusCode::BAD_REQUEST, Json(json!({ "error": words }))).into_response(),
    }
}

async fn show_video(State(server): State<Server>, Path(id): Path<String>) -> Response {
    match server.show(&id) {
        Some(video) => Json(video).into_response(),
        None => {
            let words = json!({ "error": "there is no such video" });
            (StatusCode::NOT_FOUND, Json(words)).into_response()
        }
    }
}

async fn show_traffic(State(server): State<Server>) -> Json<Value> {
    Json(server.traffic())
}

/// Reads the body of `POST /simulator/videos`; an empty one wishes for nothing in particular.
fn wishes(body: &[u8]) -> Result<(VideoOptions, Duration), String> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok((VideoOptions::default(), Duration::ZERO));
    }
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let wishes = body.as_object().ok_or("the body must be a JSON object")?;
    let mut video = VideoOptions::default();
    let mut latency = Duration::ZERO;
    for (name, value) in wishes {
        let wrong = || format!("{name} cannot be {value}");
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let whole = || value.as_u64().ok_or_else(wrong);
        match name.as_str() {
            "scenario" => video.scenario = Some(text()?),
            "seed" => video.seed = Some(whole()?),
            "speed" => video.speed = Some(value.as_f64().ok_or_else(wrong)?),
            "apiKey" => video.api_key = Some(text()?),
            "id" => video.id = Some(text()?),
            "clips" => video.clips = Some(whole()?.min(1000) as usize),
            "latencyMs" => latency = Duration::from_millis(whole()?),
            "kind" => {
                video.auto = match text()?.as_str() {
                    "auto" => true,
                    "video" => false,
                    _ => return Err(wrong()),
                }
            }
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok((video, latency))
}
