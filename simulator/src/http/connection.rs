//! Accepts connections and answers on them; where an answer carries the mark, the connection is reset instead.
//! A service that cannot break a connection before the head would turn every such fault into a polite answer.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// In a response's extensions: do not send it, reset the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResetConnection;

/// After `accept` fails (no file descriptor left, say), the next try waits this long.
const AFTER_ACCEPT_FAILED: Duration = Duration::from_millis(50);

/// Serves `app` on `listener` until the task is dropped. Like `axum::serve`, and resets connections where a pretend
/// server nested in `app` wants it.
///
/// # Errors
/// None today: a failing `accept` is tried again.
pub async fn serve_app(listener: TcpListener, app: Router) -> io::Result<()> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(stream, app.clone()));
            }
            Err(_) => tokio::time::sleep(AFTER_ACCEPT_FAILED).await,
        }
    }
}

async fn converse(stream: TcpStream, app: Router) {
    // Without it the small answers of a test wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let app = TowerToHyperService::new(app);
    let reset = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let answer = app.call(request);
        let reset = Arc::clone(&reset);
        async move {
            let response: Response = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            if response.extensions().get::<ResetConnection>().is_some() {
                reset.store(true, Ordering::Relaxed);
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            Ok(response)
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = (&mut connection).await;
    if ended.is_err() && reset.load(Ordering::Relaxed) {
        // Closing with nothing to linger for sends RST, not FIN.
        let stream = connection.into_parts().io.into_inner();
        let _ = stream.set_zero_linger();
    }
}
