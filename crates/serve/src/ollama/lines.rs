//! The lines of an answer.

use super::line::{Content, Form, Line, Totals};
use crate::assistant::cited_once;
use crate::dialect::Dialect;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::logprobs::token_logprobs;
use crate::stream::{self, Out, Render};
use crate::tools::Part;
use crate::turn::{Turn, TurnEvent};
use axum::Json;
use axum::response::{IntoResponse, Response};
use catena_engine::{Completion, EngineHandle, Event, TokenEvent};
use catena_knowledge::Cited;
use catena_protocol::FinishReason;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

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
                Part::Text(text) if content.text.is_empty() => content.text = text,
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
        json!(Line::only(&self.model, self.form, "load"))
    }

    /// What a token brings.
    fn token(&mut self, parts: Vec<Part>, token: &TokenEvent) -> Content {
        self.first_token.get_or_insert_with(Instant::now);
        let mut content = self.calls.take(parts);
        if self.with_logprobs {
            let vocabulary = self.engine.intake().vocabulary();
            content.logprobs = Some(vec![token_logprobs(vocabulary, token)]);
        }
        content
    }

    /// What was held back, and the account of the answer.
    fn end(
        &mut self,
        parts: Vec<Part>,
        cited: Option<&[Cited]>,
        completion: &Completion,
    ) -> (Content, Totals) {
        let mut content = self.calls.take(parts);
        content.calls.extend(self.calls.end());
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        let reason = match completion.finish_reason {
            FinishReason::Stop | FinishReason::Cancelled => "stop",
            FinishReason::Length => "length",
        };
        let totals = Totals {
            done_reason: reason,
            total_duration: nanos(now - self.started),
            load_duration: 0,
            prompt_eval_count: completion.usage.prompt_tokens,
            prompt_eval_duration: nanos(first - self.started),
            eval_count: completion.usage.completion_tokens,
            eval_duration: nanos(now - first),
            citations: cited.map(|cited| json!(cited_once(cited))),
        };
        (content, totals)
    }

    fn line<'a>(&'a self, content: &'a Content) -> Line<'a> {
        Line::new(&self.model, self.form, content)
    }

    /// Writes what the answer brings next.
    fn write(&self, (content, totals): (Content, Option<Totals>), out: &mut Out) {
        if content != Content::default() {
            out.data(&self.line(&content));
        }
        if let Some(totals) = &totals {
            out.data(&self.line(&Content::default()).ended(totals));
        }
    }

    /// The answer of a turn, line by line or whole.
    ///
    /// # Errors
    /// What the engine met before the answer began.
    pub(super) async fn answer(
        mut self,
        mut turn: Turn,
        stream: bool,
    ) -> Result<Response, ApiError> {
        if stream {
            return Ok(stream::lines(turn, self));
        }
        let mut whole = self.nothing();
        while let Some(event) = turn.next().await {
            add(&mut whole, self.turn_event(event?));
        }
        Ok(Json(self.whole(&whole)).into_response())
    }

    /// All lines of a generation as one.
    ///
    /// # Errors
    /// What the engine met.
    pub(super) async fn whole_text(mut self, texts: &mut Generation) -> Result<Value, ApiError> {
        let mut whole = self.nothing();
        while let Some(event) = texts.next().await {
            add(&mut whole, self.event(event?.1));
        }
        Ok(self.whole(&whole))
    }

    fn nothing(&self) -> (Content, Option<Totals>) {
        let logprobs = self.with_logprobs.then(Vec::new);
        (Content { logprobs, ..Content::default() }, None)
    }

    fn whole(&self, (content, totals): &(Content, Option<Totals>)) -> Value {
        let line = self.line(content);
        match totals {
            Some(totals) => json!(line.ended(totals)),
            None => json!(line),
        }
    }

    fn turn_event(&mut self, event: TurnEvent) -> (Content, Option<Totals>) {
        match event {
            TurnEvent::Delta(delta) => (self.token(delta.parts, &delta.token), None),
            TurnEvent::End(end) => {
                let (content, totals) =
                    self.end(end.parts, end.citations.as_deref(), &end.completion);
                (content, Some(totals))
            }
        }
    }

    fn event(&mut self, event: Event) -> (Content, Option<Totals>) {
        let words = |text: &mut String| vec![Part::Text(std::mem::take(text))];
        match event {
            Event::Token(mut token) => (self.token(words(&mut token.text), &token), None),
            Event::Finished(mut completion) => {
                let (content, totals) = self.end(words(&mut completion.tail), None, &completion);
                (content, Some(totals))
            }
            Event::Failed(_) => (Content::default(), None),
        }
    }
}

/// Puts what came behind what came before.
fn add(whole: &mut (Content, Option<Totals>), (more, totals): (Content, Option<Totals>)) {
    let content = &mut whole.0;
    content.text.push_str(&more.text);
    content.thoughts.push_str(&more.thoughts);
    content.calls.extend(more.calls);
    if let (Some(logprobs), Some(more)) = (&mut content.logprobs, more.logprobs) {
        logprobs.extend(more);
    }
    whole.1 = totals.or(whole.1.take());
}

impl Render<Turn> for Lines {
    fn opening(&mut self, _: &Turn, _: &mut Out) {}

    fn item(&mut self, _: &Turn, event: TurnEvent, out: &mut Out) {
        let came = self.turn_event(event);
        self.write(came, out);
    }

    fn closing(&mut self, _: &Turn, _: &mut Out) {}

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        out.data(&failure(error));
    }
}

impl Render<Generation> for Lines {
    fn opening(&mut self, _: &Generation, _: &mut Out) {}

    fn item(&mut self, _: &Generation, (_, event): (usize, Event), out: &mut Out) {
        let came = self.event(event);
        self.write(came, out);
    }

    fn closing(&mut self, _: &Generation, _: &mut Out) {}

    fn failed(&mut self, error: &ApiError, out: &mut Out) {
        out.data(&failure(error));
    }
}

fn failure(error: &ApiError) -> Value {
    Dialect::Ollama.tell(&error.problem()).1
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
