//! The answer of a chat completion, whole or in chunks.

use super::request::ChatRequest;
use crate::app::App;
use crate::assistant::numbered;
use crate::generation::finish_reason;
use crate::logprobs::token_logprobs;
use crate::sse::Chunks;
use catena_engine::{Completion, EngineHandle, Event, TokenEvent};
use catena_knowledge::cite;
use catena_protocol::{Passage, Usage};
use serde_json::{Map, Value, json};

/// An answer in the making.
pub(crate) struct Reply {
    id: String,
    created: u64,
    model: String,
    engine: EngineHandle,
    /// What an assistant retrieved.
    passages: Option<Vec<Passage>>,
    with_logprobs: bool,
    with_usage: bool,
    logprobs: Vec<Value>,
    usage: Usage,
}

impl Reply {
    pub(crate) fn new(
        app: &App,
        request: &ChatRequest,
        engine: EngineHandle,
        passages: Option<Vec<Passage>>,
        with_logprobs: bool,
    ) -> Self {
        Self {
            id: app.answer_id("chatcmpl"),
            created: app.now(),
            model: request.model.clone(),
            engine,
            passages,
            with_logprobs,
            with_usage: request.stream_options.include_usage,
            logprobs: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Takes note of a token of an answer that is sent whole.
    pub(crate) fn add_token(&mut self, token: &TokenEvent) {
        if self.with_logprobs {
            self.logprobs.push(token_logprobs(self.engine.intake().vocabulary(), token));
        }
    }

    /// The whole answer.
    pub(crate) fn whole(self, completion: Completion) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        if let Some(passages) = &self.passages {
            message.insert("citations".to_owned(), json!(cite(&completion.text, passages)));
            message.insert("passages".to_owned(), json!(numbered(passages)));
        }
        message.insert("content".to_owned(), Value::String(completion.text));
        message.insert("refusal".to_owned(), Value::Null);
        let choice = json!({
            "index": 0,
            "message": message,
            "logprobs": self.with_logprobs.then(|| json!({"content": self.logprobs})),
            "finish_reason": finish_reason(completion.finish_reason),
        });
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": completion.usage,
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

    fn delta(&self, delta: &Value, logprobs: &Value, finish_reason: Option<&str>) -> Value {
        self.chunk(&json!([{
            "index": 0,
            "delta": delta,
            "logprobs": logprobs,
            "finish_reason": finish_reason,
        }]))
    }

    fn token(&self, token: &TokenEvent) -> Option<Value> {
        let logprobs = if self.with_logprobs {
            json!({"content": [token_logprobs(self.engine.intake().vocabulary(), token)]})
        } else if token.text.is_empty() {
            return None;
        } else {
            Value::Null
        };
        Some(self.delta(&json!({"content": token.text}), &logprobs, None))
    }

    /// Text that was held back goes into a chunk of its own, so that the last one carries only
    /// the end and the citations.
    fn end(&mut self, completion: &Completion) -> Vec<Value> {
        self.usage = completion.usage;
        let mut chunks = Vec::new();
        if !completion.tail.is_empty() {
            chunks.push(self.delta(&json!({"content": completion.tail}), &Value::Null, None));
        }
        let last = match &self.passages {
            Some(passages) => json!({"citations": cite(&completion.text, passages)}),
            None => json!({}),
        };
        let reason = finish_reason(completion.finish_reason);
        chunks.push(self.delta(&last, &Value::Null, Some(reason)));
        chunks
    }
}

impl Chunks for Reply {
    fn opening(&mut self) -> Vec<Value> {
        let mut delta = json!({"role": "assistant", "content": ""});
        if let Some(passages) = &self.passages {
            delta["passages"] = json!(numbered(passages));
        }
        vec![self.delta(&delta, &Value::Null, None)]
    }

    fn chunks(&mut self, _idx: usize, event: Event) -> Vec<Value> {
        match event {
            Event::Token(token) => self.token(&token).into_iter().collect(),
            Event::Finished(completion) => self.end(&completion),
            Event::Failed(_) => Vec::new(),
        }
    }

    fn closing(&mut self) -> Vec<Value> {
        if !self.with_usage {
            return Vec::new();
        }
        let mut chunk = self.chunk(&json!([]));
        chunk["usage"] = json!(self.usage);
        vec![chunk]
    }
}
