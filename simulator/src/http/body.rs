//! A model's body on its way through a socket: whole, endless, stalled or cut.
//! It streams: however long a body is, no more than one chunk of it is held here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::Body;
use crate::http::traffic::Ticket;

/// Spaces, sent again and again.
static FILLER: [u8; 64 * 1024] = [b' '; 64 * 1024];
/// What was sent before a cut gets this long to leave: an aborted connection throws away what it still holds.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// A body and the ticket of its request, which it keeps until all of it is out.
pub(crate) struct SentBody {
    open: Option<Bytes>,
    filler: u64,
    close: Option<Bytes>,
    end: End,
    ticket: Option<Ticket>,
}

enum End {
    Whole,
    Stall,
    Cut(Pin<Box<Sleep>>),
}

impl SentBody {
    pub(crate) fn new(body: Body, ticket: Ticket) -> Self {
        let (open, filler, close, end) = match body {
            Body::Whole(text) => (text, 0, String::new(), End::Whole),
            Body::Long {
                open,
                filler,
                close,
            } => (open, filler, close, End::Whole),
            Body::Stalled(text) => (text, 0, String::new(), End::Stall),
            Body::Cut { sent, .. } => (
                sent,
                0,
                String::new(),
                End::Cut(Box::pin(sleep(BEFORE_CUT))),
            ),
        };
        let part = |text: String| (!text.is_empty()).then(|| Bytes::from(text));
        let mut sent = Self {
            open: part(open),
            filler,
            close: part(close),
            end,
            ticket: Some(ticket),
        };
        // An empty body is never asked for its frames.
        sent.settle();
        sent
    }

    fn next_chunk(&mut self) -> Option<Bytes> {
        if let Some(open) = self.open.take() {
            return Some(open);
        }
        if self.filler > 0 {
            let length = self.filler.min(FILLER.len() as u64);
            self.filler -= length;
            let chunk = FILLER.get(..length as usize).unwrap_or_default();
            return Some(Bytes::from_static(chunk));
        }
        self.close.take()
    }

    /// All is out: the request ends here, since a body that is at its end may never be polled again.
    fn settle(&mut self) {
        if self.is_end_stream()
            && let Some(ticket) = self.ticket.take()
        {
            ticket.sent();
        }
    }
}

impl HttpBody for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(chunk) = self.next_chunk() {
            self.settle();
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match &mut self.end {
            End::Whole => Poll::Ready(None),
            End::Stall => Poll::Pending,
            End::Cut(wait) => match wait.as_mut().poll(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(()) => {
                    if let Some(ticket) = self.ticket.take() {
                        ticket.sent();
                    }
                    let cut = io::Error::other("cut on request");
                    Poll::Ready(Some(Err(cut)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole)
            && self.open.is_none()
            && self.filler == 0
            && self.close.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if !matches!(self.end, End::Whole) {
            return SizeHint::default();
        }
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, |bytes| bytes.len() as u64);
        SizeHint::with_exact(length(&self.open) + self.filler + length(&self.close))
    }
}
