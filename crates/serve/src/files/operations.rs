//! What the document says of the routes.

use super::routes::{Filter, PURPOSES};
use crate::openapi::shapes::{count, flag, nullable, object, text, word, words};
use crate::openapi::{Operation, Tag};
use crate::paging::page_shape;
use axum::http::StatusCode;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// `POST /v1/files`.
pub(crate) fn upload() -> Operation {
    Operation::new(Tag::OpenAi, "Upload a file")
        .asks_form(form)
        .with_files()
        .gives("File", file)
        .fails_with(StatusCode::INSUFFICIENT_STORAGE)
}

fn form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "purpose": {"type": "string", "enum": PURPOSES},
        },
        "required": ["file", "purpose"],
    })
}

/// `GET /v1/files`.
pub(crate) fn list() -> Operation {
    Operation::new(Tag::OpenAi, "List files")
        .pages()
        .queries::<Filter>()
        .with_files()
        .gives("FileList", || page_shape(file()))
}

/// `GET /v1/files/{id}`.
pub(crate) fn retrieve() -> Operation {
    Operation::new(Tag::OpenAi, "Tell about a file").with_files().gives("File", file)
}

/// `DELETE /v1/files/{id}`.
pub(crate) fn delete() -> Operation {
    let answer = || object([("id", text()), ("object", word("file")), ("deleted", flag())]);
    Operation::new(Tag::OpenAi, "Delete a file").with_files().gives("DeletedFile", answer)
}

/// `GET /v1/files/{id}/content`.
pub(crate) fn content() -> Operation {
    Operation::new(Tag::OpenAi, "Give what is in a file")
        .with_files()
        .gives_text("application/octet-stream")
}

fn file() -> Value {
    object([
        ("id", text()),
        ("object", word("file")),
        ("bytes", count()),
        ("created_at", count()),
        ("expires_at", nullable(count())),
        ("filename", text()),
        (
            "purpose",
            words(&[
                "assistants",
                "batch",
                "batch_output",
                "fine-tune",
                "vision",
                "user_data",
                "evals",
            ]),
        ),
        ("status", word("processed")),
        ("status_details", nullable(text())),
    ])
}
