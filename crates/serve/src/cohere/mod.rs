//! The second version of Cohere's protocol: chat, vectors and ranks.

mod chat;
mod documents;
mod embed;
mod error;
mod events;
pub(crate) mod operations;
mod quantize;
mod rerank;
mod response;

pub(crate) use chat::chat;
pub(crate) use embed::embed;
pub(crate) use error::error;
pub(crate) use rerank::rerank;
