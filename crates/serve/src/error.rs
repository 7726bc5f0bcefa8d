//! What a client is told when a request cannot be answered.

use crate::access::whole_seconds;
use crate::context::{note, request_id};
use crate::ignored::IGNORED_FIELDS_HEADER;
use crate::limits::Exhausted;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use catena_engine::{COMPOSED_KIND, EngineError};
use catena_knowledge::KnowledgeError;
use catena_store::StoreError;
use serde_json::{Value, json};
use std::time::Duration;

/// Error of an API request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    // --- fix the input
    /// The body is not the JSON object it should be.
    #[error("the request body cannot be read: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// A part of the address cannot be read.
    #[error("the {part} of the address cannot be read: {reason}")]
    Address {
        /// The part.
        part: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// The path is there, for other methods; the header `allow` names them.
    #[error("this path does not take that method; the header `allow` names those it takes")]
    MethodNotAllowed,
    /// A field has a value that cannot be taken.
    #[error("`{field}`: {reason}")]
    InvalidField {
        /// The field.
        field: &'static str,
        /// Why its value cannot be taken.
        reason: String,
    },
    /// A field that would change the meaning of the answer is not supported.
    #[error("`{field}` is not supported{hint}")]
    Unsupported {
        /// The field.
        field: &'static str,
        /// What to do instead, starting with a separator; may be empty.
        hint: &'static str,
    },
    /// No such model.
    #[error("the model `{model}` does not exist; known: {}", known.join(", "))]
    UnknownModel {
        /// The name given.
        model: String,
        /// The names served.
        known: Vec<String>,
    },
    /// The request names no model, and none that is served fits.
    #[error("no model that is served here can be used; this route needs {needs}")]
    NoModel {
        /// What the route needs.
        needs: &'static str,
    },
    /// The model cannot do what the route asks.
    #[error("the model `{model}` cannot be used here; this route needs {needs}")]
    WrongModel {
        /// The name given.
        model: String,
        /// What the route needs.
        needs: &'static str,
    },
    /// The name is taken.
    #[error("there is a model `{model}` already; unload it, or choose another name")]
    ModelExists {
        /// The name given.
        model: String,
    },
    /// The model was given to the server without its files.
    #[error("the model `{model}` is part of the server and stays in memory")]
    ModelStays {
        /// The name given.
        model: String,
    },
    /// Nothing stands at the path.
    #[error("there is nothing at `{path}`; `/docs` shows what there is")]
    NoRoute {
        /// The path asked for.
        path: String,
    },
    /// No such thing of those that the server keeps.
    #[error("no {what} has the id `{id}`")]
    NotFound {
        /// What it would be.
        what: &'static str,
        /// The identity given.
        id: String,
    },
    /// The body is larger than the limit.
    #[error("the request body is larger than {limit} bytes")]
    BodyTooLarge {
        /// Largest body taken.
        limit: usize,
    },
    /// One text to embed is longer than the model reads.
    #[error("input {index} has {tokens} tokens, the model reads {limit}")]
    InputTooLong {
        /// Its position in the list.
        index: usize,
        /// Its tokens.
        tokens: usize,
        /// Tokens the model reads.
        limit: usize,
    },
    /// The engine's answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Retrieval or embedding failed.
    #[error("retrieval failed")]
    Knowledge(#[from] KnowledgeError),
    /// The body did not come in time.
    #[error("the request body did not come within {limit_s} s")]
    BodyTooSlow {
        /// Time given.
        limit_s: u64,
    },
    /// The body's JSON has too much of something.
    #[error("the request body has more than {limit} {what}")]
    BodyTooComplex {
        /// What there is too much of.
        what: &'static str,
        /// How much is taken.
        limit: usize,
    },
    // --- show another key, or ask from elsewhere
    /// Nobody knows who asks.
    #[error("{reason}; send a key that `catena keys create` made as `Authorization: Bearer`")]
    Unauthorized {
        /// Why.
        reason: &'static str,
    },
    /// The key is for other things.
    #[error("{what} `{name}` is not among what this API key may ask for")]
    Forbidden {
        /// What was asked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The page is of another host.
    #[error("pages of `{origin}` may not ask this server; `serve.origins` may allow them")]
    ForeignOrigin {
        /// Where the page comes from.
        origin: String,
    },
    /// The client thinks that this server has another name.
    #[error("this server is not `{host}`; `serve.hosts` may give it that name")]
    ForeignHost {
        /// The name it was asked under.
        host: String,
    },
    /// The server keeps no files.
    #[error("this server keeps no files; it was started without a folder for them")]
    NoFiles,
    // --- fix the machine
    /// There is no room for more files.
    #[error("there is no room for another file: {files} are kept with {bytes} bytes; delete some")]
    StorageFull {
        /// Files kept.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// What may leave the memory makes too little room.
    #[error(
        "there is no room for the model `{model}`: it takes {bytes} bytes, and the pinned models leave \
         {free}; unpin some, or raise `serve.models_memory_bytes`"
    )]
    NoRoom {
        /// The model asked for.
        model: String,
        /// Bytes it takes.
        bytes: u64,
        /// Bytes that can be had.
        free: u64,
    },
    /// Its files cannot be used.
    #[error("the model `{model}` cannot be loaded: {reason}")]
    NotLoadable {
        /// The model asked for.
        model: String,
        /// Why, or where that is said.
        reason: String,
    },
    /// The disk failed; the log says how.
    #[error("the server's disk failed")]
    Storage,
    // --- retry
    /// The key has used up one of its limits.
    #[error("the API key allows {} {}; try again in {} s", .0.limit, .0.what, whole_seconds(.0.retry_after))]
    RateLimited(Exhausted),
    /// The request would wait too long.
    #[error(
        "the server is overloaded: at its present pace the request would wait {} s, and at most {} s \
         are worth it", whole_seconds(*.wait), whole_seconds(*.limit)
    )]
    Overloaded {
        /// The wait expected.
        wait: Duration,
        /// The longest that is begun.
        limit: Duration,
    },
    /// Too many requests wait for texts to be read.
    #[error("{waiting} requests wait for a worker, the limit is {limit}")]
    WorkersBusy {
        /// How many wait.
        waiting: usize,
        /// How many may.
        limit: usize,
    },
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Draining,
    // --- report a bug
    /// A worker of ours died.
    #[error("the server lost the request: {reason}")]
    Internal {
        /// What is known.
        reason: String,
    },
}

