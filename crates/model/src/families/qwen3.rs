//! Qwen3: a Llama with norms of queries and keys.

use super::common::{llama_gguf, llama_json};
use super::qwen2::windows_of_upper_layers;
use super::{Family, GGUF};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, QkNorm};
use crate::error::ModelError;

pub(super) static QWEN3: Family = Family {
    name: "Qwen3",
    model_types: &["qwen3"],
    architectures: &["qwen3"],
    from_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.qk_norm = Some(QkNorm::PerHead);
    windows_of_upper_layers(keys, &mut config)?;
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    Ok(ModelConfig { qk_norm: Some(QkNorm::PerHead), ..llama_gguf(keys, "qwen3")? })
}
