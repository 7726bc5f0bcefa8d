//! The answer as a stream of events.

use super::response::{finish_reason, logprobs, usage};
use crate::error::ApiError;
use crate::stream::{Frame, Render};
use crate::tools::Part;
use crate::turn::{Delta, Turn, TurnEvent};
use serde_json::{Value, json};

/// A stream in the making.
pub(super) struct Events {
    id: String,
    with_logprobs: bool,
    open: Option<Open>,
    /// Blocks of content begun so far.
    blocks: usize,
    reason: &'static str,
}

/// What was begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Thoughts,
    Text,
    Call(usize),
}

impl Events {
    pub(super) fn new(id: String, with_logprobs: bool) -> Self {
        Self { id, with_logprobs, open: None, blocks: 0, reason: "ERROR" }
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for part in parts {
            match part {
                Part::Thought(text) => {
                    frames.extend(self.begin(Open::Thoughts));
                    frames.push(self.more(&json!({"thinking": text})));
                }
                Part::Text(text) => {
                    frames.extend(self.begin(Open::Text));
                    frames.push(self.more(&json!({"text": text})));
                }
                Part::CallStart { index, id, name } => {
                    frames.extend(self.stop());
                    self.open = Some(Open::Call(index));
                    let function = json!({"name": name, "arguments": ""});
                    let call = json!({"id": id, "type": "function", "function": function});
                    let message = json!({"tool_calls": call});
                    frames.push(delta("tool-call-start", Some(index), &message));
                }
                Part::CallArguments { index, json } => {
                    let call = json!({"function": {"arguments": json}});
                    let message = json!({"tool_calls": call});
                    frames.push(delta("tool-call-delta", Some(index), &message));
                }
            }
        }
        frames
    }

    /// Begins a block of content unless it is open.
    fn begin(&mut self, open: Open) -> Vec<Frame> {
        if self.open == Some(open) {
            return Vec::new();
        }
        let mut frames: Vec<Frame> = self.stop().into_iter().collect();
        self.open = Some(open);
        let kind = if open == Open::Thoughts { "thinking" } else { "text" };
        let mut content = json!({"type": kind});
        content[kind] = json!("");
        let message = json!({"content": content});
        frames.push(delta("content-start", Some(self.blocks), &message));
        self.blocks += 1;
        frames
    }

    /// More of the block that is open.
    fn more(&self, content: &Value) -> Frame {
        let index = self.blocks.saturating_sub(1);
        delta("content-delta", Some(index), &json!({"content": content}))
    }

    fn stop(&mut self) -> Option<Frame> {
        let index = self.blocks.saturating_sub(1);
        Some(match self.open.take()? {
            Open::Thoughts | Open::Text => Frame::typed("content-end", json!({"index": index})),
            Open::Call(index) => Frame::typed("tool-call-end", json!({"index": index})),
        })
    }

    /// A token's log-probability goes with what it brought.
    fn token(&mut self, turn: &Turn, token: Delta) -> Vec<Frame> {
        let mut frames = self.parts(token.parts);
        if self.with_logprobs {
            let mut entry = json!({"index": 0, "delta": {"message": {"content": {"text": ""}}}});
            entry["logprobs"] = logprobs(turn.vocabulary(), &token.token);
            frames.push(Frame::typed("content-delta", entry));
        }
        frames
    }
}

impl Render<Turn> for Events {
    fn opening(&mut self, _: &Turn) -> Vec<Frame> {
        let message = json!({
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        });
        vec![Frame::typed("message-start", json!({"id": self.id, "delta": {"message": message}}))]
    }

    fn item(&mut self, turn: &Turn, event: TurnEvent) -> Vec<Frame> {
        match event {
            TurnEvent::Delta(token) => self.token(turn, token),
            TurnEvent::End(end) => {
                let mut frames = self.parts(end.parts);
                if matches!(self.open, None | Some(Open::Thoughts)) {
                    // A message has words or calls.
                    frames.extend(self.begin(Open::Text));
                }
                frames.extend(self.stop());
                self.reason = finish_reason(end.reason, end.stop.as_deref());
                frames
            }
        }
    }

    fn closing(&mut self, turn: &Turn) -> Vec<Frame> {
        let delta = json!({"finish_reason": self.reason, "usage": usage(&turn.counts())});
        vec![Frame::typed("message-end", json!({"id": self.id, "delta": delta})), Frame::done()]
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        let delta = json!({"finish_reason": "ERROR", "error": error.problem().message});
        vec![Frame::typed("message-end", json!({"id": self.id, "delta": delta})), Frame::done()]
    }
}

fn delta(name: &'static str, index: Option<usize>, message: &Value) -> Frame {
    Frame::typed(name, json!({"index": index, "delta": {"message": message}}))
}
