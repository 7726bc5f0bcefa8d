//! The answer as a stream of events.

use super::documents::citations;
use super::response::{finish_reason, logprobs, usage};
use crate::error::ApiError;
use crate::stream::{Out, Render, Template};
use crate::tools::Part;
use crate::turn::{Delta, Turn, TurnEvent};
use catena_knowledge::Cited;
use serde_json::{Value, json};

/// Longest words before a call that are told as its plan. Longer ones are told as they come.
const MAX_PLAN_BYTES: usize = 400;
/// The event of more of a block of content.
const DELTA: &str = "content-delta";

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
    /// The event of more of the block of content that was begun last.
    more: Option<Template>,
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
            more: None,
            blocks: 0,
            reason: "ERROR",
        }
    }

    fn parts(&mut self, parts: Vec<Part>, out: &mut Out) {
        for part in parts {
            match part {
                Part::Thought(text) => {
                    self.begin(Open::Thoughts, out);
                    self.more(&text, out);
                }
                Part::Text(text) => self.words(text, out),
                Part::CallStart { index, id, name } => {
                    if let Some(plan) = self.plan.take().filter(|plan| !plan.is_empty()) {
                        typed("tool-plan-delta", None, &json!({"tool_plan": plan}), out);
                    }
                    self.stop(out);
                    self.open = Some(Open::Call(index));
                    let function = json!({"name": name, "arguments": ""});
                    let call = json!({"id": id, "type": "function", "function": function});
                    typed("tool-call-start", Some(index), &json!({"tool_calls": call}), out);
                }
                Part::CallArguments { index, json } => {
                    let call = json!({"function": {"arguments": json}});
                    typed("tool-call-delta", Some(index), &json!({"tool_calls": call}), out);
                }
            }
        }
    }

    /// Words: told at once, unless they may be a plan.
    fn words(&mut self, text: String, out: &mut Out) {
        let text = match &mut self.plan {
            Some(plan) => {
                plan.push_str(&text);
                if plan.len() <= MAX_PLAN_BYTES {
                    return;
                }
                self.plan.take().unwrap_or_default()
            }
            None => text,
        };
        self.begin(Open::Text, out);
        self.more(&text, out);
        if self.cites {
            self.text.push_str(&text);
        }
    }

    /// What the words are taken from.
    fn cite(&self, turn: &Turn, cited: &[Cited], out: &mut Out) {
        let passages = turn.passages().unwrap_or_default();
        let citations = citations(&self.text, cited, passages).into_iter().enumerate();
        for (idx, mut citation) in citations {
            citation["content_index"] = json!(self.blocks.saturating_sub(1));
            typed("citation-start", Some(idx), &json!({"citations": citation}), out);
            out.typed("citation-end", json!({"index": idx}));
        }
    }

    /// Begins a block of content unless it is open.
    fn begin(&mut self, open: Open, out: &mut Out) {
        if self.open == Some(open) {
            return;
        }
        self.stop(out);
        self.open = Some(open);
        let kind = if open == Open::Thoughts { "thinking" } else { "text" };
        let index = self.blocks;
        self.blocks += 1;
        let mut content = json!({"type": kind});
        content[kind] = json!("");
        typed("content-start", Some(index), &json!({"content": content}), out);
        let more = |text: &str| {
            let mut more = delta(Some(index), &json!({"content": {kind: text}}));
            more["type"] = json!(DELTA);
            more
        };
        self.more = Some(Template::new(Some(DELTA), more));
    }

    /// More of the block that is open.
    fn more(&self, text: &str, out: &mut Out) {
        if let Some(more) = &self.more {
            out.fill(more, text);
        }
    }

    fn stop(&mut self, out: &mut Out) {
        let index = self.blocks.saturating_sub(1);
        match self.open.take() {
            None => {}
            Some(Open::Thoughts | Open::Text) => out.typed("content-end", json!({"index": index})),
            Some(Open::Call(index)) => out.typed("tool-call-end", json!({"index": index})),
        }
    }

    /// A token's log-probability goes with what it brought.
    fn token(&mut self, turn: &Turn, token: Delta, out: &mut Out) {
        self.parts(token.parts, out);
        if self.with_logprobs {
            let mut entry = json!({"index": 0, "delta": {"message": {"content": {"text": ""}}}});
            entry["logprobs"] = logprobs(turn.vocabulary(), &token.token);
            out.typed(DELTA, entry);
        }
    }

    fn end(&self, delta: &Value, out: &mut Out) {
        out.typed("message-end", json!({"id": self.id, "delta": delta}));
        out.done();
    }
}

impl Render<Turn> for Events {
    fn opening(&mut self, _: &Turn, out: &mut Out) {
        let message = json!({
            "role": "assistant",
            "content": [],
            "tool_plan": "",
            "tool_calls": [],
            "citations": [],
        });
        out.typed("message-start", json!({"id": self.id, "delta": {"message": message}}));
    }

    fn item(&mut self, turn: &Turn, event: TurnEvent, out: &mut Out) {
        match event {
            TurnEvent::Delta(token) => self.token(turn, token, out),
            TurnEvent::End(end) => {
                self.parts(end.parts, out);
                if let Some(plan) = self.plan.take().filter(|plan| !plan.is_empty()) {
                    // No call came.
                    self.words(plan, out);
                }
                if matches!(self.open, None | Some(Open::Thoughts)) {
                    // A message has words or calls.
                    self.begin(Open::Text, out);
                }
                if let (Some(cited), Some(Open::Text), true) =
                    (&end.citations, self.open, self.cites)
                {
                    self.cite(turn, cited, out);
                }
                self.stop(out);
                self.reason = finish_reason(end.reason, end.stop.as_deref());
            }
        }
    }

    fn closing(&mut self, turn: &Turn, out: &mut Out) {
        let usage = usage(&turn.counts());
        self.end(&json!({"finish_reason": self.reason, "usage": usage}), out);
    }

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        self.end(&json!({"finish_reason": "ERROR", "error": error.problem().message}), out);
    }
}

/// Writes an event about a message.
fn typed(name: &'static str, index: Option<usize>, message: &Value, out: &mut Out) {
    out.typed(name, delta(index, message));
}

fn delta(index: Option<usize>, message: &Value) -> Value {
    let mut data = json!({"delta": {"message": message}});
    if let Some(index) = index {
        data["index"] = json!(index);
    }
    data
}
