//! The lines of an answer.

use crate::assistant::cited_once;
use crate::clock::now_rfc3339;
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::logprobs::token_logprobs;
use crate::stream::{self, Frame, Render};
use crate::tools::Part;
use crate::turn::{Turn, TurnEvent};
use axum::Json;
use axum::response::{IntoResponse, Response};
use catena_engine::{Completion, EngineHandle, Event, TokenEvent, Vocabulary};
use catena_knowledge::Cited;
use catena_protocol::FinishReason;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Where the words stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In a message.
    Chat,
    /// In `response`.
    Generate,
}

/// An answer in the making.
pub(super) struct Lines {
    model: String,
    form: Form,
    engine: EngineHandle,
    with_logprobs: bool,
    started: Instant,
    first_token: Option<Instant>,
    calls: Calls,
}

/// What a line carries.
#[derive(Debug, Default, PartialEq)]
struct Content {
    thoughts: String,
    text: String,
    calls: Vec<Value>,
    logprobs: Option<Value>,
}

/// Puts calls together: in a line they are whole.
#[derive(Default)]
struct Calls {
    /// Name and arguments of the call that comes in at present.
    open: Option<(String, String)>,
}

impl Calls {
    /// Words as they come, and the calls that the parts end.
    fn take(&mut self, parts: Vec<Part>) -> Content {
        let mut content = Content::default();
        for part in parts {
            match part {
                Part::Thought(text) => content.thoughts.push_str(&text),
                Part::Text(text) => content.text.push_str(&text),
                Part::CallStart { name, .. } => {
                    content.calls.extend(self.end());
                    self.open = Some((name, String::new()));
                }
                Part::CallArguments { json, .. } => {
                    if let Some((_, arguments)) = &mut self.open {
                        arguments.push_str(&json);
                    }
                }
            }
        }
        content
    }

    /// The call that came in; nothing if the answer was cut in the middle of it.
    fn end(&mut self) -> Option<Value> {
        let (name, arguments) = self.open.take()?;
        let arguments: Value = serde_json::from_str(&arguments).ok()?;
        Some(json!({"function": {"name": name, "arguments": arguments}}))
    }
}

/// The answer to a request that took `model` out of memory.
pub(super) fn unloaded(model: &str, form: Form) -> Value {
    let mut line = json!({
        "model": model,
        "created_at": now_rfc3339(),
        "done": true,
        "done_reason": "unload",
    });
    match form {
        Form::Chat => line["message"] = json!({"role": "assistant", "content": ""}),
        Form::Generate => line["response"] = json!(""),
    }
    line
}

impl Lines {
    /// Lines about `model` that answer a request which came when it `started`.
    pub(super) fn new(
        model: String,
        form: Form,
        engine: EngineHandle,
        with_logprobs: bool,
        started: Instant,
    ) -> Self {
        Self {
            model,
            form,
            engine,
            with_logprobs,
            started,
            first_token: None,
            calls: Calls::default(),
        }
    }

    /// The answer to a request without a prompt, which asks to have the model ready.
    pub(super) fn loaded(&self) -> Value {
        let mut line = self.line(Content::default());
        line.insert("done".to_owned(), json!(true));
        line.insert("done_reason".to_owned(), json!("load"));
        Value::Object(line)
    }

    fn token(&mut self, parts: Vec<Part>, token: &TokenEvent) -> Vec<Value> {
        self.first_token.get_or_insert_with(Instant::now);
        let mut content = self.calls.take(parts);
        if self.with_logprobs {
            let vocabulary: &Vocabulary = self.engine.intake().vocabulary();
            content.logprobs = Some(json!([token_logprobs(vocabulary, token)]));
        }
        if content == Content::default() {
            return Vec::new();
        }
        vec![Value::Object(self.line(content))]
    }

    fn end(
        &mut self,
        parts: Vec<Part>,
        cited: Option<&[Cited]>,
        completion: &Completion,
    ) -> Vec<Value> {
        let mut content = self.calls.take(parts);
        content.calls.extend(self.calls.end());
        let mut lines = Vec::new();
        if content != Content::default() {
            lines.push(Value::Object(self.line(content)));
        }
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        let mut last = self.line(Content::default());
        let reason = match completion.finish_reason {
            FinishReason::Stop | FinishReason::Cancelled => "stop",
            FinishReason::Length => "length",
        };
        for (key, value) in [
            ("done", json!(true)),
            ("done_reason", json!(reason)),
            ("total_duration", json!(nanos(now - self.started))),
            ("load_duration", json!(0)),
            ("prompt_eval_count", json!(completion.usage.prompt_tokens)),
            ("prompt_eval_duration", json!(nanos(first - self.started))),
            ("eval_count", json!(completion.usage.completion_tokens)),
            ("eval_duration", json!(nanos(now - first))),
        ] {
            last.insert(key.to_owned(), value);
        }
        if let Some(cited) = cited {
            last.insert("citations".to_owned(), json!(cited_once(cited)));
        }
        lines.push(Value::Object(last));
        lines
    }

