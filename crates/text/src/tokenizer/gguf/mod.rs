//! Tokenizers from the vocabularies of GGUF files.
//!
//! Each kind of vocabulary is put together from the parts of the `tokenizers` crate that the
//! model's own `tokenizer.json` would name, so the algorithms stay the library's.

mod bpe;
mod build;
mod export;
mod export_pieces;
#[cfg(test)]
mod export_tests;
mod parts;
pub(super) mod pre_tokenizer;
mod pre_tokenizer_table;
mod sentencepiece;
#[cfg(test)]
mod tests;
mod unigram;
mod vocab;
mod wordpiece;

pub(super) use parts::Frame;
pub use vocab::{GgufVocab, TokenType};
