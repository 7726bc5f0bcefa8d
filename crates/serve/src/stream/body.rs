//! Streams as bodies of answers.

use super::batches::{Items, Render, batches};
use super::out::Form;
use crate::context;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Fuse, Stream, StreamExt};
use http_body::{Body as HttpBody, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How long nothing may come before the client is told that the stream lives.
const QUIET: Duration = Duration::from_secs(15);
/// A comment, which clients pass over.
pub(crate) const COMMENT: &[u8] = b":\n\n";

/// An answer of lines, each a message.
pub(crate) fn lines<I: Items>(items: I, render: impl Render<I>) -> Response {
    context::note_stream();
    let body = Body::new(Live::new(batches(Form::Lines, items, render), None));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// An answer of server-sent events.
pub(crate) fn sse<I: Items>(items: I, render: impl Render<I>) -> Response {
    context::note_stream();
    let ping = render.ping();
    events(batches(Form::Events, items, render), ping)
}

/// An answer of server-sent events that were written before; `ping` is sent while none comes.
pub(crate) fn events(
    batches: impl Stream<Item = Vec<u8>> + Send + 'static,
    ping: &'static [u8],
) -> Response {
    let body = Body::new(Live::new(batches, Some(Pings::new(ping, QUIET))));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Some proxies would gather the events.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

/// The body of a stream.
struct Live<S> {
    batches: Pin<Box<Fuse<S>>>,
    pings: Option<Pings>,
}

/// Signs of life. The clock is set once and not for each message, since there are thousands a second.
struct Pings {
    clock: Interval,
    /// Whether something was sent since the clock last struck.
    is_fresh: bool,
    text: &'static [u8],
}

impl Pings {
    fn new(text: &'static [u8], quiet: Duration) -> Self {
        let mut clock = interval_at(Instant::now() + quiet, quiet);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { clock, is_fresh: false, text }
    }

    /// The next one, when nothing was sent for long.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        loop {
            ready!(self.clock.poll_tick(context));
            if !std::mem::take(&mut self.is_fresh) {
                return Poll::Ready(Bytes::from_static(self.text));
            }
        }
    }
}

impl<S: Stream<Item = Vec<u8>>> Live<S> {
    fn new(batches: S, pings: Option<Pings>) -> Self {
        Self { batches: Box::pin(batches.fuse()), pings }
    }
}

impl<S: Stream<Item = Vec<u8>>> HttpBody for Live<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes: Bytes = match self.batches.as_mut().poll_next(context) {
            Poll::Ready(Some(bytes)) => {
                if let Some(pings) = &mut self.pings {
                    pings.is_fresh = true;
                }
                bytes.into()
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => match &mut self.pings {
                Some(pings) => ready!(pings.poll(context)),
                None => return Poll::Pending,
            },
        };
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    async fn next(body: &mut (impl HttpBody<Data = Bytes, Error = Infallible> + Unpin)) -> String {
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn silence_is_filled_with_pings() {
        let quiet = Duration::from_millis(10);
        let batches = stream::once(async { b"data: 1\n\n".to_vec() }).chain(stream::pending());
        let pings = Some(Pings::new(b"event: ping\ndata: {}\n\n", quiet));
        let mut body = Live::new(batches, pings);
        let began = Instant::now();
        assert_eq!(next(&mut body).await, "data: 1\n\n");
        for _ in 0..2 {
            assert_eq!(next(&mut body).await, "event: ping\ndata: {}\n\n");
        }
        // The first strike found that something had been sent since.
        assert!(began.elapsed() >= 3 * quiet);
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_last_batch() {
        let batches = || stream::iter([b"1\n".to_vec(), b"2\n".to_vec()]);
        for pings in [None, Some(Pings::new(COMMENT, QUIET))] {
            let mut body = Live::new(batches(), pings);
            assert_eq!(
                (next(&mut body).await, next(&mut body).await),
                ("1\n".into(), "2\n".into())
            );
            assert!(body.frame().await.is_none());
        }
    }
}
