//! Text to token ids and back.
//!
//! The algorithms (BPE, WordPiece, Unigram, normalizers, pre-tokenizers) are those of the
//! `tokenizers` crate, the reference implementation itself. Around it stand: vocabularies from
//! GGUF files or learned from texts, the switch between control tokens and text that merely looks like them, each
//! token's bytes for constrained decoding, and streaming.

mod byte_level;
mod encode;
mod frame;
mod gguf;
mod load;
mod pair;
mod stream;
#[cfg(test)]
mod tests;
mod token_table;
mod train;
mod words;

pub use encode::{SpecialTokens, Tokenizer};
pub use frame::Frame;
pub use gguf::{GgufVocab, TokenType};
pub use pair::TypedTokens;
pub use stream::TokenStream;
pub use train::{BpeOptions, train_bpe};
pub use words::WordTokens;
