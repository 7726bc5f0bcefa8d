//! Answers that are sent as they come: server-sent events as OpenAI's clients read them.

use crate::error::ApiError;
use crate::generation::Generation;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use catena_engine::Event;
use futures_util::stream;
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;

/// Turns engine events into the chunks of one wire format.
pub(crate) trait Chunks: Send + 'static {
    /// Chunks sent before the first token.
    fn opening(&mut self) -> Vec<Value>;
    /// Chunks for an event of request `idx`.
    fn chunks(&mut self, idx: usize, event: Event) -> Vec<Value>;
    /// Chunks after the last event.
    fn closing(&mut self) -> Vec<Value>;
}

struct State<C> {
    generation: Option<Generation>,
    chunks: C,
    pending: VecDeque<String>,
}

/// The response that streams `generation` through `chunks` and ends with `[DONE]`. An error in the
/// middle is sent as a chunk with `error`, which the clients raise.
pub(crate) fn respond<C: Chunks>(generation: Generation, mut chunks: C) -> Response {
    let pending = chunks.opening().iter().map(Value::to_string).collect();
    let state = State { generation: Some(generation), chunks, pending };
    let events = stream::unfold(state, |mut state| async move {
        loop {
            if let Some(data) = state.pending.pop_front() {
                return Some((Ok::<_, Infallible>(SseEvent::default().data(data)), state));
            }
            state.advance().await?;
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

impl<C: Chunks> State<C> {
    /// Puts at least one chunk into `pending` sooner or later; nothing when all is said.
    async fn advance(&mut self) -> Option<()> {
        let next = self.generation.as_mut()?.next().await;
        let chunks = match next {
            Some(Ok((idx, event))) => self.chunks.chunks(idx, event),
            Some(Err(error)) => self.end_with(vec![ApiError::body(&error)]),
            None => {
                let closing = self.chunks.closing();
                self.end_with(closing)
            }
        };
        let done = self.generation.is_none();
        self.pending.extend(chunks.iter().map(Value::to_string));
        self.pending.extend(done.then(|| "[DONE]".to_owned()));
        Some(())
    }

    fn end_with(&mut self, chunks: Vec<Value>) -> Vec<Value> {
        self.generation = None;
        chunks
    }
}
