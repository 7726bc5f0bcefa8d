//! `POST /v1/chat/completions`.

mod message;
mod operation;
mod request;
mod response;
mod route;

pub(crate) use message::{Content, FunctionTool, WireCall, WireMessage, WireTool, word_choice};
pub(crate) use operation::{call_shape, operation};
pub(crate) use route::chat_completions;
