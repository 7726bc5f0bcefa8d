//! A response as it comes.

use super::create::{Begun, Keeping, keep, status};
use super::object::{
    annotations, call_item, item_id, logprobs, message_item, output_text, reasoning_item, said,
};
use crate::app::App;
use crate::blocking::brief;
use crate::counts::Counts;
use crate::error::ApiError;
use crate::stream::{Out, Render};
use crate::tools::Part;
use crate::turn::{AnswerCall, End, EndReason, Turn, TurnEvent};
use catena_engine::TokenEvent;
use catena_knowledge::Cited;
use serde::Serialize;
use serde_json::{Value, json};

/// An answer in the making.
pub(super) struct Reply {
    app: App,
    begun: Begun,
    /// Numbers the events.
    sequence: u64,
    /// Items that are whole.
    output: Vec<Value>,
    open: Option<Open>,
    thoughts: String,
    text: String,
    calls: Vec<AnswerCall>,
    /// What the text is taken from.
    annotations: Vec<Value>,
    /// Log-probabilities of the text's tokens.
    logprobs: Vec<Value>,
    reason: EndReason,
    /// Tokens of what has ended.
    counts: Counts,
    /// The response, if it failed.
    failure: Option<Value>,
}

/// The item that is being said.
enum Open {
    Thoughts { id: String },
    Text { id: String },
    Call { id: String },
}

/// More of an item: the event that comes with each token.
#[derive(Serialize)]
struct Grown<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    sequence_number: u64,
    item_id: &'a str,
    output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<usize>,
    delta: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<&'a [Value]>,
}

impl Reply {
    pub(super) fn new(app: &App, begun: Begun) -> Self {
        Self {
            app: app.clone(),
            begun,
            sequence: 0,
            output: Vec::new(),
            open: None,
            thoughts: String::new(),
            text: String::new(),
            calls: Vec::new(),
            annotations: Vec::new(),
            logprobs: Vec::new(),
            reason: EndReason::Stop,
            counts: Counts::default(),
            failure: None,
        }
    }

    /// Tells that it waits for its turn in the background.
    pub(super) fn queued(&mut self, out: &mut Out) {
        let object = self.begun.object.begun("queued");
        self.event("response.created", json!({"response": object}), out);
        self.event("response.queued", json!({"response": object}), out);
    }

