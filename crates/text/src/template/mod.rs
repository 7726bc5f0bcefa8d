//! Conversations to text, by the model's own Jinja template.
//!
//! `minijinja` interprets the template; it has no way to reach files, processes or our own types.
//! The names that Hugging Face's renderer adds are added here: `raise_exception`, `strftime_now`,
//! Python's methods on strings and dicts, `tojson` in Python's spelling, and `{% generation %}`, which
//! marks what the assistant wrote.

mod chat;
mod clock;
mod json;
mod marks;
mod render;
#[cfg(test)]
mod tests;

pub use chat::{ChatInput, MarkedChat};
pub use render::ChatTemplate;
