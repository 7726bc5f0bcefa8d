//! ModernBERT (Warner et al. 2024, arXiv:2412.13663): rotary positions, layers that see a window
//! and layers that see all in turn, a gated MLP.

use super::gguf;
use super::{Family, Gguf, HeadNames, Names, QkvNames};
use crate::ModelError;
use crate::config::GgufKeys;
use crate::encoder::config::{
    Biases, EncoderConfig, HeadConfig, LayerAttention, Mlp, NormPlacement, Positions, activation,
    num_layers, parse,
};
use camino::Utf8Path;
use catena_kernels::{Activation, Gate};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) static FAMILY: Family = Family {
    name: "ModernBERT",
    model_types: &["modernbert"],
    relatives: &[
        "nomic_bert",
        "nomic-bert",
        "new",
        "neobert",
        "neo-bert",
        "eurobert",
        "deberta-v2",
        "modernbert-decoder",
    ],
    read,
    names: Names {
        trunk: "model.",
        word_embeddings: "embeddings.tok_embeddings",
        position_embeddings: "",
        type_embeddings: "",
        embed_norm: "embeddings.norm",
        layer: "layers",
        qkv: QkvNames::Fused("attn.Wqkv"),
        attention_output: "attn.Wo",
        attention_norm: "attn_norm",
        mlp_input: "mlp.Wi",
        mlp_output: "mlp.Wo",
        mlp_norm: "mlp_norm",
        final_norm: "final_norm",
        heads: None,
        sequence_head: Some(HEAD),
        token_head: Some(HEAD),
    },
    gguf: Gguf {
        architecture: "modern-bert",
        vocabularies: &["gpt2"],
        read: read_gguf,
        names: Names {
            trunk: "",
            word_embeddings: "token_embd",
            position_embeddings: "",
            type_embeddings: "",
            embed_norm: "token_embd_norm",
            layer: "blk",
            qkv: QkvNames::Fused("attn_qkv"),
            attention_output: "attn_output",
            attention_norm: "attn_norm",
            mlp_input: "ffn_up",
            mlp_output: "ffn_down",
            mlp_norm: "ffn_norm",
            final_norm: "output_norm",
            heads: Some("cls"),
            sequence_head: Some(HeadNames {
                dense: Some("cls"),
                norm: Some("cls.norm"),
                out: "cls.output",
            }),
            token_head: None,
        },
    },
};

const HEAD: HeadNames =
    HeadNames { dense: Some("head.dense"), norm: Some("head.norm"), out: "classifier" };

/// llama.cpp's where a file has no base of the rotary frequencies.
const DEFAULT_THETA: f32 = 10_000.0;

