//! Qwen2 and Qwen2.5: a Llama with biases of queries, keys and values.

use super::common::{llama_gguf, llama_json, windows_json};
use super::{Family, GGUF};
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;

pub(super) static QWEN2: Family = Family {
    name: "Qwen2, Qwen2.5",
    model_types: &["qwen2"],
    architectures: &["qwen2"],
    from_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.attention_bias = true;
    config.attention_out_bias = false;
    windows_of_upper_layers(keys, &mut config)?;
    Ok(config)
}

/// Windows, where they are used at all, on the layers from `max_window_layers` on.
pub(super) fn windows_of_upper_layers(
    keys: &JsonKeys,
    config: &mut ModelConfig,
) -> Result<(), ModelError> {
    if !keys.or("use_sliding_window", false)? {
        return Ok(());
    }
    windows_json(keys, config, true)?;
    if !keys.has("layer_types") {
        let full: usize = keys.or("max_window_layers", 28)?;
        config.layers.iter_mut().take(full).for_each(|layer| layer.sliding_window = None);
    }
    Ok(())
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    llama_gguf(keys, "qwen2")
}
