//! Language models: their files, their weights, their forward and backward pass.
//!
//! Files come in two families and everything above sees one: a [`Checkpoint`] is a GGUF file or a
//! Hugging Face folder, with Hugging Face's tensor names and row order, its tokenizer and chat
//! template. [`PeftAdapter`] is a PEFT folder. [`ExportSource`] merges an adapter into a checkpoint
//! on the fly and writes either family again.
//!
//! **Invariants:** files are untrusted: every count, size and offset is checked against the file
//! before use, and a bad file is a [`ModelError`], never a panic. Files are written beside their
//! place and renamed. Nothing here runs code from a model.

pub mod adapter;
pub mod checkpoint;
pub mod config;
pub mod decoder;
pub mod encoder;
mod error;
pub mod export;
mod families;
mod files;
pub mod gguf;
mod hint;
pub mod linear;
mod routing;
pub mod safetensors;
mod tensors;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;
pub mod training;

pub use adapter::{LoraAdapterConfig, PeftAdapter, PeftConfig, TargetModules};
pub use checkpoint::{Checkpoint, Weight, WeightData, open_tokenizer};
pub use config::ModelConfig;
pub use decoder::{
    Adapter, AdapterId, AdapterSet, Decoder, ForwardError, KvGroup, Logits, LogitsFor,
    MAX_ADAPTER_RANK, Scratch, SeqInput,
};
pub use encoder::{
    EncodeError, Encoder, EncoderInput, SequenceClassifier, TextEmbedder, TokenClassifier,
};
pub use error::ModelError;
pub use export::{ExportSource, FloatType, GgufRule, save_huggingface, write_gguf};
pub use linear::{Linear, LoadOptions, QuantizedProducts};
