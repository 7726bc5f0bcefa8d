//! Writing a model again: merged, in other types, in the other family of files.
//!
//! Tensors go through one at a time, so a model is never in memory twice. A tensor that nothing
//! changes and whose type stays the same is copied as it is, without rounding twice.

#[cfg(test)]
mod family_tests;
mod gguf;
mod huggingface;
mod source;
mod tensors;
#[cfg(test)]
mod tests;

pub(crate) use gguf::gguf_layout;
pub use gguf::{GgufRule, write_gguf};
pub(crate) use huggingface::float_bytes;
pub use huggingface::{FloatType, save_huggingface};
pub use source::ExportSource;