    fn event(&mut self, kind: &'static str, mut value: Value, out: &mut Out) {
        let mut event = json!({"type": kind, "sequence_number": self.sequence});
        self.sequence += 1;
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, value.take()) {
            event.extend(fields);
        }
        out.named(kind, &event);
    }

    /// Tells more of the item that is being said.
    fn delta(&mut self, delta: &str, logprobs: Option<&[Value]>, out: &mut Out) {
        let (kind, item_id, content_index) = match &self.open {
            None => return,
            Some(Open::Thoughts { id }) => ("response.reasoning_text.delta", id, Some(0)),
            Some(Open::Text { id }) => ("response.output_text.delta", id, Some(0)),
            Some(Open::Call { id }) => ("response.function_call_arguments.delta", id, None),
        };
        let (sequence_number, output_index) = (self.sequence, self.output.len());
        let event =
            Grown { kind, sequence_number, item_id, output_index, content_index, delta, logprobs };
        out.named(kind, &event);
        self.sequence += 1;
    }

    fn part(&mut self, part: Part, logprobs: &[Value], out: &mut Out) {
        match part {
            Part::Thought(text) => self.think(&text, out),
            Part::Text(text) => self.words(&text, logprobs, out),
            Part::CallStart { id, name, .. } => self.call(id, name, out),
            Part::CallArguments { json, .. } => {
                let Some(call) = self.calls.last_mut() else { return };
                call.arguments.push_str(&json);
                self.delta(&json, None, out);
            }
        }
    }

    fn think(&mut self, text: &str, out: &mut Out) {
        if !matches!(self.open, Some(Open::Thoughts { .. })) {
            self.close("completed", out);
            let id = item_id(&self.app, "rs");
            let mut item = reasoning_item(&id, "in_progress", "");
            item["content"] = json!([]);
            self.open = Some(Open::Thoughts { id });
            let value = json!({"output_index": self.output.len(), "item": item});
            self.event("response.output_item.added", value, out);
        }
        self.thoughts.push_str(text);
        self.delta(text, None, out);
    }

    fn words(&mut self, text: &str, logprobs: &[Value], out: &mut Out) {
        if !matches!(self.open, Some(Open::Text { .. })) {
            self.close("completed", out);
            self.open_text(out);
        }
        self.text.push_str(text);
        self.logprobs.extend_from_slice(logprobs);
        self.delta(text, Some(logprobs), out);
    }

    fn open_text(&mut self, out: &mut Out) {
        let id = item_id(&self.app, "msg");
        let index = self.output.len();
        let item = message_item(&id, "in_progress", &[]);
        let part = json!({"item_id": id, "output_index": index, "content_index": 0,
            "part": output_text("", &[], &[])});
        self.open = Some(Open::Text { id });
        let added = json!({"output_index": index, "item": item});
        self.event("response.output_item.added", added, out);
        self.event("response.content_part.added", part, out);
    }

    fn call(&mut self, call_id: String, name: String, out: &mut Out) {
        self.close("completed", out);
        let id = item_id(&self.app, "fc");
        let call = AnswerCall { id: call_id, name, arguments: String::new() };
        let item = call_item(&id, "in_progress", &call);
        self.calls.push(call);
        self.open = Some(Open::Call { id });
        let value = json!({"output_index": self.output.len(), "item": item});
        self.event("response.output_item.added", value, out);
    }

    /// Ends the item that is being said.
    fn close(&mut self, status: &str, out: &mut Out) {
        let index = self.output.len();
        let item = match self.open.take() {
            None => return,
            Some(Open::Thoughts { id }) => {
                let value = json!({"item_id": id, "output_index": index, "content_index": 0,
                    "text": self.thoughts});
                self.event("response.reasoning_text.done", value, out);
                reasoning_item(&id, status, &self.thoughts)
            }
            Some(Open::Text { id }) => {
                let part = output_text(&self.text, &self.annotations, &self.logprobs);
                let place = json!({"item_id": id, "output_index": index, "content_index": 0});
                let with = |key: &str, value: Value| {
                    let mut place = place.clone();
                    place[key] = value;
                    place
                };
                let mut text = with("text", json!(self.text));
                text["logprobs"] = json!(self.logprobs);
                self.event("response.output_text.done", text, out);
                self.event("response.content_part.done", with("part", part.clone()), out);
                message_item(&id, status, &[part])
            }
            Some(Open::Call { id }) => {
                let Some(call) = self.calls.last().cloned() else { return };
                let value = json!({"item_id": id, "output_index": index, "name": call.name,
                    "arguments": call.arguments});
                self.event("response.function_call_arguments.done", value, out);
                call_item(&id, status, &call)
            }
        };
        self.output.push(item.clone());
        let value = json!({"output_index": index, "item": item});
        self.event("response.output_item.done", value, out);
    }

    fn end(&mut self, end: End, out: &mut Out) {
        self.reason = end.reason;
        for part in end.parts {
            self.part(part, &[], out);
        }
        self.annotate(end.citations.as_deref().unwrap_or_default(), out);
    }

    fn annotate(&mut self, cited: &[Cited], out: &mut Out) {
        let Some(Open::Text { id }) = &self.open else { return };
        let id = id.clone();
        self.annotations = annotations(&self.text, cited);
        for (idx, annotation) in self.annotations.clone().into_iter().enumerate() {
            let value = json!({"item_id": id, "output_index": self.output.len(), "content_index": 0,
                "annotation_index": idx, "annotation": annotation});
            self.event("response.output_text.annotation.added", value, out);
        }
    }

    fn token_logprobs(&self, turn: &Turn, token: &TokenEvent) -> Vec<Value> {
        if !self.begun.object.with_logprobs {
            return Vec::new();
        }
        logprobs(turn.vocabulary(), std::slice::from_ref(token))
    }

    /// Ends the last item, and makes one where nothing was said: an answer has words or calls.
    fn close_last(&mut self, out: &mut Out) {
        let status = status(self.reason);
        if self.text.is_empty() && self.calls.is_empty() {
            self.close(status, out);
            self.open_text(out);
        }
        self.close(status, out);
    }

    /// Keeps the response at its end, before that is told: what a client has seen is there after a restart.
    /// Gives it as it is told; nothing if it was cancelled meanwhile.
    async fn keep(&mut self, object: Value, has_failed: bool) -> Option<Value> {
        let said = || said(&self.thoughts, &self.text, &self.calls);
        match self.begun.keeping {
            Keeping::Running => {
                let store = self.app.responses().clone();
                let (ended, said) = (object.clone(), (!has_failed).then(said));
                // Where the disk fails, which the log tells, it is remembered as long as the server runs.
                let is_told = brief(move || store.end(ended, said)).await.unwrap_or(true);
                is_told.then_some(object)
            }
            Keeping::AtItsEnd if !has_failed => {
                let mut conversation = std::mem::take(&mut self.begun.conversation);
                conversation.push(said());
                let input = std::mem::take(&mut self.begun.input);
                Some(keep(&self.app, object, input, conversation).await)
            }
            Keeping::AtItsEnd | Keeping::Not => Some(object),
        }
    }
}

impl Render<Turn> for Reply {
    fn opening(&mut self, _: &Turn, out: &mut Out) {
        let object = self.begun.object.begun("in_progress");
        if self.sequence == 0 {
            self.event("response.created", json!({"response": object}), out);
        }
        self.event("response.in_progress", json!({"response": object}), out);
    }

    fn item(&mut self, turn: &Turn, event: TurnEvent, out: &mut Out) {
        match event {
            TurnEvent::Delta(delta) => {
                let logprobs = self.token_logprobs(turn, &delta.token);
                for part in delta.parts {
                    self.part(part, &logprobs, out);
                }
            }
            TurnEvent::End(end) => {
                self.counts = turn.counts();
                self.end(end, out);
            }
        }
    }

    fn closing(&mut self, _: &Turn, _: &mut Out) {}

    fn failed(&mut self, error: &ApiError, _: &mut Out) {
        self.failure = Some(self.begun.object.failed(error));
    }

    async fn last(&mut self, out: &mut Out) {
        let (kind, object) = match (self.failure.take(), self.reason) {
            (Some(object), _) => ("response.failed", self.keep(object, true).await),
            (None, reason) => {
                self.close_last(out);
                let now = self.app.now();
                let object = self.begun.object.ended(&self.output, reason, self.counts, now);
                let kind = match reason {
                    EndReason::Length => "response.incomplete",
                    EndReason::Stop | EndReason::ToolCalls => "response.completed",
                };
                (kind, self.keep(object, false).await)
            }
        };
        if let Some(object) = object {
            self.event(kind, json!({"response": object}), out);
        }
    }
}
