//! The decoder of all families: one block, driven by the configuration, over a paged KV cache.
//!
//! A step takes any mixture of prompt chunks and single generated tokens. Its rows (one per
//! token) run through all layers in blocks of at most `max_rows`, so memory does not grow with
//! the prompt; a later block of the same sequence reads the keys and values of the earlier ones
//! from the cache. Threads share the products of a few rows; of many rows each thread takes some
//! through everything between two attentions. Every op computes a row from that row and its own
//! sequence only, in a fixed order, so logits are the same bits whatever else is in the batch,
//! however the prompt was cut and however many threads run.
//!
//! Tensor names are those of `transformers` (`model.layers.0.self_attn.q_proj.weight`).

mod adapters;
mod attention;
mod batch;
mod forward;
mod latent;
mod load;
mod mlp;
mod moe;
mod norm;
mod plain;
mod scratch;
mod weights;

pub use adapters::{Adapter, AdapterId, AdapterSet, MAX_ADAPTER_RANK};
pub use batch::{ForwardError, Logits, LogitsFor, SeqInput};
pub use scratch::Scratch;
pub use weights::{Decoder, KvGroup};
#[cfg(test)]
pub(crate) mod tests;