/// How an error is told: status, OpenAI `type`, stable `code`, and the field at fault.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) param: Option<&'static str>,
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";
const PERMISSION: &str = "permission_error";

fn told(status: StatusCode, kind: &'static str, code: &'static str) -> Told {
    Told { status, kind, code, param: None }
}

fn bad(code: &'static str, param: Option<&'static str>) -> Told {
    Told { param, ..told(StatusCode::BAD_REQUEST, INVALID, code) }
}

impl ApiError {
    /// The one table from errors to answers.
    pub(crate) fn told(&self) -> Told {
        match self {
            Self::Json { .. } => bad("invalid_json", None),
            Self::Address { .. } => bad("invalid_address", None),
            Self::MethodNotAllowed => {
                told(StatusCode::METHOD_NOT_ALLOWED, INVALID, "method_not_allowed")
            }
            Self::InvalidField { field, .. } => bad("invalid_value", Some(field)),
            Self::Unsupported { field, .. } => bad("unsupported_parameter", Some(field)),
            Self::UnknownModel { .. } => Told {
                param: Some("model"),
                ..told(StatusCode::NOT_FOUND, INVALID, "model_not_found")
            },
            Self::NoModel { .. } => told(StatusCode::NOT_FOUND, INVALID, "model_not_found"),
            Self::WrongModel { .. } => bad("model_not_suitable", Some("model")),
            Self::NoRoute { .. } => told(StatusCode::NOT_FOUND, INVALID, "no_such_route"),
            Self::ModelExists { .. } => told(StatusCode::CONFLICT, INVALID, "model_exists"),
            Self::ModelStays { .. } => bad("model_stays", Some("model")),
            Self::NoRoom { .. } => told(StatusCode::INSUFFICIENT_STORAGE, SERVER, "no_room"),
            Self::NotLoadable { .. } => {
                told(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "model_not_loadable")
            }
            Self::NoFiles => told(StatusCode::NOT_IMPLEMENTED, INVALID, "no_files"),
            Self::StorageFull { .. } => {
                told(StatusCode::INSUFFICIENT_STORAGE, SERVER, "storage_full")
            }
            Self::Storage => told(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "storage_failed"),
            Self::NotFound { .. } => told(StatusCode::NOT_FOUND, INVALID, "not_found"),
            Self::BodyTooLarge { .. } => {
                told(StatusCode::PAYLOAD_TOO_LARGE, INVALID, "body_too_large")
            }
            Self::BodyTooSlow { .. } => told(StatusCode::REQUEST_TIMEOUT, INVALID, "body_too_slow"),
            Self::BodyTooComplex { .. } => bad("body_too_complex", None),
            Self::Unauthorized { .. } => told(StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
            Self::Forbidden { .. } => told(StatusCode::FORBIDDEN, PERMISSION, "not_allowed"),
            Self::ForeignOrigin { .. } => told(StatusCode::FORBIDDEN, PERMISSION, "foreign_origin"),
            Self::ForeignHost { .. } => told(StatusCode::FORBIDDEN, PERMISSION, "foreign_host"),
            Self::WorkersBusy { .. } => {
                told(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "queue_full")
            }
            Self::RateLimited(_) => {
                told(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded")
            }
            Self::Overloaded { .. } => told(StatusCode::SERVICE_UNAVAILABLE, SERVER, "overloaded"),
            Self::InputTooLong { .. } => bad("context_length_exceeded", Some("input")),
            Self::Engine(error) => engine_told(error),
            Self::Knowledge(KnowledgeError::QueryTooLong { .. }) => {
                bad("context_length_exceeded", Some("messages"))
            }
            Self::Knowledge(_) => {
                told(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "retrieval_failed")
            }
            Self::Draining => told(StatusCode::SERVICE_UNAVAILABLE, SERVER, "shutting_down"),
            Self::Internal { .. } => {
                told(StatusCode::INTERNAL_SERVER_ERROR, SERVER, "internal_error")
            }
        }
    }

    /// Seconds after which it is worth asking again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        if let Self::RateLimited(exhausted) = self {
            return Some(whole_seconds(exhausted.retry_after).max(1));
        }
        if let Self::Overloaded { wait, limit } = self {
            return Some(whole_seconds(wait.saturating_sub(*limit)).max(1));
        }
        (self.told().status == StatusCode::TOO_MANY_REQUESTS).then_some(1)
    }

