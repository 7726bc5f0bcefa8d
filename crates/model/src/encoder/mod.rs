//! The sentence encoder: BERT with mean pooling, as `sentence-transformers` folders describe it.
//!
//! Texts of a batch lie one after another without padding; each is computed from its own rows
//! only, so an embedding does not depend on what else is in the batch.

mod config;
mod forward;
mod weights;

pub use config::{Activation, EncoderConfig, Pooling, SentenceConfig};
pub use forward::EncodeError;
pub use weights::Encoder;
#[cfg(test)]
mod tests;
