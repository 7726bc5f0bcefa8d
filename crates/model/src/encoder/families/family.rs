//! What a family says of itself.

use crate::ModelError;
use crate::config::GgufKeys;
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
    /// The same in GGUF files.
    pub(in crate::encoder) gguf: Gguf,
}

/// A family in GGUF files.
pub(in crate::encoder) struct Gguf {
    /// llama.cpp's name, which families may share.
    pub(in crate::encoder) architecture: &'static str,
    /// Kinds of vocabulary, which tell those that share it apart.
    pub(in crate::encoder) vocabularies: &'static [&'static str],
    /// Reads its keys.
    pub(in crate::encoder) read: fn(&GgufKeys<'_>) -> Result<EncoderConfig, ModelError>,
    /// What it calls its tensors.
    pub(in crate::encoder) names: Names,
}

/// What a family calls its tensors, without `.weight` and `.bias`.
pub(crate) struct Names {
    /// What the trunk's names begin with in a model with a head.
    pub(crate) trunk: &'static str,
    pub(crate) word_embeddings: &'static str,
    /// The table of positions, for [`crate::encoder::Positions::Learned`].
    pub(crate) position_embeddings: &'static str,
    /// The table of token types, where there are any.
    pub(crate) type_embeddings: &'static str,
    pub(crate) embed_norm: &'static str,
    /// What a layer's names begin with, before its number.
    pub(crate) layer: &'static str,
    pub(crate) qkv: QkvNames,
    pub(crate) attention_output: &'static str,
    pub(crate) attention_norm: &'static str,
    pub(crate) mlp_input: &'static str,
    pub(crate) mlp_output: &'static str,
    pub(crate) mlp_norm: &'static str,
    /// The norm behind the last layer, where norms stand before.
    pub(crate) final_norm: &'static str,
    /// What the names of tensors that belong to no trunk may begin with, or nothing if the trunk's
    /// own beginnings are known.
    pub(crate) heads: Option<&'static str>,
    /// `None` where the files do not hold all of it.
    pub(crate) sequence_head: Option<HeadNames>,
    /// `None` where the files never hold one.
    pub(crate) token_head: Option<HeadNames>,
}

/// Query, key and value.
pub(crate) enum QkvNames {
    /// Three products.
    Split([&'static str; 3]),
    /// One, in this order.
    Fused(&'static str),
    /// One if it is there, else three.
    Either(&'static str, [&'static str; 3]),
}

/// A classifier's tensors; their names do not begin with the trunk's.
#[derive(Clone, Copy)]
pub(crate) struct HeadNames {
    /// The layer before the last.
    pub(crate) dense: Option<&'static str>,
    /// The norm between.
    pub(crate) norm: Option<&'static str>,
    /// The layer that gives the scores.
    pub(crate) out: &'static str,
}
