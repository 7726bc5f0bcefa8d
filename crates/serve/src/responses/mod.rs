//! `/v1/responses`: OpenAI's answers that a server remembers.
//!
//! A response is an answer with an identity: it can run in the background, be asked for, cancelled,
//! deleted, and be the turn that a later one goes on from. What is remembered is bounded
//! ([`ResponseStore`]); the oldest is forgotten first. One in the background may be streamed too: its
//! events are kept, and its client may leave and read on from any of them.

mod background;
mod create;
mod input;
mod log;
mod object;
pub(crate) mod operations;
mod request;
mod routes;
mod shelf;
mod store;
mod stream;

pub(crate) use create::create;
pub(crate) use routes::{cancel, delete, input_items, input_tokens, retrieve};
pub(crate) use store::ResponseStore;
