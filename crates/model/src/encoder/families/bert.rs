//! BERT (Devlin et al. 2018, arXiv:1810.04805): MiniLM, BGE, GTE, E5 and most English embedders.

use super::{Family, HeadNames, Names, QkvNames};
use crate::ModelError;
use crate::encoder::config::{
    Biases, EncoderConfig, HeadConfig, LayerAttention, Mlp, NormPlacement, Positions, activation,
    num_layers, parse,
};
use camino::Utf8Path;
use catena_kernels::Activation;
use serde::Deserialize;
use serde_json::Value;

pub(super) static FAMILY: Family = Family {
    name: "BERT",
    model_types: &["bert"],
    relatives: &["distilbert", "electra", "mobilebert", "albert", "ernie", "nezha", "mpnet"],
    read,
    names: Names { trunk: "bert.", sequence_head: SEQUENCE_HEAD, ..NAMES },
};

/// What BERT and RoBERTa call alike.
pub(super) const NAMES: Names = Names {
    trunk: "",
    word_embeddings: "embeddings.word_embeddings",
    embed_norm: "embeddings.LayerNorm",
    layer: "encoder.layer",
    qkv: QkvNames::Split(["attention.self.query", "attention.self.key", "attention.self.value"]),
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    mlp_input: "intermediate.dense",
    mlp_output: "output.dense",
    mlp_norm: "output.LayerNorm",
    final_norm: "",
    sequence_head: SEQUENCE_HEAD,
    token_head: HeadNames { dense: None, norm: None, out: "classifier" },
};

/// The pooler, which belongs to the trunk in BERT's files, and a layer on it.
const SEQUENCE_HEAD: HeadNames =
    HeadNames { dense: Some("bert.pooler.dense"), norm: None, out: "classifier" };

/// The keys of BERT and RoBERTa with `transformers`' defaults.
#[derive(Deserialize)]
pub(super) struct Keys {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    #[serde(default = "default_act")]
    hidden_act: String,
    #[serde(default = "default_eps")]
    layer_norm_eps: f32,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_types")]
    type_vocab_size: usize,
    position_embedding_type: Option<String>,
    #[serde(default)]
    pub(super) pad_token_id: Option<u32>,
}

fn default_act() -> String {
    "gelu".to_owned()
}

fn default_eps() -> f32 {
    1e-12
}

fn default_positions() -> usize {
    512
}

fn default_types() -> usize {
    2
}

fn read(value: &Value, path: &Utf8Path) -> Result<EncoderConfig, ModelError> {
    config(parse(value, path)?, None, path)
}

/// The shape of BERT, with RoBERTa's way of counting positions if `padding_idx` is given.
pub(super) fn config(
    keys: Keys,
    padding_idx: Option<u32>,
    path: &Utf8Path,
) -> Result<EncoderConfig, ModelError> {
    if let Some(kind) = keys.position_embedding_type.filter(|kind| kind != "absolute") {
        return Err(ModelError::InvalidConfig {
            key: "position_embedding_type",
            value: kind,
            reason: "supported is absolute",
            file: path.to_owned(),
        });
    }
    let rows = keys.max_position_embeddings;
    let unused = padding_idx.map_or(0, |padding_idx| padding_idx as usize + 1);
    Ok(EncoderConfig {
        model_type: keys.model_type,
        hidden_size: keys.hidden_size,
        num_attention_heads: keys.num_attention_heads,
        intermediate_size: keys.intermediate_size,
        vocab_size: keys.vocab_size,
        type_vocab_size: keys.type_vocab_size,
        positions: Positions::Learned { rows, padding_idx },
        max_tokens: rows.saturating_sub(unused),
        mlp: Mlp::Plain(activation("hidden_act", &keys.hidden_act, path)?),
        norm_placement: NormPlacement::Post,
        layer_norm_eps: keys.layer_norm_eps,
        biases: Biases::ALL,
        layers: vec![LayerAttention::default(); num_layers(keys.num_hidden_layers, path)?],
        head: HeadConfig {
            architecture: String::new(),
            labels: Vec::new(),
            act: Activation::Tanh,
            mean_pooling: false,
        },
    })
}
