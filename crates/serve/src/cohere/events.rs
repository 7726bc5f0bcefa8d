//! The answer as a stream of events.

use super::documents::citations;
use super::response::{finish_reason, logprobs, usage};
use crate::error::ApiError;
use crate::stream::{Frame, Render};
use crate::tools::Part;
use crate::turn::{Delta, Turn, TurnEvent};
use catena_knowledge::Cited;
use serde_json::{Value, json};

/// Longest words before a call that are told as its plan. Longer ones are told as they come.
const MAX_PLAN_BYTES: usize = 400;

/// A stream in the making.
pub(super) struct Events {
    id: String,
    with_logprobs: bool,
    /// Whether it says what the answer is taken from.
    cites: bool,
    /// Words that may be the plan of calls.
    plan: Option<String>,
    /// The words of the answer.
    text: String,
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
    /// A stream; with `may_plan` its words may be the plan of calls.
    pub(super) fn new(id: String, with_logprobs: bool, cites: bool, may_plan: bool) -> Self {
        Self {
            id,
            with_logprobs,
            cites,
            plan: may_plan.then(String::new),
            text: String::new(),
            open: None,
            blocks: 0,
            reason: "ERROR",
        }
    }

    fn parts(&mut self, parts: Vec<Part>) -> Vec<Frame> {
        let mut frames = Vec::new();
        for part in parts {
            match part {
                Part::Thought(text) => {
                    frames.extend(self.begin(Open::Thoughts));
                    frames.push(self.more(&json!({"thinking": text})));
                }
                Part::Text(text) => frames.extend(self.words(&text)),
                Part::CallStart { index, id, name } => {
                    if let Some(plan) = self.plan.take().filter(|plan| !plan.is_empty()) {
                        frames.push(delta("tool-plan-delta", None, &json!({"tool_plan": plan})));
                    }
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

    /// Words: told at once, unless they may be a plan.
    fn words(&mut self, text: &str) -> Vec<Frame> {
        let text = match &mut self.plan {
            Some(plan) => {
                plan.push_str(text);
                if plan.len() <= MAX_PLAN_BYTES {
                    return Vec::new();
                }
                self.plan.take().unwrap_or_default()
            }
            None => text.to_owned(),
        };
        let mut frames = self.begin(Open::Text);
        frames.push(self.more(&json!({"text": text})));
        self.text.push_str(&text);
        frames
    }

    /// What the words are taken from.
    fn cite(&self, turn: &Turn, cited: &[Cited]) -> Vec<Frame> {
        let passages = turn.passages().filter(|_| self.cites).unwrap_or_default();
        let citations = citations(&self.text, cited, passages).into_iter().enumerate();
        let frames = citations.flat_map(|(idx, mut citation)| {
            citation["content_index"] = json!(self.blocks.saturating_sub(1));
            let begun = delta("citation-start", Some(idx), &json!({"citations": citation}));
            [begun, Frame::typed("citation-end", json!({"index": idx}))]
        });
        frames.collect()
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
                if let Some(plan) = self.plan.take().filter(|plan| !plan.is_empty()) {
                    // No call came.
                    frames.extend(self.words(&plan));
                }
                if matches!(self.open, None | Some(Open::Thoughts)) {
                    // A message has words or calls.
                    frames.extend(self.begin(Open::Text));
                }
                if let (Some(cited), Some(Open::Text)) = (&end.citations, self.open) {
                    frames.extend(self.cite(turn, cited));
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
    let mut data = json!({"delta": {"message": message}});
    if let Some(index) = index {
        data["index"] = json!(index);
    }
    Frame::typed(name, data)
}
