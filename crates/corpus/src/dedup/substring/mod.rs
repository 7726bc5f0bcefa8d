//! Spans of text that occurred before, of any document, letter by letter.
//!
//! A span counts from a number of bytes on. Samples of every text (the least hash among the
//! shorter runs of bytes in each span of that length) go to an external sorter; only where a
//! sample occurs twice can a span be repeated. A suffix array over these places alone then tells
//! exactly which are. So the memory goes with the repeated text, not with the whole.
//!
//! The suffix array is libsais's: linear in time also for the most repetitive text, kept up, and
//! in need of nothing but a C compiler, as SQLite is.

mod blocks;
mod dedup;
mod sample;
mod spans;

pub use dedup::SubstringDedup;
pub use spans::{RepeatedSpans, SubstringReport, without_spans};

#[cfg(test)]
mod tests;
