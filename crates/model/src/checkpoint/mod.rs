//! One view of a model, whatever family of files it is in.
//!
//! Tensors are the decoder's: names and row order are Hugging Face's of Llama, fused matrices are
//! split, transposed ones turned, and gains complete. A [`Layout`] says where each stands in the
//! files; rows of block formats are only taken in another order, never unpacked.

#[cfg(test)]
mod composite_tests;
mod files;
mod layout;
mod open;
mod read;
mod tensors;
#[cfg(test)]
mod tests;
mod weight;

pub use files::open_tokenizer;
pub(crate) use files::{Files, is_gguf};
pub(crate) use layout::{FileTensor, Layout, RowOrder, Source};
pub use open::Checkpoint;
pub(crate) use read::transpose;
pub use weight::{Weight, WeightData};