/// The keys with `transformers`' defaults.
#[derive(Deserialize)]
struct Keys {
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    vocab_size: usize,
    #[serde(default = "default_act")]
    hidden_activation: String,
    #[serde(default = "default_eps")]
    norm_eps: f32,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_window")]
    local_attention: usize,
    layer_types: Option<Vec<LayerType>>,
    #[serde(default = "default_period")]
    global_attn_every_n_layers: usize,
    rope_parameters: Option<BTreeMap<LayerType, Option<Rope>>>,
    global_rope_theta: Option<f32>,
    local_rope_theta: Option<f32>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    classifier_bias: bool,
    #[serde(default)]
    classifier_pooling: Pooling,
    #[serde(default = "default_act")]
    classifier_activation: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum LayerType {
    FullAttention,
    SlidingAttention,
}

#[derive(Deserialize)]
struct Rope {
    rope_type: Option<String>,
    rope_theta: Option<f32>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Pooling {
    #[default]
    Cls,
    Mean,
}

fn default_act() -> String {
    "gelu".to_owned()
}

fn default_eps() -> f32 {
    1e-5
}

fn default_positions() -> usize {
    8192
}

fn default_window() -> usize {
    128
}

fn default_period() -> usize {
    3
}

fn read(value: &Value, path: &Utf8Path) -> Result<EncoderConfig, ModelError> {
    let keys: Keys = parse(value, path)?;
    let [full, sliding] = [
        keys.layer(LayerType::FullAttention, path)?,
        keys.layer(LayerType::SlidingAttention, path)?,
    ];
    let layers = keys.layer_types(path)?.into_iter().map(|kind| match kind {
        LayerType::FullAttention => full,
        LayerType::SlidingAttention => sliding,
    });
    Ok(EncoderConfig {
        layers: layers.collect(),
        hidden_size: keys.hidden_size,
        num_attention_heads: keys.num_attention_heads,
        intermediate_size: keys.intermediate_size,
        vocab_size: keys.vocab_size,
        type_vocab_size: 0,
        positions: Positions::Rotary,
        max_tokens: keys.max_position_embeddings,
        mlp: Mlp::Gated(gate(&keys.hidden_activation, path)?),
        norm_placement: NormPlacement::Pre,
        layer_norm_eps: keys.norm_eps,
        biases: Biases {
            attention: keys.attention_bias,
            mlp: keys.mlp_bias,
            norm: keys.norm_bias,
            head: keys.classifier_bias,
        },
        head: HeadConfig {
            act: activation("classifier_activation", &keys.classifier_activation, path)?,
            mean_pooling: keys.classifier_pooling == Pooling::Mean,
            ..HeadConfig::default()
        },
        model_type: keys.model_type,
    })
}

/// The files do not say what stands in the head; it is GELU unless a model was made otherwise.
fn read_gguf(keys: &GgufKeys<'_>) -> Result<EncoderConfig, ModelError> {
    let head = gguf::head(keys)?;
    Ok(EncoderConfig {
        model_type: "modernbert".to_owned(),
        hidden_size: keys.size("embedding_length")?,
        num_attention_heads: gguf::heads(keys)?,
        intermediate_size: keys.size("feed_forward_length")?,
        vocab_size: keys.vocab_size()?,
        type_vocab_size: 0,
        positions: Positions::Rotary,
        max_tokens: keys.size("context_length")?,
        mlp: Mlp::Gated(gate(keys.text("hidden_activation")?.unwrap_or("gelu"), keys.path())?),
        norm_placement: NormPlacement::Pre,
        layer_norm_eps: gguf::layer_norm_eps(keys)?,
        biases: Biases {
            attention: keys.has_tensor("blk.0.attn_qkv.bias"),
            mlp: keys.has_tensor("blk.0.ffn_up.bias"),
            norm: keys.has_tensor("token_embd_norm.bias"),
            head: keys.has_tensor("cls.bias"),
        },
        layers: gguf_layers(keys)?,
        head: HeadConfig { act: Activation::Gelu, ..head },
    })
}

/// Every third layer sees all tokens unless the file says otherwise, the first among them.
fn gguf_layers(keys: &GgufKeys<'_>) -> Result<Vec<LayerAttention>, ModelError> {
    let layers = num_layers(keys.size("block_count")?, keys.path())?;
    if let Some(kind) = keys.text("rope.scaling.type")?.filter(|kind| *kind != "none") {
        return Err(keys.refuse("rope.scaling.type", kind.to_owned(), "supported is none"));
    }
    let window = keys.optional("attention.sliding_window")?.filter(|&window| window > 0);
    let global = keys.float("rope.freq_base")?.unwrap_or(DEFAULT_THETA);
    let local = keys.float("rope.freq_base_swa")?.unwrap_or(global);
    for (key, theta) in [("rope.freq_base", global), ("rope.freq_base_swa", local)] {
        check_theta(key, theta, keys.path())?;
    }
    let full = LayerAttention { radius: None, rope_theta: Some(global) };
    let Some(window) = window else { return Ok(vec![full; layers]) };
    let sliding = LayerAttention { radius: Some(window / 2), rope_theta: Some(local) };
    let pattern = keys.window_pattern(layers, default_period(), true)?;
    if pattern.len() != layers {
        let (key, found) =
            ("attention.sliding_window_pattern", format!("{} layers", pattern.len()));
        return Err(keys.refuse(key, found, "must be block_count"));
    }
    Ok(pattern.into_iter().map(|is_sliding| if is_sliding { sliding } else { full }).collect())
}

/// The function of the gate.
fn gate(name: &str, path: &Utf8Path) -> Result<Gate, ModelError> {
    match activation("hidden_activation", name, path)? {
        Activation::Gelu => Ok(Gate::GeluErf),
        Activation::GeluTanh => Ok(Gate::GeluTanh),
        Activation::Silu => Ok(Gate::Silu),
        Activation::Identity | Activation::Relu | Activation::Tanh => {
            Err(ModelError::InvalidConfig {
                key: "hidden_activation",
                value: name.to_owned(),
                reason: "supported for gates are gelu, gelu_pytorch_tanh, silu",
                file: path.to_owned(),
            })
        }
    }
}

fn check_theta(key: &'static str, theta: f32, path: &Utf8Path) -> Result<(), ModelError> {
    if theta.is_finite() && theta > 0.0 {
        return Ok(());
    }
    Err(ModelError::InvalidConfig {
        key,
        value: theta.to_string(),
        reason: "must be positive",
        file: path.to_owned(),
    })
}

impl Keys {
    /// What a layer of this type attends to.
    fn layer(&self, kind: LayerType, path: &Utf8Path) -> Result<LayerAttention, ModelError> {
        let (old, usual, radius) = match kind {
            LayerType::FullAttention => (self.global_rope_theta, 160_000.0, None),
            LayerType::SlidingAttention => {
                (self.local_rope_theta, 10_000.0, Some(self.local_attention / 2))
            }
        };
        let rope = self.rope_parameters.as_ref().and_then(|ropes| ropes.get(&kind)?.as_ref());
        let refuse = |key, value: String, reason| {
            Err(ModelError::InvalidConfig { key, value, reason, file: path.to_owned() })
        };
        if let Some(kind) = rope.and_then(|rope| rope.rope_type.clone()).filter(|k| k != "default")
        {
            return refuse("rope_type", kind, "supported is default");
        }
        let theta = rope.and_then(|rope| rope.rope_theta).or(old).unwrap_or(usual);
        check_theta("rope_theta", theta, path)?;
        Ok(LayerAttention { radius, rope_theta: Some(theta) })
    }

    /// One type per layer: every third sees all tokens unless the file says otherwise.
    fn layer_types(&self, path: &Utf8Path) -> Result<Vec<LayerType>, ModelError> {
        let refuse = |key, value: String, reason| {
            Err(ModelError::InvalidConfig { key, value, reason, file: path.to_owned() })
        };
        if let Some(types) = &self.layer_types {
            if types.len() != self.num_hidden_layers {
                let found = format!("{} types", types.len());
                return refuse("layer_types", found, "must be num_hidden_layers");
            }
            return Ok(types.clone());
        }
        let period = self.global_attn_every_n_layers;
        if period == 0 {
            return refuse("global_attn_every_n_layers", "0".to_owned(), "must not be 0");
        }
        let kind = |layer: usize| {
            if layer.is_multiple_of(period) {
                LayerType::FullAttention
            } else {
                LayerType::SlidingAttention
            }
        };
        Ok((0..num_layers(self.num_hidden_layers, path)?).map(kind).collect())
    }
}
