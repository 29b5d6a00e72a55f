//! A second origin on a port of its own, where redirects point to. It answers everyone with a finished video, so that
//! a client which follows a redirect is fooled, and writes down what it was sent, so that a test sees a leaked key.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tower_http::cors::CorsLayer;

use crate::http::connection::serve_app;

/// The listener's address and what came in.
#[derive(Clone)]
pub(crate) struct OtherOrigin {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Value>>>,
}

impl OtherOrigin {
    /// Listens on a free loopback port, for as long as the runtime lives.
    pub(crate) fn open() -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = TcpListener::from_std(listener)?;
        let origin = Self {
            address,
            log: Arc::default(),
        };
        let witness = origin.clone();
        let app = Router::new()
            .fallback(move |request: Request| {
                witness.write_down(&request);
                async { Json(json!({ "status": "DONE", "url": "https://other-origin.invalid/video.webm" })) }
            })
            .layer(CorsLayer::very_permissive());
        runtime.spawn(serve_app(listener, app));
        Ok(origin)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn log(&self) -> Value {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        json!({ "origin": self.origin(), "requests": *log })
    }

    fn write_down(&self, request: &Request) {
        let mut headers = Map::new();
        for (name, value) in request.headers() {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.insert(name.as_str().to_owned(), text.into());
        }
        let entry = json!({
            "method": request.method().as_str(),
            "path": request.uri().path(),
            "headers": headers,
        });
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }
}
