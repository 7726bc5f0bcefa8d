//! Ollama's protocol: answers line by line, each a JSON object, unless `stream` is false.
//!
//! A model's name may end with `:latest`. Options that say how a model is loaded (`num_ctx`,
//! `num_gpu` …) have no effect and are named in the header for such fields: models are loaded by the
//! server's configuration. `keep_alive` has one where it is 0 and there is no prompt: the model leaves
//! the memory. A prompt that does not fit is refused, never cut.

mod asked;
mod chat;
mod details;
mod embed;
mod error;
mod generate;
mod keep_alive;
mod line;
mod lines;
mod models;
mod name;
pub(crate) mod operations;
mod options;

pub(crate) use chat::chat;
pub(crate) use embed::{embed, embeddings};
pub(crate) use error::error;
pub(crate) use generate::generate;
pub(crate) use models::{ps, show, tags, version};
pub(crate) use name::served_name;
