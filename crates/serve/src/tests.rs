//! Every error's answer.

use crate::{ApiError, Exhausted};
use axum::body::to_bytes;
use axum::response::IntoResponse;
use catena_engine::EngineError;
use catena_knowledge::KnowledgeError;
use std::time::Duration;

fn all() -> Vec<ApiError> {
    vec![
        ApiError::Json { reason: "expected value at line 1 column 1".to_owned() },
        ApiError::Address { part: "query", reason: "invalid digit found in string".to_owned() },
        ApiError::MethodNotAllowed,
        ApiError::InvalidField { field: "messages", reason: "0 messages were sent".to_owned() },
        ApiError::Unsupported { field: "n", hint: "; send one request per answer" },
        ApiError::UnknownModel { model: "gpt-4".to_owned(), known: vec!["bank".to_owned()] },
        ApiError::NoModel { needs: "an embedding model" },
        ApiError::WrongModel { model: "bank".to_owned(), needs: "an embedding model" },
        ApiError::ModelExists { model: "formal".to_owned() },
        ApiError::ModelStays { model: "bank".to_owned() },
        ApiError::NoRoom { model: "large".to_owned(), bytes: 8_000_000_000, free: 4_000_000_000 },
        ApiError::NotLoadable { model: "large".to_owned(), reason: "it ends too early".to_owned() },
        ApiError::NoRoute { path: "/v1/none".to_owned() },
        ApiError::NoFiles,
        ApiError::StorageFull { files: 10_000, bytes: 4_000_000 },
        ApiError::Storage,
        ApiError::NotFound { what: "response", id: "resp_1".to_owned() },
        ApiError::BodyTooLarge { limit: 4_194_304 },
        ApiError::InputTooLong { index: 3, tokens: 300, limit: 256 },
        EngineError::EmptyPrompt.into(),
        EngineError::ContextExceeded {
            prompt_tokens: 9000,
            max_new_tokens: 256,
            context_tokens: 8192,
        }
        .into(),
        EngineError::ConstraintInvalid { kind: "regex", reason: "unclosed group".to_owned() }
            .into(),
        EngineError::NoChatTemplate.into(),
        EngineError::QueueFull { in_flight: 320, limit: 320 }.into(),
        EngineError::Stopped.into(),
        EngineError::Failed { reason: "the model cannot run the batch".to_owned() }.into(),
        KnowledgeError::QueryTooLong { found: 70_000, limit: 65_536 }.into(),
        ApiError::BodyTooSlow { limit_s: 30 },
        ApiError::BodyTooComplex { what: "levels", limit: 64 },
        ApiError::Unauthorized { reason: "no API key was sent" },
        ApiError::Forbidden { what: "the model", name: "bank".to_owned() },
        ApiError::ForeignOrigin { origin: "https://evil.example".to_owned() },
        ApiError::ForeignHost { host: "evil.example".to_owned() },
        ApiError::RateLimited(Exhausted {
            what: "tokens per minute",
            limit: 600,
            retry_after: Duration::from_millis(2500),
        }),
        ApiError::Overloaded { wait: Duration::from_secs(90), limit: Duration::from_mins(1) },
        ApiError::WorkersBusy { waiting: 272, limit: 272 },
        ApiError::Draining,
        ApiError::Internal { reason: "a worker panicked".to_owned() },
    ]
}

#[test]
fn every_error_has_its_answer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut told = String::new();
    for error in all() {
        let response = error.into_response();
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after").map(|wait| format!(" after {wait:?}"));
        let wait = wait.unwrap_or_default();
        let body = runtime.block_on(to_bytes(response.into_body(), 1 << 16)).expect("a body");
        told.push_str(&format!("{status}{wait} {}\n", String::from_utf8_lossy(&body)));
    }
    insta::assert_snapshot!(told);
}
