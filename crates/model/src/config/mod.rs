//! What a model file says about the architecture, by Hugging Face's key names.
//!
//! [`ModelConfig`] describes what is computed; how a family's files say it stands in its file of
//! `families`, with the help of typed access to the keys of both kinds of files here.

mod difference;
mod gguf;
mod json;
mod own_keys;
mod rope;
mod shape;
#[cfg(test)]
mod tests;
mod validate;
mod write;

pub(crate) use gguf::{GgufKeys, KeySource};
pub(crate) use json::JsonKeys;
pub(crate) use rope::{RopeDefaults, yarn_mscale};
pub use shape::{LayerConfig, MlaConfig, Mlp, ModelConfig, MoeConfig, NormKind, QkNorm, Residual};
