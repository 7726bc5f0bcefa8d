//! OLMo 2: norms behind attention and MLP only, and of queries and keys over all heads together.

use super::common::{llama_gguf, llama_json};
use super::{Family, GGUF, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, QkNorm, Residual};
use crate::error::ModelError;

pub(super) static OLMO2: Family = Family {
    name: "OLMo 2",
    model_types: &["olmo2"],
    architectures: &["olmo2"],
    from_json,
    from_gguf,
    huggingface: &[
        Rule::new(layer!("post_attention_layernorm"), &[layer!("post_self_attn_layernorm")]),
        Rule::new(layer!("post_feedforward_layernorm"), &[layer!("post_mlp_layernorm")]),
    ],
    gguf: &[GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    Ok(olmo2(llama_json(keys, model_type)?))
}

/// OLMo 3 shares the architecture and has windows.
fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let key = "attention.sliding_window";
    if let Some(window) = keys.optional(key)?.filter(|&window| window > 0) {
        return Err(keys.refuse(key, window.to_string(), "supported is none"));
    }
    Ok(olmo2(llama_gguf(keys, "olmo2")?))
}

fn olmo2(config: ModelConfig) -> ModelConfig {
    ModelConfig { residual: Residual::Post, qk_norm: Some(QkNorm::Whole), ..config }
}
