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
    /// Whether a block of words was begun.
    has_text: bool,
    reason: &'static str,
}

/// What was begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Call(usize),
}

impl Events {
    pub(super) fn new(id: String, with_logprobs: bool) -> Self {
        Self { id, with_logprobs, open: None, has_text: false, reason: "ERROR" }
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => {
                    frames.extend(self.begin_text());
                    let content = json!({"text": text});
                    frames.push(delta("content-delta", Some(0), &json!({"content": content})));
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

    fn begin_text(&mut self) -> Option<Frame> {
        if self.open == Some(Open::Text) {
            return None;
        }
        self.open = Some(Open::Text);
        self.has_text = true;
        let content = json!({"type": "text", "text": ""});
        Some(delta("content-start", Some(0), &json!({"content": content})))
    }

    fn stop(&mut self) -> Option<Frame> {
        Some(match self.open.take()? {
            Open::Text => Frame::typed("content-end", json!({"index": 0})),
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
                if !self.has_text && self.open.is_none() {
                    frames.extend(self.begin_text());
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
