//! BERT (Devlin et al. 2018, arXiv:1810.04805): MiniLM, BGE, GTE, E5 and most English embedders.

use super::gguf;
use super::{Family, Gguf, HeadNames, Names, QkvNames};
use crate::ModelError;
use crate::config::GgufKeys;
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
    relatives: &[
        "distilbert",
        "electra",
        "mobilebert",
        "albert",
        "ernie",
        "nezha",
        "mpnet",
        "jina-bert-v2",
    ],
    read,
    names: Names { trunk: "bert.", sequence_head: Some(SEQUENCE_HEAD), ..NAMES },
    gguf: Gguf {
        architecture: "bert",
        vocabularies: &["bert"],
        read: read_gguf,
        // The converter leaves out the pooler, without which the classifier says something else.
        names: Names { sequence_head: None, ..GGUF_NAMES },
    },
};

/// What BERT and RoBERTa call alike.
pub(super) const NAMES: Names = Names {
    trunk: "",
    word_embeddings: "embeddings.word_embeddings",
    position_embeddings: "embeddings.position_embeddings",
    type_embeddings: "embeddings.token_type_embeddings",
    embed_norm: "embeddings.LayerNorm",
    layer: "encoder.layer",
    qkv: QkvNames::Split(["attention.self.query", "attention.self.key", "attention.self.value"]),
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    mlp_input: "intermediate.dense",
    mlp_output: "output.dense",
    mlp_norm: "output.LayerNorm",
    final_norm: "",
    heads: None,
    sequence_head: None,
    token_head: Some(HeadNames { dense: None, norm: None, out: "classifier" }),
};

/// The same in llama.cpp's words.
pub(super) const GGUF_NAMES: Names = Names {
    trunk: "",
    word_embeddings: "token_embd",
    position_embeddings: "position_embd",
    type_embeddings: "token_types",
    embed_norm: "token_embd_norm",
    layer: "blk",
    qkv: QkvNames::Either("attn_qkv", ["attn_q", "attn_k", "attn_v"]),
    attention_output: "attn_output",
    attention_norm: "attn_output_norm",
    mlp_input: "ffn_up",
    mlp_output: "ffn_down",
    mlp_norm: "layer_output_norm",
    final_norm: "",
    heads: Some("cls"),
    sequence_head: Some(HeadNames { dense: Some("cls"), norm: None, out: "cls.output" }),
    token_head: None,
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
        head: HeadConfig { act: Activation::Tanh, ..HeadConfig::default() },
    })
}

fn read_gguf(keys: &GgufKeys<'_>) -> Result<EncoderConfig, ModelError> {
    let config = gguf_config(keys, "bert", None)?;
    if config.type_vocab_size == 1 {
        // CamemBERT's files, whose positions and vocabulary are not those that they claim.
        let reason = "a WordPiece file with one type does not say how it counts positions; load the \
                      folder that it was made from";
        return Err(keys.refuse("token_type_count", "1".to_owned(), reason));
    }
    Ok(config)
}

/// The shape of BERT by the keys of a GGUF file, with RoBERTa's way of counting positions if
/// `padding_idx` is given.
///
/// The files do not say what stands in the MLP; all known encoders have GELU there.
pub(super) fn gguf_config(
    keys: &GgufKeys<'_>,
    model_type: &str,
    padding_idx: Option<u32>,
) -> Result<EncoderConfig, ModelError> {
    let act = keys.text("hidden_activation")?.unwrap_or("gelu");
    let max_tokens = keys.size("context_length")?;
    let unused = padding_idx.map_or(0, |padding_idx| padding_idx as usize + 1);
    let types = keys.has_tensor("token_types.weight");
    Ok(EncoderConfig {
        model_type: model_type.to_owned(),
        hidden_size: keys.size("embedding_length")?,
        num_attention_heads: gguf::heads(keys)?,
        intermediate_size: keys.size("feed_forward_length")?,
        vocab_size: keys.vocab_size()?,
        type_vocab_size: if types { keys.token_type_count()? } else { 0 },
        positions: Positions::Learned { rows: max_tokens.saturating_add(unused), padding_idx },
        max_tokens,
        mlp: Mlp::Plain(activation("hidden_activation", act, keys.path())?),
        norm_placement: NormPlacement::Post,
        layer_norm_eps: gguf::layer_norm_eps(keys)?,
        biases: Biases::ALL,
        layers: vec![
            LayerAttention::default();
            num_layers(keys.size("block_count")?, keys.path())?
        ],
        head: HeadConfig { act: Activation::Tanh, ..gguf::head(keys)? },
    })
}
