//! The answer as a stream of events.

use super::response::{citation, end, message, thinking, usage};
use crate::assistant::cited_once;
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::stream::{Frame, Render};
use crate::tools::Part;
use crate::turn::{Turn, TurnEvent};
use catena_knowledge::Cited;
use serde_json::{Value, json};

/// A stream in the making.
pub(super) struct Events {
    id: String,
    model: String,
    open: Option<Open>,
    /// Blocks begun so far.
    blocks: usize,
    end: Value,
}

/// The block that was begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Thoughts,
    Text,
    Call,
}

impl Events {
    pub(super) fn new(id: String, model: String) -> Self {
        Self { id, model, open: None, blocks: 0, end: Value::Null }
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for part in parts {
            match part {
                Part::Thought(text) => {
                    if self.open != Some(Open::Thoughts) {
                        frames.extend(self.begin(Open::Thoughts, &thinking("")));
                    }
                    let delta = json!({"type": "thinking_delta", "thinking": text});
                    frames.push(self.delta(&delta));
                }
                Part::Text(text) => {
                    if self.open != Some(Open::Text) {
                        frames.extend(self.begin(Open::Text, &no_words()));
                    }
                    frames.push(self.delta(&json!({"type": "text_delta", "text": text})));
                }
                Part::CallStart { id, name, .. } => {
                    let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                    frames.extend(self.begin(Open::Call, &block));
                }
                Part::CallArguments { json, .. } => {
                    let delta = json!({"type": "input_json_delta", "partial_json": json});
                    frames.push(self.delta(&delta));
                }
            }
        }
        frames
    }

    /// Ends the open block and begins another.
    fn begin(&mut self, open: Open, block: &Value) -> Vec<Frame> {
        let mut frames: Vec<Frame> = self.stop().into_iter().collect();
        self.open = Some(open);
        self.blocks += 1;
        let index = self.blocks - 1;
        frames.push(Frame::typed(
            "content_block_start",
            json!({"index": index, "content_block": block}),
        ));
        frames
    }

    fn delta(&self, delta: &Value) -> Frame {
        let index = self.blocks.saturating_sub(1);
        Frame::typed("content_block_delta", json!({"index": index, "delta": delta}))
    }

    /// What the open block is taken from.
    fn cite(&self, cited: &[Cited]) -> Vec<Frame> {
        let told = cited_once(cited).into_iter().map(citation);
        let delta = |citation| json!({"type": "citations_delta", "citation": citation});
        told.map(|citation: Value| self.delta(&delta(citation))).collect()
    }

    fn stop(&mut self) -> Option<Frame> {
        self.open.take()?;
        Some(Frame::typed("content_block_stop", json!({"index": self.blocks - 1})))
    }
}

impl Render<Turn> for Events {
    fn opening(&mut self, turn: &Turn) -> Vec<Frame> {
        let counts = json!({
            "input_tokens": turn.prompt_tokens(),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        });
        let begun = message(&self.id, &self.model, &json!([]), &json!({}), &counts);
        vec![
            Frame::typed("message_start", json!({"message": begun})),
            Frame::typed("ping", json!({})),
        ]
    }

    fn item(&mut self, _: &Turn, event: TurnEvent) -> Vec<Frame> {
        match event {
            TurnEvent::Delta(delta) => self.parts(delta.parts),
            TurnEvent::End(over) => {
                let mut frames = self.parts(over.parts);
                if self.blocks == 0 || self.open == Some(Open::Thoughts) {
                    // A message has words or calls.
                    frames.extend(self.begin(Open::Text, &no_words()));
                }
                if self.open == Some(Open::Text) {
                    frames.extend(self.cite(over.citations.as_deref().unwrap_or_default()));
                }
                frames.extend(self.stop());
                self.end = end(over.reason, over.stop.as_deref());
                frames
            }
        }
    }

    fn closing(&mut self, turn: &Turn) -> Vec<Frame> {
        let usage = usage(&turn.counts());
        vec![
            Frame::typed("message_delta", json!({"delta": self.end, "usage": usage})),
            Frame::typed("message_stop", json!({})),
        ]
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::named("error", &Dialect::Anthropic.tell(&error.problem()).1)]
    }
}

/// A block of words at its beginning.
fn no_words() -> Value {
    json!({"type": "text", "text": ""})
}
