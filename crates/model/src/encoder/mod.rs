//! Encoders: texts to vectors, scores of texts and pairs of texts, scores of tokens.
//!
//! One block, driven by [`EncoderConfig`], covers the families: norms before or behind, learned or
//! rotary positions, attention to all tokens or to a window, plain or gated MLPs. The files in
//! `families` map each family's keys and tensor names. On the [`Encoder`] stand [`TextEmbedder`]
//! (what `sentence-transformers` does around it), [`SequenceClassifier`] (cross-encoders too) and
//! [`TokenClassifier`].
//!
//! Texts of a batch lie one after another without padding; each is computed from its own rows
//! only, so a result does not depend on what else is in the batch.

mod classifier;
mod config;
mod embedder;
mod error;
mod families;
mod forward;
mod groups;
mod sentence;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;
mod weights_for_training;

pub use classifier::{SequenceClassifier, TokenClassifier};
pub use config::{
    Biases, EncoderConfig, EncoderTask, HeadConfig, LayerAttention, Mlp, NormPlacement, Positions,
};
pub use embedder::TextEmbedder;
pub use error::EncodeError;
pub use families::encoder_families;
pub use forward::EncoderInput;
pub use sentence::{DenseConfig, Pooling, SentenceConfig};
pub use weights::Encoder;
pub use weights_for_training::EncoderWeights;

pub(crate) use families::QkvNames;