    fn line(&self, content: Content) -> Map<String, Value> {
        let Content { thoughts, text, calls, logprobs } = content;
        let mut line = Map::new();
        line.insert("model".to_owned(), json!(self.model));
        line.insert("created_at".to_owned(), json!(now_rfc3339()));
        match self.form {
            Form::Generate => {
                line.insert("response".to_owned(), Value::String(text));
                if !thoughts.is_empty() {
                    line.insert("thinking".to_owned(), Value::String(thoughts));
                }
            }
            Form::Chat => {
                let mut message = json!({"role": "assistant", "content": text});
                if !thoughts.is_empty() {
                    message["thinking"] = Value::String(thoughts);
                }
                if !calls.is_empty() {
                    message["tool_calls"] = Value::Array(calls);
                }
                line.insert("message".to_owned(), message);
            }
        }
        if let Some(logprobs) = logprobs {
            line.insert("logprobs".to_owned(), logprobs);
        }
        line.insert("done".to_owned(), json!(false));
        line
    }

    /// The answer of a turn, line by line or whole.
    ///
    /// # Errors
    /// What the engine met before the answer began.
    pub(super) async fn answer(self, mut turn: Turn, stream: bool) -> Result<Response, ApiError> {
        if stream {
            return Ok(stream::lines(turn, self));
        }
        Ok(Json(self.whole_turn(&mut turn).await?).into_response())
    }

    /// All lines of an answer as one.
    ///
    /// # Errors
    /// What the engine met.
    async fn whole_turn(mut self, turn: &mut Turn) -> Result<Value, ApiError> {
        let mut lines = Vec::new();
        while let Some(event) = turn.next().await {
            lines.extend(self.turn_event(event?));
        }
        Ok(self.merge(lines))
    }

    /// The same of a generation.
    ///
    /// # Errors
    /// What the engine met.
    pub(super) async fn whole_text(mut self, texts: &mut Generation) -> Result<Value, ApiError> {
        let mut lines = Vec::new();
        while let Some(event) = texts.next().await {
            lines.extend(self.event(event?.1));
        }
        Ok(self.merge(lines))
    }

    fn turn_event(&mut self, event: TurnEvent) -> Vec<Value> {
        match event {
            TurnEvent::Delta(delta) => self.token(delta.parts, &delta.token),
            TurnEvent::End(end) => self.end(end.parts, end.citations.as_deref(), &end.completion),
        }
    }

    fn event(&mut self, event: Event) -> Vec<Value> {
        let words = |text: &str| vec![Part::Text(text.to_owned())];
        match event {
            Event::Token(token) => self.token(words(&token.text), &token),
            Event::Finished(completion) => self.end(words(&completion.tail), None, &completion),
            Event::Failed(_) => Vec::new(),
        }
    }

    /// The last line with what the others carried.
    fn merge(&self, mut lines: Vec<Value>) -> Value {
        let mut whole = lines.pop().unwrap_or_default();
        let mut content = Content::default();
        let mut logprobs = Vec::new();
        for line in &mut lines {
            let message = &mut line["message"];
            content.text.push_str(message["content"].as_str().unwrap_or_default());
            content.thoughts.push_str(message["thinking"].as_str().unwrap_or_default());
            if let Value::Array(calls) = message["tool_calls"].take() {
                content.calls.extend(calls);
            }
            content.text.push_str(line["response"].as_str().unwrap_or_default());
            content.thoughts.push_str(line["thinking"].as_str().unwrap_or_default());
            if let Value::Array(entries) = line["logprobs"].take() {
                logprobs.extend(entries);
            }
        }
        content.logprobs = self.with_logprobs.then_some(Value::Array(logprobs));
        let mut merged = self.line(content);
        for (key, value) in whole.as_object_mut().into_iter().flatten() {
            if key != "message" && key != "response" && key != "thinking" {
                merged.insert(key.clone(), value.take());
            }
        }
        Value::Object(merged)
    }
}

impl Render<Turn> for Lines {
    fn opening(&mut self, _: &Turn) -> Vec<Frame> {
        Vec::new()
    }

    fn item(&mut self, _: &Turn, event: TurnEvent) -> Vec<Frame> {
        self.turn_event(event).iter().map(Frame::data).collect()
    }

    fn closing(&mut self, _: &Turn) -> Vec<Frame> {
        Vec::new()
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![failure(error)]
    }
}

impl Render<Generation> for Lines {
    fn opening(&mut self, _: &Generation) -> Vec<Frame> {
        Vec::new()
    }

    fn item(&mut self, _: &Generation, (_, event): (usize, Event)) -> Vec<Frame> {
        self.event(event).iter().map(Frame::data).collect()
    }

    fn closing(&mut self, _: &Generation) -> Vec<Frame> {
        Vec::new()
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![failure(error)]
    }
}

fn failure(error: &ApiError) -> Frame {
    Frame::data(&Dialect::Ollama.tell(&error.problem()).1)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_whole_and_a_cut_one_does_not_come() {
        let start = |index: usize, name: &str| Part::CallStart {
            index,
            id: format!("call_{index}"),
            name: name.to_owned(),
        };
        let more = |index: usize, json: &str| Part::CallArguments { index, json: json.to_owned() };
        let mut calls = Calls::default();
        let first =
            calls.take(vec![Part::Text("So: ".to_owned()), start(0, "fee"), more(0, "{\"a")]);
        assert_eq!(first, Content { text: "So: ".to_owned(), ..Content::default() });
        let second = calls.take(vec![more(0, "\": 1}"), start(1, "close")]);
        assert_eq!(second.calls, [json!({"function": {"name": "fee", "arguments": {"a": 1}}})]);
        assert_eq!(calls.take(vec![more(1, "{}")]), Content::default());
        assert_eq!(calls.end(), Some(json!({"function": {"name": "close", "arguments": {}}})));
        calls.take(vec![start(2, "fee"), more(2, "{\"a\": ")]);
        assert_eq!(calls.end(), None);
    }
}
