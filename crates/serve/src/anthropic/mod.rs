//! Anthropic's protocol: messages with blocks of content, and their stream of events.
//!
//! Any key may come as `x-api-key`, any version as `anthropic-version`: the forms here are those of
//! `2023-06-01`.

mod content;
mod error;
mod events;
pub(crate) mod operations;
mod request;
mod response;
mod route;

pub(crate) use error::error;
pub(crate) use route::{count_tokens, messages};
