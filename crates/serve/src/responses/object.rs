//! The response as an object, whole or in the making.

use crate::app::App;
use crate::assistant::chars_before;
use crate::context;
use crate::counts::Counts;
use crate::error::ApiError;
use crate::logprobs::token_logprobs;
use crate::turn::{Answer, AnswerCall, EndReason, Turn};
use catena_engine::{TokenEvent, Vocabulary};
use catena_knowledge::Cited;
use catena_protocol::{ChatMessage, FunctionCall, ToolCall};
use serde_json::{Map, Value, json};

/// A response and what its items are called.
#[derive(Clone, Debug)]
pub(crate) struct ResponseObject {
    pub(crate) id: String,
    created_at: u64,
    model: String,
    /// Fields of the request that it repeats.
    echoed: Map<String, Value>,
    pub(crate) with_logprobs: bool,
}

impl ResponseObject {
    pub(crate) fn new(
        app: &App,
        model: &str,
        echoed: Map<String, Value>,
        with_logprobs: bool,
    ) -> Self {
        let id = context::owned(&app.answer_id("resp").replace('-', "_"));
        let id = context::answered_as(id);
        Self { id, created_at: app.now(), model: model.to_owned(), echoed, with_logprobs }
    }

    /// The object in `status` without anything said yet.
    pub(crate) fn begun(&self, status: &str) -> Value {
        self.object(status, &[], None)
    }

    fn object(&self, status: &str, output: &[Value], counts: Option<Counts>) -> Value {
        let mut object = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "completed_at": null,
            "error": null,
            "incomplete_details": null,
            "model": self.model,
            "output": output,
            "usage": counts.map(usage),
        });
        if let Value::Object(fields) = &mut object {
            fields.extend(self.echoed.clone());
        }
        object
    }

    /// The object of an answer that ended.
    pub(crate) fn ended(
        &self,
        output: &[Value],
        reason: EndReason,
        counts: Counts,
        now: u64,
    ) -> Value {
        let is_cut = reason == EndReason::Length;
        let status = if is_cut { "incomplete" } else { "completed" };
        let mut object = self.object(status, output, Some(counts));
        if is_cut {
            object["incomplete_details"] = json!({"reason": "max_output_tokens"});
        } else {
            object["completed_at"] = json!(now);
        }
        object
    }

    /// The object of one that failed.
    pub(crate) fn failed(&self, error: &ApiError) -> Value {
        let mut object = self.begun("failed");
        let problem = error.problem();
        object["error"] = json!({"code": problem.code, "message": problem.message});
        object
    }
}

/// `usage` of this protocol.
fn usage(counts: Counts) -> Value {
    json!({
        "input_tokens": counts.prompt_tokens,
        "input_tokens_details": {"cached_tokens": counts.cached_tokens},
        "output_tokens": counts.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning_tokens},
        "total_tokens": counts.prompt_tokens + counts.completion_tokens,
    })
}

/// An item of words.
pub(crate) fn message_item(id: &str, status: &str, content: &[Value]) -> Value {
    json!({"type": "message", "id": id, "status": status, "role": "assistant", "content": content})
}

/// The content of an item of words.
pub(crate) fn output_text(text: &str, annotations: &[Value], logprobs: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprobs})
}

/// What `text` is taken from: the documents, each at the character where the statement ends.
pub(crate) fn annotations(text: &str, cited: &[Cited]) -> Vec<Value> {
    let annotation = |one: &Cited| {
        json!({
            "type": "file_citation",
            "file_id": one.citation.document_id,
            "filename": one.citation.title,
            "index": chars_before(text, one.statement.end),
        })
    };
    cited.iter().map(annotation).collect()
}

/// An item of thoughts.
pub(crate) fn reasoning_item(id: &str, status: &str, thoughts: &str) -> Value {
    let content = json!([{"type": "reasoning_text", "text": thoughts}]);
    json!({"type": "reasoning", "id": id, "status": status, "summary": [], "content": content})
}

/// An item of a call.
pub(crate) fn call_item(id: &str, status: &str, call: &AnswerCall) -> Value {
    json!({"type": "function_call", "id": id, "status": status, "call_id": call.id,
           "name": call.name, "arguments": call.arguments})
}

/// Log-probabilities of `tokens`.
pub(crate) fn logprobs(vocabulary: &Vocabulary, tokens: &[TokenEvent]) -> Vec<Value> {
    tokens.iter().map(|token| token_logprobs(vocabulary, token)).collect()
}

/// The items of a whole answer.
pub(crate) fn output_items(
    app: &App,
    object: &ResponseObject,
    turn: &Turn,
    answer: &Answer,
) -> Vec<Value> {
    let status = if answer.reason == EndReason::Length { "incomplete" } else { "completed" };
    let id = |prefix: &str| item_id(app, prefix);
    let mut items = Vec::new();
    if !answer.thoughts.is_empty() {
        items.push(reasoning_item(&id("rs"), status, &answer.thoughts));
    }
    if !answer.text.is_empty() || answer.calls.is_empty() {
        let logprobs = if object.with_logprobs {
            logprobs(turn.vocabulary(), &answer.tokens)
        } else {
            Vec::new()
        };
        let cited = answer.citations.as_deref().unwrap_or_default();
        let annotations = annotations(&answer.text, cited);
        let text = output_text(&answer.text, &annotations, &logprobs);
        items.push(message_item(&id("msg"), status, &[text]));
    }
    items.extend(answer.calls.iter().map(|call| call_item(&id("fc"), status, call)));
    items
}

/// An identity for an item.
pub(crate) fn item_id(app: &App, prefix: &str) -> String {
    app.answer_id(prefix).replace('-', "_")
}

/// The answer as the turn that later ones go on from.
pub(crate) fn said(thoughts: &str, text: &str, calls: &[AnswerCall]) -> ChatMessage {
    let call = |call: &AnswerCall| {
        let arguments = serde_json::from_str(&call.arguments)
            .unwrap_or_else(|_| Value::String(call.arguments.clone()));
        let function = FunctionCall { name: call.name.clone(), arguments };
        ToolCall {
            id: Some(call.id.clone()),
            function,
            ..ToolCall::new(String::new(), Value::Null)
        }
    };
    let content = (!text.is_empty() || calls.is_empty()).then(|| text.to_owned());
    let reasoning_content = (!thoughts.is_empty()).then(|| thoughts.to_owned());
    let calls = calls.iter().map(call).collect();
    ChatMessage { reasoning_content, ..ChatMessage::calls(content, calls) }
}
