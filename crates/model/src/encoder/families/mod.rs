//! The families of encoders: one file maps a family's keys and names, one line here registers it.

mod bert;
mod modern_bert;
mod roberta;

use super::EncoderConfig;
use crate::ModelError;
use camino::Utf8Path;
use serde_json::Value;

/// A family of encoders.
pub(super) struct Family {
    /// What people call it.
    pub(super) name: &'static str,
    /// Its names in `config.json`.
    pub(super) model_types: &'static [&'static str],
    /// Families that we do not run and whose users are best served by this one.
    pub(super) relatives: &'static [&'static str],
    /// Reads its keys.
    pub(super) read: fn(&Value, &Utf8Path) -> Result<EncoderConfig, ModelError>,
    /// What it calls its tensors.
    pub(super) names: Names,
}

/// What a family calls its tensors, without `.weight` and `.bias`.
pub(super) struct Names {
    /// What the trunk's names begin with in a model with a head.
    pub(super) trunk: &'static str,
    pub(super) word_embeddings: &'static str,
    pub(super) embed_norm: &'static str,
    /// What a layer's names begin with, before its number.
    pub(super) layer: &'static str,
    pub(super) qkv: QkvNames,
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) mlp_input: &'static str,
    pub(super) mlp_output: &'static str,
    pub(super) mlp_norm: &'static str,
    /// The norm behind the last layer, where norms stand before.
    pub(super) final_norm: &'static str,
    pub(super) sequence_head: HeadNames,
    pub(super) token_head: HeadNames,
}

/// Query, key and value.
pub(super) enum QkvNames {
    /// Three products.
    Split([&'static str; 3]),
    /// One, in this order.
    Fused(&'static str),
}

/// A classifier's tensors; their names do not begin with the trunk's.
#[derive(Clone, Copy)]
pub(super) struct HeadNames {
    /// The layer before the last.
    pub(super) dense: Option<&'static str>,
    /// The norm between.
    pub(super) norm: Option<&'static str>,
    /// The layer that gives the scores.
    pub(super) out: &'static str,
}

/// All families.
pub(super) static FAMILIES: &[&Family] = &[&bert::FAMILY, &roberta::FAMILY, &modern_bert::FAMILY];

/// The families that we run, each with its names in `config.json`.
pub fn encoder_families() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FAMILIES.iter().map(|family| (family.name, family.model_types))
}

/// The family of a `model_type`.
pub(super) fn find(model_type: &str, file: &Utf8Path) -> Result<&'static Family, ModelError> {
    let known = FAMILIES.iter().find(|family| family.model_types.contains(&model_type));
    known.copied().ok_or_else(|| {
        let relative = FAMILIES.iter().find(|family| family.relatives.contains(&model_type));
        ModelError::UnsupportedArchitecture {
            found: model_type.to_owned(),
            nearest: relative.map(|family| family.model_types[0].to_owned()),
            known: FAMILIES.iter().flat_map(|family| family.model_types).copied().collect(),
            file: file.to_owned(),
        }
    })
}
