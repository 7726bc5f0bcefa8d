//! Granite: a Llama with multipliers of embedding, scores, residual stream and logits.

use super::common::{llama_gguf, llama_json};
use super::{Family, GGUF, GGUF_ROTARY};
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;

pub(super) static GRANITE: Family = Family {
    name: "Granite",
    model_types: &["granite"],
    architectures: &["granite"],
    from_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF_ROTARY, GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    Ok(ModelConfig {
        embedding_multiplier: keys.or("embedding_multiplier", 1.0)?,
        attention_scale: keys.or("attention_multiplier", 1.0)?,
        residual_multiplier: keys.or("residual_multiplier", 1.0)?,
        logits_scaling: keys.or("logits_scaling", 1.0)?,
        ..llama_json(keys, model_type)?
    })
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let config = llama_gguf(keys, "granite")?;
    Ok(ModelConfig {
        embedding_multiplier: keys.float("embedding_scale")?.unwrap_or(1.0),
        attention_scale: keys.float("attention.scale")?.unwrap_or(config.attention_scale),
        residual_multiplier: keys.float("residual_scale")?.unwrap_or(1.0),
        logits_scaling: keys.float("logit_scale")?.unwrap_or(1.0),
        ..config
    })
}
