//! A response as it comes.

use super::create::{Begun, keep, status};
use super::object::{
    annotations, call_item, item_id, logprobs, message_item, output_text, reasoning_item, said,
};
use crate::app::App;
use crate::counts::Counts;
use crate::error::ApiError;
use crate::stream::{Frame, Render};
use crate::tools::Part;
use crate::turn::{AnswerCall, End, EndReason, Turn, TurnEvent};
use catena_engine::TokenEvent;
use catena_knowledge::Cited;
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
    /// The messages of its end.
    last: Vec<Frame>,
}

/// The item that is being said.
enum Open {
    Thoughts { id: String },
    Text { id: String },
    Call { id: String },
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
            last: Vec::new(),
        }
    }

    fn event(&mut self, kind: &'static str, mut value: Value) -> Frame {
        let mut event = json!({"type": kind, "sequence_number": self.sequence});
        self.sequence += 1;
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, value.take()) {
            event.extend(fields);
        }
        Frame::named(kind, &event)
    }

    fn part(&mut self, part: Part, logprobs: &[Value]) -> Vec<Frame> {
        match part {
            Part::Thought(text) => self.think(&text),
            Part::Text(text) => self.words(&text, logprobs),
            Part::CallStart { id, name, .. } => self.call(id, name),
            Part::CallArguments { json, .. } => {
                let Some(call) = self.calls.last_mut() else { return Vec::new() };
                call.arguments.push_str(&json);
                let Some(Open::Call { id }) = &self.open else { return Vec::new() };
                let value =
                    json!({"item_id": id, "output_index": self.output.len(), "delta": json});
                vec![self.event("response.function_call_arguments.delta", value)]
            }
        }
    }

    fn think(&mut self, text: &str) -> Vec<Frame> {
        let mut frames = Vec::new();
        if !matches!(self.open, Some(Open::Thoughts { .. })) {
            frames.extend(self.close("completed"));
            let id = item_id(&self.app, "rs");
            let mut item = reasoning_item(&id, "in_progress", "");
            item["content"] = json!([]);
            self.open = Some(Open::Thoughts { id });
            let value = json!({"output_index": self.output.len(), "item": item});
            frames.push(self.event("response.output_item.added", value));
        }
        self.thoughts.push_str(text);
        let Some(Open::Thoughts { id }) = &self.open else { return frames };
        let value = json!({"item_id": id, "output_index": self.output.len(), "content_index": 0,
            "delta": text});
        frames.push(self.event("response.reasoning_text.delta", value));
        frames
    }

    fn words(&mut self, text: &str, logprobs: &[Value]) -> Vec<Frame> {
        let mut frames = Vec::new();
        if !matches!(self.open, Some(Open::Text { .. })) {
            frames.extend(self.close("completed"));
            frames.extend(self.open_text());
        }
        self.text.push_str(text);
        self.logprobs.extend_from_slice(logprobs);
        let Some(Open::Text { id }) = &self.open else { return frames };
        let value = json!({"item_id": id, "output_index": self.output.len(), "content_index": 0,
            "delta": text, "logprobs": logprobs});
        frames.push(self.event("response.output_text.delta", value));
        frames
    }

    fn open_text(&mut self) -> Vec<Frame> {
        let id = item_id(&self.app, "msg");
        let index = self.output.len();
        let item = message_item(&id, "in_progress", &[]);
        let part = json!({"item_id": id, "output_index": index, "content_index": 0,
            "part": output_text("", &[], &[])});
        self.open = Some(Open::Text { id });
        vec![
            self.event("response.output_item.added", json!({"output_index": index, "item": item})),
            self.event("response.content_part.added", part),
        ]
    }

    fn call(&mut self, call_id: String, name: String) -> Vec<Frame> {
        let mut frames = self.close("completed");
        let id = item_id(&self.app, "fc");
        let call = AnswerCall { id: call_id, name, arguments: String::new() };
        let item = call_item(&id, "in_progress", &call);
        self.calls.push(call);
        self.open = Some(Open::Call { id });
        let value = json!({"output_index": self.output.len(), "item": item});
        frames.push(self.event("response.output_item.added", value));
        frames
    }

    /// Ends the item that is being said.
    fn close(&mut self, status: &str) -> Vec<Frame> {
        let index = self.output.len();
        let (item, mut frames) = match self.open.take() {
            None => return Vec::new(),
            Some(Open::Thoughts { id }) => {
                let value = json!({"item_id": id, "output_index": index, "content_index": 0,
                    "text": self.thoughts});
                let done = self.event("response.reasoning_text.done", value);
                (reasoning_item(&id, status, &self.thoughts), vec![done])
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
                let done = self.event("response.output_text.done", text);
                let part_done =
                    self.event("response.content_part.done", with("part", part.clone()));
                (message_item(&id, status, &[part]), vec![done, part_done])
            }
            Some(Open::Call { id }) => {
                let Some(call) = self.calls.last().cloned() else { return Vec::new() };
                let value = json!({"item_id": id, "output_index": index, "name": call.name,
                    "arguments": call.arguments});
                let done = self.event("response.function_call_arguments.done", value);
                (call_item(&id, status, &call), vec![done])
            }
        };
        self.output.push(item.clone());
        let value = json!({"output_index": index, "item": item});
        frames.push(self.event("response.output_item.done", value));
        frames
    }

    fn end(&mut self, end: End) -> Vec<Frame> {
        self.reason = end.reason;
        let parts = end.parts.into_iter();
        let mut frames: Vec<Frame> = parts.flat_map(|part| self.part(part, &[])).collect();
        frames.extend(self.annotate(end.citations.as_deref().unwrap_or_default()));
        frames
    }

    fn annotate(&mut self, cited: &[Cited]) -> Vec<Frame> {
        let Some(Open::Text { id }) = &self.open else { return Vec::new() };
        let id = id.clone();
        self.annotations = annotations(&self.text, cited);
        let mut frames = Vec::new();
        for (idx, annotation) in self.annotations.clone().into_iter().enumerate() {
            let value = json!({"item_id": id, "output_index": self.output.len(), "content_index": 0,
                "annotation_index": idx, "annotation": annotation});
            frames.push(self.event("response.output_text.annotation.added", value));
        }
        frames
    }

    fn token_logprobs(&self, turn: &Turn, token: &TokenEvent) -> Vec<Value> {
        if !self.begun.object.with_logprobs {
            return Vec::new();
        }
        logprobs(turn.vocabulary(), std::slice::from_ref(token))
    }
}

