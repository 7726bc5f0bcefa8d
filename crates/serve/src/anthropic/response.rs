//! The answer as a whole.

use crate::assistant::cited_once;
use crate::counts::Counts;
use crate::turn::{Answer, EndReason};
use catena_protocol::Citation;
use serde_json::{Map, Value, json};

/// Why an answer ended, and the stop sequence if it was one.
pub(super) fn end(reason: EndReason, stop: Option<&str>) -> Value {
    let (stop_reason, stop_sequence) = match (reason, stop) {
        (EndReason::ToolCalls, _) => ("tool_use", None),
        (EndReason::Length, _) => ("max_tokens", None),
        (EndReason::Stop, Some(text)) => ("stop_sequence", Some(text)),
        (EndReason::Stop, None) => ("end_turn", None),
    };
    json!({"stop_reason": stop_reason, "stop_sequence": stop_sequence})
}

/// Tokens that were computed and tokens that were not, which count apart.
pub(super) fn usage(counts: &Counts) -> Value {
    json!({
        "input_tokens": counts.prompt_tokens - counts.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counts.cached_tokens,
        "output_tokens": counts.completion_tokens,
    })
}

/// A message with `content`.
pub(super) fn message(id: &str, model: &str, content: &Value, end: &Value, usage: &Value) -> Value {
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": end["stop_reason"],
        "stop_sequence": end["stop_sequence"],
        "usage": usage,
    })
}

/// A block of thoughts. Nobody signs them: the client may show them to us again as they are.
pub(super) fn thinking(thoughts: &str) -> Value {
    json!({"type": "thinking", "thinking": thoughts, "signature": ""})
}

/// A citation. Passages are to the client what it would call results of a search, each of one block.
pub(super) fn citation(citation: &Citation) -> Value {
    json!({
        "type": "search_result_location",
        "cited_text": citation.quote,
        "source": citation.document_id,
        "title": citation.title,
        "search_result_index": citation.number - 1,
        "start_block_index": 0,
        "end_block_index": 1,
    })
}

/// The blocks of an answer: its thoughts, its words, then its calls. One that was cut in the middle of a call's
/// arguments leaves that call's input empty.
pub(super) fn blocks(answer: Answer) -> Value {
    let mut blocks = Vec::with_capacity(answer.calls.len() + 2);
    if !answer.thoughts.is_empty() {
        blocks.push(thinking(&answer.thoughts));
    }
    if !answer.text.is_empty() || answer.calls.is_empty() {
        let mut block = json!({"type": "text", "text": answer.text});
        if let Some(cited) = &answer.citations {
            block["citations"] = cited_once(cited).into_iter().map(citation).collect();
        }
        blocks.push(block);
    }
    for call in answer.calls {
        let input = serde_json::from_str(&call.arguments);
        let input = input.unwrap_or_else(|_| Value::Object(Map::new()));
        blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    Value::Array(blocks)
}
