//! The answer of a chat completion, whole or in chunks.

use super::request::ChatRequest;
use crate::app::App;
use crate::assistant::{cited_once, numbered};
use crate::context;
use crate::error::ApiError;
use crate::logprobs::token_logprobs;
use crate::stream::{Out, Render, Template};
use crate::tools::Part;
use crate::turn::{Answer, AnswerCall, Delta, End, EndReason, Turn, TurnEvent};
use catena_engine::TokenEvent;
use serde_json::{Map, Value, json};

/// What thoughts are called: in most servers, and in vLLM since it renamed them.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

/// An answer in the making.
pub(crate) struct Reply {
    id: String,
    created: u64,
    model: String,
    with_logprobs: bool,
    with_usage: bool,
    /// Whether each chunk tells the counts so far.
    with_running_usage: bool,
    /// The chunk of a text for each answer, where only the text changes.
    texts: Vec<Template>,
}

impl Reply {
    pub(crate) fn new(app: &App, request: &ChatRequest) -> Self {
        Self {
            id: context::answered_as(app.answer_id("chatcmpl")),
            created: app.now(),
            model: request.model.clone(),
            with_logprobs: request.logprobs,
            with_usage: request.stream_options.include_usage,
            with_running_usage: request.stream_options.continuous_usage_stats,
            texts: Vec::new(),
        }
    }

    /// The whole answer.
    pub(crate) fn whole(&mut self, turn: &Turn, answers: Vec<Answer>) -> Value {
        let choices = answers.into_iter().enumerate();
        let choices: Vec<Value> =
            choices.map(|(idx, answer)| self.choice(turn, idx, answer)).collect();
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
            "usage": turn.counts().usage(),
        })
    }

    fn choice(&self, turn: &Turn, idx: usize, answer: Answer) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        if let Some(passages) = turn.passages() {
            let cited = answer.citations.as_deref().unwrap_or_default();
            message.insert("citations".to_owned(), json!(cited_once(cited)));
            message.insert("passages".to_owned(), json!(numbered(passages)));
        }
        let is_silent = answer.text.is_empty() && !answer.calls.is_empty();
        let content = if is_silent { Value::Null } else { Value::String(answer.text) };
        message.insert("content".to_owned(), content);
        message.insert("refusal".to_owned(), Value::Null);
        if !answer.thoughts.is_empty() {
            for name in REASONING {
                message.insert(name.to_owned(), json!(answer.thoughts));
            }
        }
        if !answer.calls.is_empty() {
            let calls: Vec<Value> = answer.calls.iter().map(AnswerCall::value).collect();
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        json!({
            "index": idx,
            "message": message,
            "logprobs": if self.with_logprobs { logprobs(turn, &answer.tokens) } else { Value::Null },
            "finish_reason": finish_reason(answer.reason),
        })
    }

    fn chunk(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    fn delta(&self, choice: usize, delta: &Value, logprobs: &Value, reason: Option<&str>) -> Value {
        let mut chunk = self.chunk(&json!([{
            "index": choice,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": reason,
        }]));
        if self.with_usage {
            // What OpenAI sends until the counts come.
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// The chunk that says `text` and nothing else.
    fn said(&self, choice: usize, text: &str) -> Value {
        self.delta(choice, &json!({"content": text}), &Value::Null, None)
    }

    fn token(&self, turn: &Turn, delta: Delta, out: &mut Out) {
        if !self.with_logprobs {
            for part in delta.parts {
                self.part(turn, delta.choice, part, out);
            }
            return;
        }
        let mut values: Vec<Value> = delta.parts.into_iter().map(part).collect();
        if values.is_empty() {
            values.push(json!({"content": ""}));
        }
        // The token's log-probability goes with the first of what it brought.
        let mut logprobs_of_token = logprobs(turn, std::slice::from_ref(&delta.token));
        for value in values {
            let logprobs = std::mem::take(&mut logprobs_of_token);
            self.chunk_out(turn, self.delta(delta.choice, &value, &logprobs, None), out);
        }
    }

    fn part(&self, turn: &Turn, choice: usize, one: Part, out: &mut Out) {
        match (one, self.texts.get(choice)) {
            (Part::Text(text), Some(template)) => out.fill(template, &text),
            (one, _) => {
                let chunk = self.delta(choice, &part(one), &Value::Null, None);
                self.chunk_out(turn, chunk, out);
            }
        }
    }

    /// Text that was held back goes into a chunk of its own, so that the last one carries only
    /// the end and the citations.
    fn end(&self, turn: &Turn, end: End, out: &mut Out) {
        for one in end.parts {
            self.part(turn, end.choice, one, out);
        }
        let last = match &end.citations {
            Some(cited) => json!({"citations": cited_once(cited)}),
            None => json!({}),
        };
        let reason = Some(finish_reason(end.reason));
        self.chunk_out(turn, self.delta(end.choice, &last, &Value::Null, reason), out);
    }

    fn chunk_out(&self, turn: &Turn, mut chunk: Value, out: &mut Out) {
        if self.with_running_usage {
            chunk["usage"] = turn.counts().usage();
        }
        out.data(&chunk);
    }
}

impl Render<Turn> for Reply {
    fn opening(&mut self, turn: &Turn, out: &mut Out) {
        let mut delta = json!({"role": "assistant", "content": ""});
        if let Some(passages) = turn.passages() {
            delta["passages"] = json!(numbered(passages));
        }
        for choice in 0..turn.num_choices() {
            self.chunk_out(turn, self.delta(choice, &delta, &Value::Null, None), out);
            if !self.with_running_usage {
                let template = Template::new(None, |text| self.said(choice, text));
                self.texts.push(template);
            }
        }
    }

    fn item(&mut self, turn: &Turn, event: TurnEvent, out: &mut Out) {
        match event {
            TurnEvent::Delta(delta) => self.token(turn, delta, out),
            TurnEvent::End(end) => self.end(turn, end, out),
        }
    }

    fn closing(&mut self, turn: &Turn, out: &mut Out) {
        if self.with_usage {
            let mut chunk = self.chunk(&json!([]));
            chunk["usage"] = turn.counts().usage();
            out.data(&chunk);
        }
        out.done();
    }

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        out.data(&error.problem().openai());
        out.done();
    }
}

/// `finish_reason` on the wire.
fn finish_reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Stop => "stop",
        EndReason::Length => "length",
        EndReason::ToolCalls => "tool_calls",
    }
}

fn logprobs(turn: &Turn, tokens: &[TokenEvent]) -> Value {
    let tokens = tokens.iter().map(|token| token_logprobs(turn.vocabulary(), token));
    json!({"content": tokens.collect::<Vec<Value>>(), "refusal": null})
}

/// A part as `delta`.
fn part(part: Part) -> Value {
    let call = match part {
        Part::Thought(text) => {
            return REASONING.map(|name| (name, text.as_str())).into_iter().collect();
        }
        Part::Text(text) => return json!({"content": text}),
        Part::CallStart { index, id, name } => {
            let function = json!({"name": name, "arguments": ""});
            json!({"index": index, "id": id, "type": "function", "function": function})
        }
        Part::CallArguments { index, json } => {
            json!({"index": index, "function": {"arguments": json}})
        }
    };
    json!({"tool_calls": [call]})
}
