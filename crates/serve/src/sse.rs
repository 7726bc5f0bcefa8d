//! Answers that are sent as they come, in the framing of each protocol.

use crate::error::ApiError;
use crate::generation::Generation;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use catena_engine::Event;
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;

/// Turns engine events into the chunks of one wire format.
pub(crate) trait Chunks: Send + 'static {
    /// Chunks sent before the first token.
    fn opening(&mut self) -> Vec<Value>;
    /// Chunks for an event of request `idx`.
    fn chunks(&mut self, idx: usize, event: Event) -> Vec<Value>;
    /// Chunks after the last event.
    fn closing(&mut self) -> Vec<Value>;
    /// Chunks that say why the answer breaks off; nothing follows them. OpenAI's clients raise a
    /// chunk with `error`.
    fn failure(&mut self, error: &ApiError) -> Vec<Value> {
        vec![error.problem().openai()]
    }
}

/// How chunks follow one another on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events without names, `[DONE]` at the end: OpenAI's.
    DataAndDone,
    /// Server-sent events without names.
    Data,
}

struct State<C> {
    generation: Option<Generation>,
    chunks: C,
    pending: VecDeque<Value>,
}

/// The response that streams `generation` through `chunks`.
pub(crate) fn respond<C: Chunks>(framing: Framing, generation: Generation, chunks: C) -> Response {
    let values = values(generation, chunks);
    let data = |value: Value| SseEvent::default().data(value.to_string());
    match framing {
        Framing::DataAndDone => {
            let done = SseEvent::default().data("[DONE]");
            events(values.map(data).chain(stream::once(ready(done))), KeepAlive::default())
        }
        Framing::Data => events(values.map(data), KeepAlive::default()),
    }
}

fn events(
    events: impl Stream<Item = SseEvent> + Send + 'static,
    keep_alive: KeepAlive,
) -> Response {
    Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(keep_alive).into_response()
}

/// The chunks of a whole answer.
fn values<C: Chunks>(
    generation: Generation,
    mut chunks: C,
) -> impl Stream<Item = Value> + Send + 'static {
    let pending = chunks.opening().into();
    let state = State { generation: Some(generation), chunks, pending };
    stream::unfold(state, |mut state| async move {
        loop {
            if let Some(value) = state.pending.pop_front() {
                return Some((value, state));
            }
            state.advance().await?;
        }
    })
}

impl<C: Chunks> State<C> {
    /// Puts at least one chunk into `pending` sooner or later; nothing when all is said.
    async fn advance(&mut self) -> Option<()> {
        let next = self.generation.as_mut()?.next().await;
        let chunks = match next {
            Some(Ok((idx, event))) => self.chunks.chunks(idx, event),
            Some(Err(error)) => {
                self.generation = None;
                self.chunks.failure(&error)
            }
            None => {
                self.generation = None;
                self.chunks.closing()
            }
        };
        self.pending.extend(chunks);
        Some(())
    }
}