    /// The error as every protocol tells it in its own form.
    pub(crate) fn problem(&self) -> Problem {
        let Told { status, kind, code, param } = self.told();
        Problem { status, kind, code, param, message: message(self), request_id: request_id() }
    }
}

/// An error on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) param: Option<&'static str>,
    pub(crate) message: String,
    /// The name of the request that it answers.
    pub(crate) request_id: Option<String>,
}

impl Problem {
    /// The error as OpenAI's clients read it.
    pub(crate) fn openai(&self) -> Value {
        let Self { kind, code, param, message, .. } = self;
        json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
    }
}

impl From<StoreError> for ApiError {
    /// Paths are for the log, not for clients.
    fn from(error: StoreError) -> Self {
        tracing::error!(request_id = request_id(), "{}", message(&error));
        Self::Storage
    }
}

fn engine_told(error: &EngineError) -> Told {
    let internal = |code| told(StatusCode::INTERNAL_SERVER_ERROR, SERVER, code);
    match error {
        EngineError::EmptyPrompt => bad("empty_prompt", None),
        EngineError::ContextExceeded { .. } => bad("context_length_exceeded", Some("messages")),
        EngineError::TokenOutOfRange { .. } => bad("invalid_token", Some("prompt")),
        EngineError::ParameterOutOfRange { name, .. } => bad("invalid_value", Some(name)),
        EngineError::ScoreOutOfRange { .. } => bad("invalid_value", None),
        EngineError::ConstraintTooLarge { kind: COMPOSED_KIND, .. }
        | EngineError::ConstraintInvalid { kind: COMPOSED_KIND, .. } => {
            bad("invalid_value", Some("tools"))
        }
        EngineError::ConstraintTooLarge { .. } | EngineError::ConstraintInvalid { .. } => {
            bad("invalid_response_format", Some("response_format"))
        }
        EngineError::Text(_) => bad("invalid_prompt", Some("messages")),
        EngineError::NoChatTemplate => bad("no_chat_template", Some("model")),
        EngineError::UnknownAdapter { .. } => bad("unknown_adapter", Some("model")),
        EngineError::Adapter(_)
        | EngineError::TooManyAdapters { .. }
        | EngineError::AdapterBytes { .. } => bad("adapter_refused", None),
        EngineError::QueueFull { .. } => {
            told(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "queue_full")
        }
        EngineError::Stopped | EngineError::Interrupted { .. } => {
            told(StatusCode::SERVICE_UNAVAILABLE, SERVER, "engine_stopped")
        }
        EngineError::BatchRequest { .. }
        | EngineError::DraftVocabulary { .. }
        | EngineError::KvCacheTooSmall { .. }
        | EngineError::KvCache(_)
        | EngineError::Thread(_)
        | EngineError::Runner(_)
        | EngineError::Failed { .. }
        | EngineError::ConstraintLost { .. } => internal("engine_failed"),
    }
}

/// The error and its causes in one line.
pub(crate) fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        if !text.ends_with(&source_text) {
            text.push_str(": ");
            text.push_str(&source_text);
        }
        cause = source.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if problem.status.is_server_error() {
            let request_id = request_id();
            tracing::error!(request_id, code = problem.code, "{}", problem.message);
        }
        note(|usage| usage.error = Some(problem.code));
        let retry_after = self.retry_after();
        let mut response = (problem.status, Json(problem.openai())).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.headers_mut().remove(IGNORED_FIELDS_HEADER);
        // For the layer that gives it the form of the route's protocol.
        response.extensions_mut().insert(problem);
        response
    }
}
