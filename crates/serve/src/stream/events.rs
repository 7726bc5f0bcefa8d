//! Server-sent events as bytes.

use super::frames::Frame;
use axum::body::Bytes;
use futures_util::stream::{Fuse, Stream, StreamExt};
use http_body::{Body, Frame as BodyFrame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How long nothing may come before the client is told that the stream lives.
const QUIET: Duration = Duration::from_secs(15);
/// Bytes from which on what is ready is sent.
const FULL: usize = 16 * 1024;
/// A comment, which clients pass over.
const COMMENT: &str = ":\n\n";

/// The body of a stream of events: what is ready at once is sent at once.
///
/// The clock of the pings is set once and not for each event, since there are thousands a second.
pub(super) struct Events<S> {
    frames: Pin<Box<Fuse<S>>>,
    clock: Interval,
    /// Whether something was sent since the clock last struck.
    is_fresh: bool,
    ping: String,
}

impl<S: Stream<Item = Frame>> Events<S> {
    /// The events of `frames`; `ping` is sent while none comes, or a comment.
    pub(super) fn new(frames: S, ping: Option<Frame>) -> Self {
        Self::with_quiet(frames, ping, QUIET)
    }

    fn with_quiet(frames: S, ping: Option<Frame>, quiet: Duration) -> Self {
        let mut clock = interval_at(Instant::now() + quiet, quiet);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut text = String::new();
        match ping {
            Some(frame) => write(&mut text, &frame),
            None => text.push_str(COMMENT),
        }
        Self { frames: Box::pin(frames.fuse()), clock, is_fresh: false, ping: text }
    }

    /// Writes all that is ready to `text`; whether the stream is over.
    fn write_ready(&mut self, context: &mut Context<'_>, text: &mut String) -> bool {
        while text.len() < FULL {
            match self.frames.as_mut().poll_next(context) {
                Poll::Ready(Some(frame)) => write(text, &frame),
                Poll::Ready(None) => return true,
                Poll::Pending => return false,
            }
        }
        false
    }
}

impl<S: Stream<Item = Frame>> Body for Events<S> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, Infallible>>> {
        let mut text = String::new();
        let is_over = self.write_ready(context, &mut text);
        if !text.is_empty() {
            self.is_fresh = true;
        } else if is_over {
            return Poll::Ready(None);
        } else {
            loop {
                ready!(self.clock.poll_tick(context));
                if !std::mem::take(&mut self.is_fresh) {
                    break;
                }
            }
            text.push_str(&self.ping);
        }
        Poll::Ready(Some(Ok(BodyFrame::data(text.into()))))
    }
}

/// Writes an event: its name if it has one, a line of data for each line, and an empty line.
fn write(text: &mut String, frame: &Frame) {
    if let Some(name) = frame.event {
        text.push_str("event: ");
        text.push_str(name);
        text.push('\n');
    }
    for line in frame.data.split('\n') {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::BodyExt;

    fn frame(event: Option<&'static str>, data: &str) -> Frame {
        Frame { event, data: data.to_owned() }
    }

    async fn next(events: &mut (impl Body<Data = Bytes, Error = Infallible> + Unpin)) -> String {
        let bytes = events.frame().await.unwrap().unwrap().into_data().unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_ready_is_sent_at_once() {
        let frames = stream::unfold(0, |number| async move {
            let frames = [frame(Some("delta"), "{}"), frame(None, "[DONE]")];
            Some((frames.into_iter().nth(number)?, number + 1))
        });
        let mut events = Events::new(frames, None);
        assert_eq!(next(&mut events).await, "event: delta\ndata: {}\n\ndata: [DONE]\n\n");
        assert!(events.frame().await.is_none());
    }

    #[tokio::test]
    async fn silence_is_filled_with_pings() {
        let quiet = Duration::from_millis(10);
        let frames = stream::once(async { frame(None, "1") }).chain(stream::pending());
        let mut events = Events::with_quiet(frames, Some(frame(Some("ping"), "{}")), quiet);
        let began = Instant::now();
        assert_eq!(next(&mut events).await, "data: 1\n\n");
        for _ in 0..2 {
            assert_eq!(next(&mut events).await, "event: ping\ndata: {}\n\n");
        }
        // The first strike found that something had been sent since.
        assert!(began.elapsed() >= 3 * quiet);
        let mut events = Events::with_quiet(stream::pending(), None, quiet);
        assert_eq!(next(&mut events).await, COMMENT);
    }
}
