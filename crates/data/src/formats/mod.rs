//! What the rows of public data sets mean: one format, one file, and one line in `registry`.
//!
//! A row that does not fit gives a [`DropReason`], never a guess; the reader counts them all.

mod alpaca;
mod classification;
mod completion;
mod content;
mod conversation;
mod embedding;
mod fields;
mod format;
mod layout;
mod message;
mod openai;
mod preference;
mod reason;
mod registry;
mod rerank;
mod sharegpt;
mod text;
mod token_labels;
mod tools;
mod unknown;
mod unpaired;

pub use layout::Tags;
pub use reason::DropReason;
pub use registry::sample_formats;
pub use unknown::UnknownKey;

pub(crate) use fields::Fields;
pub(crate) use format::Format;
pub(crate) use layout::{Layout, Peek, TurnRule};
pub(crate) use registry::{detect, format_named};
pub(crate) use unknown::UnknownKeys;

#[cfg(test)]
mod tests;
