//! `POST /v1/chat/completions`.

mod message;
mod request;
mod response;
mod route;

pub(crate) use message::{WireMessage, WireTool};
pub(crate) use route::chat_completions;