impl Render<Turn> for Reply {
    fn opening(&mut self, _: &Turn) -> Vec<Frame> {
        let object = self.begun.object.begun("in_progress");
        vec![
            self.event("response.created", json!({"response": object})),
            self.event("response.in_progress", json!({"response": object})),
        ]
    }

    fn item(&mut self, turn: &Turn, event: TurnEvent) -> Vec<Frame> {
        match event {
            TurnEvent::Delta(delta) => {
                let logprobs = self.token_logprobs(turn, &delta.token);
                delta.parts.into_iter().flat_map(|part| self.part(part, &logprobs)).collect()
            }
            TurnEvent::End(end) => {
                self.counts = turn.counts();
                self.end(end)
            }
        }
    }

    async fn before_closing(&mut self) {
        let mut frames = Vec::new();
        if self.text.is_empty() && self.calls.is_empty() {
            // An answer has words or calls.
            frames.extend(self.close(status(self.reason)));
            frames.extend(self.open_text());
        }
        frames.extend(self.close(status(self.reason)));
        let mut object =
            self.begun.object.ended(&self.output, self.reason, self.counts, self.app.now());
        if self.begun.is_stored {
            let mut conversation = std::mem::take(&mut self.begun.conversation);
            conversation.push(said(&self.thoughts, &self.text, &self.calls));
            let input = std::mem::take(&mut self.begun.input);
            // Before its end is told: what a client has seen is there after a restart.
            object = keep(&self.app, object, input, conversation).await;
        }
        let kind = match self.reason {
            EndReason::Length => "response.incomplete",
            EndReason::Stop | EndReason::ToolCalls => "response.completed",
        };
        frames.push(self.event(kind, json!({"response": object})));
        self.last = frames;
    }

    fn closing(&mut self, _: &Turn) -> Vec<Frame> {
        std::mem::take(&mut self.last)
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        let object = self.begun.object.failed(error);
        vec![self.event("response.failed", json!({"response": object}))]
    }
}
