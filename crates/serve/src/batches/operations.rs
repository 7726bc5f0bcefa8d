//! What the document says of the routes.

use super::routes::{BatchRequest, ENDPOINTS};
use crate::openapi::shapes::{anything, count, list, map, nullable, object, text, word, words};
use crate::openapi::{Operation, Tag};
use crate::paging::page_shape;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// `POST /v1/batches`.
pub(crate) fn create() -> Operation {
    let example = json!({
        "input_file_id": "FILE",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    });
    Operation::new(Tag::OpenAi, "Run the requests in a file")
        .asks::<BatchRequest>(example)
        .with_files()
        .with_model()
        .gives("Batch", batch)
        .fails_with(StatusCode::INSUFFICIENT_STORAGE)
}

/// `GET /v1/batches`.
pub(crate) fn list_batches() -> Operation {
    Operation::new(Tag::OpenAi, "List batches")
        .pages()
        .with_files()
        .gives("BatchList", || page_shape(batch()))
}

/// `GET /v1/batches/{id}`.
pub(crate) fn retrieve() -> Operation {
    Operation::new(Tag::OpenAi, "Tell about a batch").with_files().gives("Batch", batch)
}

/// `POST /v1/batches/{id}/cancel`.
pub(crate) fn cancel() -> Operation {
    Operation::new(Tag::OpenAi, "Cancel a batch").with_files().gives("Batch", batch)
}

fn batch() -> Value {
    let error = object([
        ("code", text()),
        ("message", text()),
        ("param", nullable(text())),
        ("line", nullable(count())),
    ]);
    let states = [
        "validating",
        "failed",
        "in_progress",
        "finalizing",
        "completed",
        "expired",
        "cancelling",
        "cancelled",
    ];
    let time = || nullable(count());
    let counts = object([("total", count()), ("completed", count()), ("failed", count())]);
    object([
        ("id", text()),
        ("object", word("batch")),
        ("endpoint", words(&ENDPOINTS)),
        ("errors", nullable(object([("object", word("list")), ("data", list(error))]))),
        ("input_file_id", text()),
        ("completion_window", word("24h")),
        ("status", words(&states)),
        ("output_file_id", nullable(text())),
        ("error_file_id", nullable(text())),
        ("created_at", count()),
        ("in_progress_at", time()),
        ("expires_at", time()),
        ("finalizing_at", time()),
        ("completed_at", time()),
        ("failed_at", time()),
        ("expired_at", time()),
        ("cancelling_at", time()),
        ("cancelled_at", time()),
        ("request_counts", counts),
        ("metadata", map(anything())),
    ])
}
