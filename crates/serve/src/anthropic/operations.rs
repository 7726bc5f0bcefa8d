//! What the document says of the routes.

use super::request::MessagesRequest;
use crate::openapi::shapes::{
    anything, count, either, list, map, nullable, object, some, text, word, words,
};
use crate::openapi::{Operation, Tag};
use serde_json::{Value, json};

/// `POST /v1/messages`.
pub(crate) fn messages() -> Operation {
    let example = json!({
        "model": "MODEL",
        "messages": [{"role": "user", "content": "Which colours has a traffic light?"}],
        "max_tokens": 64,
        "stream": true,
    });
    Operation::new(Tag::Anthropic, "Answer a conversation")
        .asks::<MessagesRequest>(example)
        .requiring(&["max_tokens"])
        .with_model()
        .gives("AnthropicAnswer", answer)
        .streams("AnthropicEvent", event)
}

/// `POST /v1/messages/count_tokens`.
pub(crate) fn count_tokens() -> Operation {
    let example = json!({
        "model": "MODEL",
        "messages": [{"role": "user", "content": "Which colours has a traffic light?"}],
    });
    let tokens = || object([("input_tokens", count())]);
    Operation::new(Tag::Anthropic, "Count the tokens of a conversation")
        .asks::<MessagesRequest>(example)
        .with_model()
        .gives("AnthropicTokenCount", tokens)
}

/// The data of an event, which names itself.
fn event() -> Value {
    object([("type", text())])
}

fn answer() -> Value {
    let location = object([
        ("type", word("search_result_location")),
        ("cited_text", text()),
        ("source", text()),
        ("title", text()),
        ("search_result_index", count()),
        ("start_block_index", count()),
        ("end_block_index", count()),
    ]);
    let words_block =
        object([("type", word("text")), ("text", text()), ("citations?", list(location))]);
    let thoughts_block =
        object([("type", word("thinking")), ("thinking", text()), ("signature", text())]);
    let call_block = object([
        ("type", word("tool_use")),
        ("id", text()),
        ("name", text()),
        ("input", map(anything())),
    ]);
    let usage = object([
        ("input_tokens", count()),
        ("cache_creation_input_tokens", count()),
        ("cache_read_input_tokens", count()),
        ("output_tokens", count()),
    ]);
    object([
        ("id", text()),
        ("type", word("message")),
        ("role", word("assistant")),
        ("model", text()),
        ("content", some(either([thoughts_block, words_block, call_block]))),
        ("stop_reason", words(&["end_turn", "max_tokens", "stop_sequence", "tool_use"])),
        ("stop_sequence", nullable(text())),
        ("usage", usage),
    ])
}
