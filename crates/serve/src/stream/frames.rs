//! Answers that are sent as they come.

use super::events::Events;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::turn::{Turn, TurnEvent};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use catena_engine::Event;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The event's name, in protocols that name events.
    pub(crate) event: Option<&'static str>,
    /// What it says; one line.
    pub(crate) data: String,
}

impl Frame {
    /// A message without a name.
    pub(crate) fn data(value: &Value) -> Self {
        Self { event: None, data: value.to_string() }
    }

    /// A message with a name.
    pub(crate) fn named(event: &'static str, value: &Value) -> Self {
        Self { event: Some(event), data: value.to_string() }
    }

    /// A message with a name that stands in its data too, as `type`.
    pub(crate) fn typed(event: &'static str, mut value: Value) -> Self {
        value["type"] = Value::from(event);
        Self::named(event, &value)
    }

    /// What ends a stream of OpenAI's.
    pub(crate) fn done() -> Self {
        Self { event: None, data: "[DONE]".to_owned() }
    }
}

/// What a stream is made of.
pub(crate) trait Items: Send + 'static {
    /// One of them.
    type Item: Send;

    /// The next one; nothing after the last or after an error.
    fn next(&mut self) -> impl Future<Output = Option<Result<Self::Item, ApiError>>> + Send;
}

impl Items for Turn {
    type Item = TurnEvent;

    async fn next(&mut self) -> Option<Result<TurnEvent, ApiError>> {
        Turn::next(self).await
    }
}

impl Items for Generation {
    type Item = (usize, Event);

    async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        Generation::next(self).await
    }
}

/// Turns items into the messages of one wire format.
pub(crate) trait Render<I: Items>: Send + 'static {
    /// Messages before the first item.
    fn opening(&mut self, items: &I) -> Vec<Frame>;
    /// Messages for an item.
    fn item(&mut self, items: &I, item: I::Item) -> Vec<Frame>;
    /// What must be done before the messages after the last item.
    fn before_closing(&mut self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
    /// Messages after the last item.
    fn closing(&mut self, items: &I) -> Vec<Frame>;
    /// Messages for an error in the middle, the last of the stream.
    fn failed(&mut self, error: &ApiError) -> Vec<Frame>;
}

/// A response of lines, each the data of a message.
pub(crate) fn lines<I: Items>(items: I, render: impl Render<I>) -> Response {
    let line = |frame: Frame| Ok::<_, Infallible>(frame.data + "\n");
    let body = Body::from_stream(frames(items, render).map(line));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// A response of server-sent events; `ping` is sent while nothing else comes.
pub(crate) fn sse_with_ping<I: Items>(items: I, render: impl Render<I>, ping: Frame) -> Response {
    events(items, render, Some(ping))
}

/// A response of server-sent events.
pub(crate) fn sse<I: Items>(items: I, render: impl Render<I>) -> Response {
    events(items, render, None)
}

fn events<I: Items>(items: I, render: impl Render<I>, ping: Option<Frame>) -> Response {
    let body = Body::new(Events::new(frames(items, render), ping));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Some proxies would gather the events.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

struct State<I, R> {
    items: Option<I>,
    render: R,
    pending: VecDeque<Frame>,
}

/// The messages of `items` in the words of `render`.
pub(crate) fn frames<I: Items>(
    items: I,
    mut render: impl Render<I>,
) -> impl Stream<Item = Frame> + Send {
    let pending = render.opening(&items).into();
    let state = State { items: Some(items), render, pending };
    stream::unfold(state, |mut state| async move {
        loop {
            if let Some(frame) = state.pending.pop_front() {
                return Some((frame, state));
            }
            state.advance().await?;
        }
    })
}

impl<I: Items, R: Render<I>> State<I, R> {
    /// Puts at least one message into `pending` sooner or later; nothing when all is said.
    async fn advance(&mut self) -> Option<()> {
        let items = self.items.as_mut()?;
        let (frames, is_last) = match items.next().await {
            Some(Ok(item)) => (self.render.item(items, item), false),
            Some(Err(error)) => (self.render.failed(&error), true),
            None => {
                self.render.before_closing().await;
                (self.render.closing(items), true)
            }
        };
        self.pending.extend(frames);
        if is_last {
            // Frees what the answer holds before its end is read.
            self.items = None;
        }
        Some(())
    }
}
