//! Conversations to text, by the model's own Jinja template.
//!
//! `minijinja` interprets the template; it has no way to reach files, processes or our own types.
//! The names that Hugging Face's renderer adds are added here: `raise_exception`, `strftime_now`,
//! Python's methods on strings and dicts, and `tojson` in Python's spelling.

mod clock;
mod json;
mod render;
#[cfg(test)]
mod tests;

pub use render::ChatTemplate;
