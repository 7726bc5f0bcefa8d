//! What a family says of itself.

use crate::ModelError;
use crate::encoder::EncoderConfig;
use camino::Utf8Path;
use serde_json::Value;

/// A family of encoders.
pub(in crate::encoder) struct Family {
    /// What people call it.
    pub(in crate::encoder) name: &'static str,
    /// Its names in `config.json`.
    pub(in crate::encoder) model_types: &'static [&'static str],
    /// Families that we do not run and whose users are best served by this one.
    pub(in crate::encoder) relatives: &'static [&'static str],
    /// Reads its keys.
    pub(in crate::encoder) read: fn(&Value, &Utf8Path) -> Result<EncoderConfig, ModelError>,
    /// What it calls its tensors.
    pub(in crate::encoder) names: Names,
}

/// What a family calls its tensors, without `.weight` and `.bias`.
pub(in crate::encoder) struct Names {
    /// What the trunk's names begin with in a model with a head.
    pub(in crate::encoder) trunk: &'static str,
    pub(in crate::encoder) word_embeddings: &'static str,
    pub(in crate::encoder) embed_norm: &'static str,
    /// What a layer's names begin with, before its number.
    pub(in crate::encoder) layer: &'static str,
    pub(in crate::encoder) qkv: QkvNames,
    pub(in crate::encoder) attention_output: &'static str,
    pub(in crate::encoder) attention_norm: &'static str,
    pub(in crate::encoder) mlp_input: &'static str,
    pub(in crate::encoder) mlp_output: &'static str,
    pub(in crate::encoder) mlp_norm: &'static str,
    /// The norm behind the last layer, where norms stand before.
    pub(in crate::encoder) final_norm: &'static str,
    pub(in crate::encoder) sequence_head: HeadNames,
    pub(in crate::encoder) token_head: HeadNames,
}

/// Query, key and value.
pub(in crate::encoder) enum QkvNames {
    /// Three products.
    Split([&'static str; 3]),
    /// One, in this order.
    Fused(&'static str),
}

/// A classifier's tensors; their names do not begin with the trunk's.
#[derive(Clone, Copy)]
pub(in crate::encoder) struct HeadNames {
    /// The layer before the last.
    pub(in crate::encoder) dense: Option<&'static str>,
    /// The norm between.
    pub(in crate::encoder) norm: Option<&'static str>,
    /// The layer that gives the scores.
    pub(in crate::encoder) out: &'static str,
}
