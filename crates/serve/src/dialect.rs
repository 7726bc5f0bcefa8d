//! The form of an error: each protocol has its own, and the route says which.

use crate::app::App;
use crate::error::Problem;
use crate::{anthropic, cohere, huggingface, ollama, tei};
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Whose clients a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI, and whatever has no form of its own.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Cohere.
    Cohere,
    /// Ollama.
    Ollama,
    /// Hugging Face's text-generation-inference.
    Tgi,
    /// Hugging Face's text-embeddings-inference.
    Tei,
}

impl Dialect {
    /// The protocol that `path` belongs to.
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/" | "/generate" | "/generate_stream" | "/info" | "/tokenize" => Self::Tgi,
            "/embed" | "/embed_all" | "/embed_sparse" | "/decode" | "/predict" | "/rerank"
            | "/similarity" => Self::Tei,
            "/v1/messages" | "/v1/messages/count_tokens" => Self::Anthropic,
            _ if path.starts_with("/v2/") => Self::Cohere,
            _ if path.starts_with("/api/") => Self::Ollama,
            _ => Self::OpenAi,
        }
    }

    /// The name that a client means by `model`, as the server and its keys have it.
    pub(crate) fn served_name(self, app: &App, model: String) -> String {
        match self {
            Self::Ollama => ollama::served_name(app, model),
            Self::OpenAi | Self::Anthropic | Self::Cohere | Self::Tgi | Self::Tei => model,
        }
    }

    /// The error as its clients read it.
    pub(crate) fn tell(self, problem: &Problem) -> (StatusCode, Value) {
        match self {
            Self::OpenAi => (problem.status, problem.openai()),
            Self::Anthropic => anthropic::error(problem),
            Self::Cohere => cohere::error(problem),
            Self::Ollama => ollama::error(problem),
            Self::Tgi => huggingface::generation_error(problem),
            Self::Tei => tei::error(problem),
        }
    }
}

/// Gives an error the form of the protocol. The guard before all routes calls it last, so that what
/// it refuses itself has that form too.
pub(crate) fn shape(dialect: Dialect, mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    if dialect == Dialect::OpenAi {
        return response;
    }
    let (status, body) = dialect.tell(&problem);
    let mut shaped = (status, Json(body)).into_response();
    let (parts, _) = response.into_parts();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            shaped.headers_mut().append(name, value.clone());
        }
    }
    shaped
}
