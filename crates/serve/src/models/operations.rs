//! What the document says of the routes.

use super::routes::{
    LoadAdapterRequest, LoadRequest, SwapRequest, UnloadAdapterRequest, UnloadRequest,
};
use crate::openapi::shapes::{count, flag, list, map, nullable, object, text, word, words};
use crate::openapi::{Operation, Tag};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// `GET /admin/models`.
pub(crate) fn list_models() -> Operation {
    Operation::new(Tag::Server, "List all models with their state, and the memory")
        .gives("ModelStates", states)
}

fn states() -> Value {
    let memory = object([("used_bytes", count()), ("budget_bytes", nullable(count()))]);
    object([
        ("object", word("list")),
        ("data", list(state())),
        ("memory", memory),
        ("aliases", map(text())),
    ])
}

/// `POST /admin/models/load`.
pub(crate) fn load() -> Operation {
    Operation::new(Tag::Server, "Load a model, pin it, or read its files again")
        .asks::<LoadRequest>(json!({"model": "small"}))
        .with_model()
        .gives("ModelState", state)
}

/// `POST /admin/models/unload`.
pub(crate) fn unload() -> Operation {
    Operation::new(Tag::Server, "Take a model out of memory once its requests have ended")
        .asks::<UnloadRequest>(json!({"model": "small"}))
        .with_model()
        .gives("ModelState", state)
}

/// `POST /admin/models/swap`.
pub(crate) fn swap() -> Operation {
    Operation::new(Tag::Server, "Have an alias mean another model")
        .asks::<SwapRequest>(json!({"alias": "prod", "model": "small"}))
        .with_model()
        .fails_with(StatusCode::CONFLICT)
        .gives("Swap", || {
            object([("alias", text()), ("model", text()), ("before", nullable(text()))])
        })
}

/// `POST /v1/load_lora_adapter`.
pub(crate) fn load_lora_adapter() -> Operation {
    Operation::new(Tag::OpenAi, "Load an adapter, as vLLM does")
        .asks::<LoadAdapterRequest>(json!({"lora_name": "formal", "lora_path": "formal"}))
        .with_model()
        .fails_with(StatusCode::CONFLICT)
        .gives_text(TEXT)
}

/// `POST /v1/unload_lora_adapter`.
pub(crate) fn unload_lora_adapter() -> Operation {
    Operation::new(Tag::OpenAi, "Forget an adapter, as vLLM does")
        .asks::<UnloadAdapterRequest>(json!({"lora_name": "formal"}))
        .with_model()
        .gives_text(TEXT)
}

const TEXT: &str = "text/plain";

fn state() -> Value {
    object([
        ("id", text()),
        ("object", word("model")),
        ("base", nullable(text())),
        ("state", words(&["loaded", "loading", "unloaded"])),
        ("pinned", flag()),
        ("bytes", count()),
        ("running", count()),
    ])
}
