//! The parts of an answer.

use super::documents::citations;
use crate::counts::Counts;
use crate::logprobs::{finite, token_text};
use crate::turn::{Answer, AnswerCall, EndReason};
use catena_engine::{TokenEvent, Vocabulary};
use catena_protocol::Passage;
use serde_json::{Value, json};

/// Why an answer ended.
pub(super) fn finish_reason(reason: EndReason, stop: Option<&str>) -> &'static str {
    match (reason, stop) {
        (EndReason::ToolCalls, _) => "TOOL_CALL",
        (EndReason::Length, _) => "MAX_TOKENS",
        (EndReason::Stop, Some(_)) => "STOP_SEQUENCE",
        (EndReason::Stop, None) => "COMPLETE",
    }
}

/// The whole turn: its words, or its calls with its words as the plan. `passages` are those that it cites.
pub(super) fn message(answer: &Answer, passages: Option<&[Passage]>) -> Value {
    let mut content = Vec::new();
    if !answer.thoughts.is_empty() {
        content.push(json!({"type": "thinking", "thinking": answer.thoughts}));
    }
    if answer.calls.is_empty() {
        content.push(json!({"type": "text", "text": answer.text}));
        let mut message = json!({"role": "assistant", "content": content});
        if let (Some(cited), Some(passages)) = (&answer.citations, passages) {
            message["citations"] = Value::Array(citations(&answer.text, cited, passages));
        }
        return message;
    }
    let calls: Vec<Value> = answer.calls.iter().map(AnswerCall::value).collect();
    let mut message = json!({"role": "assistant", "tool_calls": calls});
    if !content.is_empty() {
        message["content"] = Value::Array(content);
    }
    if !answer.text.is_empty() {
        message["tool_plan"] = json!(answer.text);
    }
    message
}

/// Tokens of an answer.
pub(super) fn usage(counts: &Counts) -> Value {
    let tokens =
        json!({"input_tokens": counts.prompt_tokens, "output_tokens": counts.completion_tokens});
    json!({"billed_units": tokens, "tokens": tokens, "cached_tokens": counts.cached_tokens})
}

/// A token's log-probability.
pub(super) fn logprobs(vocabulary: &Vocabulary, token: &TokenEvent) -> Value {
    json!({
        "text": token_text(vocabulary, token.token),
        "token_ids": [token.token],
        "logprobs": token.logprob.map(|logprob| [finite(logprob)]),
    })
}
