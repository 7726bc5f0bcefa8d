//! What the document says of the routes.

use super::chat::ChatRequest;
use super::embed::{EmbedRequest, EmbeddingsRequest};
use super::generate::GenerateRequest;
use super::models::ShowRequest;
use crate::logprobs::token_logprobs_shape;
use crate::openapi::shapes::{anything, count, list, map, number, object, some, text, word, words};
use crate::openapi::{Operation, Tag};
use serde_json::{Value, json};

/// `POST /api/chat`.
pub(crate) fn chat() -> Operation {
    let example = json!({
        "model": "MODEL",
        "messages": [{"role": "user", "content": "Which colours has a traffic light?"}],
        "options": {"num_predict": 64},
        "stream": true,
    });
    Operation::new(Tag::Ollama, "Answer a conversation")
        .asks::<ChatRequest>(example)
        .with_model()
        .gives("OllamaChatAnswer", chat_answer)
        .streams_lines()
}

/// `POST /api/generate`.
pub(crate) fn generate() -> Operation {
    let example = json!({
        "model": "MODEL",
        "prompt": "Which colours has a traffic light?",
        "options": {"num_predict": 64},
        "stream": true,
    });
    Operation::new(Tag::Ollama, "Answer a prompt")
        .asks::<GenerateRequest>(example)
        .with_model()
        .gives("OllamaAnswer", prompt_answer)
        .streams_lines()
}

fn prompt_answer() -> Value {
    let mut answer = line("response", text());
    answer["properties"]["thinking"] = text();
    answer
}

fn chat_answer() -> Value {
    let function = object([("name", text()), ("arguments", anything())]);
    let message = object([
        ("role", word("assistant")),
        ("content", text()),
        ("thinking?", text()),
        ("tool_calls?", some(object([("function", function)]))),
    ]);
    line("message", message)
}

/// The last line of an answer, or all of it.
fn line(name: &str, content: Value) -> Value {
    object([
        ("model", text()),
        ("created_at", text()),
        (name, content),
        ("done", json!({"const": true})),
        ("done_reason", words(&["stop", "length", "load", "unload"])),
        ("logprobs?", list(token_logprobs_shape())),
        ("citations?", list(map(anything()))),
        ("total_duration?", count()),
        ("load_duration?", count()),
        ("prompt_eval_count?", count()),
        ("prompt_eval_duration?", count()),
        ("eval_count?", count()),
        ("eval_duration?", count()),
    ])
}

/// `POST /api/embed`.
pub(crate) fn embed() -> Operation {
    let answer = || {
        object([
            ("model", text()),
            ("embeddings", some(list(number()))),
            ("total_duration", count()),
            ("load_duration", count()),
            ("prompt_eval_count", count()),
        ])
    };
    Operation::new(Tag::Ollama, "Turn texts into vectors")
        .asks::<EmbedRequest>(json!({"model": "MODEL", "input": ["A green light."]}))
        .with_model()
        .gives("OllamaEmbeddings", answer)
}

/// `POST /api/embeddings`.
pub(crate) fn embeddings() -> Operation {
    Operation::new(Tag::Ollama, "Turn a text into a vector; the older way")
        .asks::<EmbeddingsRequest>(json!({"model": "MODEL", "prompt": "A green light."}))
        .with_model()
        .gives("OllamaEmbedding", || object([("embedding", list(number()))]))
}

/// `GET /api/tags`.
pub(crate) fn tags() -> Operation {
    Operation::new(Tag::Ollama, "List the models that are served")
        .gives("OllamaModels", || object([("models", list(model()))]))
}

/// `GET /api/ps`.
pub(crate) fn ps() -> Operation {
    let running = || {
        let mut running = model();
        for (name, shape) in
            [("expires_at", text()), ("size_vram", count()), ("context_length", count())]
        {
            running["properties"][name] = shape;
        }
        object([("models", list(running))])
    };
    Operation::new(Tag::Ollama, "List the models in memory").gives("OllamaRunningModels", running)
}

/// `POST /api/show`.
pub(crate) fn show() -> Operation {
    let answer = || {
        object([
            ("modelfile", text()),
            ("parameters", text()),
            ("template", text()),
            ("details", details()),
            ("model_info", map(anything())),
            ("capabilities", list(text())),
            ("modified_at", text()),
        ])
    };
    Operation::new(Tag::Ollama, "Tell about a model")
        .asks::<ShowRequest>(json!({"model": "MODEL"}))
        .with_model()
        .gives("OllamaModelInfo", answer)
}

/// `GET /api/version`.
pub(crate) fn version() -> Operation {
    Operation::new(Tag::Ollama, "Tell the server's version")
        .gives("OllamaVersion", || object([("version", text())]))
}

fn model() -> Value {
    object([
        ("name", text()),
        ("model", text()),
        ("modified_at", text()),
        ("size", count()),
        ("digest", text()),
        ("details", details()),
    ])
}

fn details() -> Value {
    object([
        ("parent_model", text()),
        ("format", text()),
        ("family", text()),
        ("families", list(text())),
        ("parameter_size", text()),
        ("quantization_level", text()),
    ])
}
