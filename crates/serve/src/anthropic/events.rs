//! The answer as a stream of events.

use super::response::{citation, end, message, thinking, usage};
use crate::assistant::cited_once;
use crate::context::request_id;
use crate::dialect::Dialect;
use crate::error::{ApiError, Problem};
use crate::stream::{Out, Render, Template};
use crate::tools::Part;
use crate::turn::{Turn, TurnEvent};
use catena_knowledge::Cited;
use serde_json::{Value, json};

/// The event of more of a block.
const DELTA: &str = "content_block_delta";

/// A stream in the making.
pub(super) struct Events {
    id: String,
    model: String,
    /// The name of the request, for an error that ends the stream.
    request_id: Option<String>,
    open: Option<Open>,
    /// The event of more of the open block, where that is a text.
    more: Option<Template>,
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
        let request_id = request_id();
        Self { id, model, request_id, open: None, more: None, blocks: 0, end: Value::Null }
    }

    fn parts(&mut self, parts: Vec<Part>, out: &mut Out) {
        for part in parts {
            match part {
                Part::Thought(text) => {
                    if self.open != Some(Open::Thoughts) {
                        self.begin(Open::Thoughts, &thinking(""), out);
                    }
                    self.more(&text, out);
                }
                Part::Text(text) => {
                    if self.open != Some(Open::Text) {
                        self.begin(Open::Text, &no_words(), out);
                    }
                    self.more(&text, out);
                }
                Part::CallStart { id, name, .. } => {
                    let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                    self.begin(Open::Call, &block, out);
                }
                Part::CallArguments { json, .. } => self.more(&json, out),
            }
        }
    }

    /// Ends the open block and begins another.
    fn begin(&mut self, open: Open, block: &Value, out: &mut Out) {
        self.stop(out);
        self.open = Some(open);
        let index = self.blocks;
        self.blocks += 1;
        let more = |text: &str| {
            let mut more = json!({"index": index, "delta": open.delta(text)});
            more["type"] = json!(DELTA);
            more
        };
        self.more = Some(Template::new(Some(DELTA), more));
        out.typed("content_block_start", json!({"index": index, "content_block": block}));
    }

    /// More of the open block.
    fn more(&self, text: &str, out: &mut Out) {
        if let Some(more) = &self.more {
            out.fill(more, text);
        }
    }

    /// What the open block is taken from.
    fn cite(&self, cited: &[Cited], out: &mut Out) {
        let index = self.blocks.saturating_sub(1);
        for cited in cited_once(cited) {
            let delta = json!({"type": "citations_delta", "citation": citation(cited)});
            out.typed(DELTA, json!({"index": index, "delta": delta}));
        }
    }

    fn stop(&mut self, out: &mut Out) {
        if self.open.take().is_some() {
            out.typed("content_block_stop", json!({"index": self.blocks - 1}));
        }
    }
}

impl Open {
    /// More of such a block.
    fn delta(self, text: &str) -> Value {
        match self {
            Self::Thoughts => json!({"type": "thinking_delta", "thinking": text}),
            Self::Text => json!({"type": "text_delta", "text": text}),
            Self::Call => json!({"type": "input_json_delta", "partial_json": text}),
        }
    }
}

impl Render<Turn> for Events {
    fn opening(&mut self, turn: &Turn, out: &mut Out) {
        let counts = json!({
            "input_tokens": turn.prompt_tokens(),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
        });
        let begun = message(&self.id, &self.model, &json!([]), &json!({}), &counts);
        out.typed("message_start", json!({"message": begun}));
        out.typed("ping", json!({}));
    }

    fn item(&mut self, _: &Turn, event: TurnEvent, out: &mut Out) {
        match event {
            TurnEvent::Delta(delta) => self.parts(delta.parts, out),
            TurnEvent::End(over) => {
                self.parts(over.parts, out);
                if self.blocks == 0 || self.open == Some(Open::Thoughts) {
                    // A message has words or calls.
                    self.begin(Open::Text, &no_words(), out);
                }
                if self.open == Some(Open::Text) {
                    self.cite(over.citations.as_deref().unwrap_or_default(), out);
                }
                self.stop(out);
                self.end = end(over.reason, over.stop.as_deref());
            }
        }
    }

    fn closing(&mut self, turn: &Turn, out: &mut Out) {
        let usage = usage(&turn.counts());
        out.typed("message_delta", json!({"delta": self.end, "usage": usage}));
        out.typed("message_stop", json!({}));
    }

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        let problem = Problem { request_id: self.request_id.clone(), ..error.problem() };
        out.named("error", &Dialect::Anthropic.tell(&problem).1);
    }

    fn ping(&self) -> &'static [u8] {
        b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }
}

/// A block of words at its beginning.
fn no_words() -> Value {
    json!({"type": "text", "text": ""})
}
