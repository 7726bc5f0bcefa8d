//! The HTTP side: the wire protocols of OpenAI, Anthropic, Cohere, Ollama and Hugging Face's servers
//! over engines, retrieval, embedders and classifiers.
//!
//! [`App`] names what is served, [`router`] makes its routes, [`serve`] runs them and ends well.
//! Errors become answers in one table (`error`), in the form of the route's protocol (`dialect`). A
//! request that asks for something we do not do is refused when that would change its meaning;
//! fields without effect are named in the answer's header `x-catena-ignored-fields`.
//!
//! **Invariant:** no prompt is cut unless its client asks for it: what does not fit is refused with
//! both numbers. Nothing computes on an async thread. A client that goes away frees its blocks
//! within a step.

mod access;
mod anthropic;
mod app;
mod assistant;
mod background;
mod base64;
mod batches;
mod blocking;
mod body;
mod chat;
mod clock;
mod cohere;
mod completions;
mod connection;
mod context;
mod counts;
mod cut_off;
mod dialect;
mod embeddings;
mod error;
mod extract;
mod files;
mod generation;
mod huggingface;
mod ignored;
pub mod keys;
mod limits;
mod logprobs;
mod metrics;
mod models;
mod ollama;
mod openapi;
mod otlp;
mod paging;
mod repetition;
mod responses;
mod router;
mod sampling;
mod scores;
mod server;
mod stream;
mod tei;
#[cfg(test)]
mod tests;
mod texts;
mod tgi;
mod thinking;
mod tls;
mod tools;
mod traces;
mod turn;
mod vectors;

pub use access::{Access, AuditError, AuditLog, PUBLIC_PATHS};
pub use app::{App, Observers, ServeLimits, Settings, Shutdown};
pub use assistant::{Assistant, IndexRetriever, Retriever};
pub use context::request_id;
pub use error::ApiError;
pub use limits::Exhausted;
pub use metrics::MetricsPush;
pub use models::{
    AdapterReader, LanguageModel, Library, LoadError, LoadedAdapter, LoadedModel, ModelFiles,
    ModelSource, ServedModel,
};
pub use otlp::CollectorError;
pub use router::{alone, document, no_route, paths, router};
pub use server::{ConnectionLimits, Ended, Endpoint, serve};
pub use tls::{Tls, TlsError};
pub use traces::Traces;
