//! SmolLM3: a Llama in which every fourth layer does not see positions.

use super::common::{llama_gguf, llama_json, windows_json};
use super::{Family, GGUF, GGUF_ROTARY};
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;

pub(super) static SMOLLM3: Family = Family {
    name: "SmolLM3",
    model_types: &["smollm3"],
    architectures: &["smollm3"],
    from_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF_ROTARY, GGUF],
};

/// Each how many layers one does not see positions.
const INTERVAL: usize = 4;

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    if keys.or("use_sliding_window", false)? {
        windows_json(keys, &mut config, false)?;
    }
    let interval: usize = keys.or("no_rope_layer_interval", INTERVAL)?;
    without_positions(&mut config, interval);
    // Despite its name, the list says which layers do see positions.
    if let Some(rotated) = keys.get::<Vec<u8>>("no_rope_layers")? {
        if rotated.len() != config.layers.len() {
            return Err(keys.refuse("no_rope_layers", "must be as many as there are layers"));
        }
        for (layer, rotated) in config.layers.iter_mut().zip(rotated) {
            layer.rope = (rotated != 0).then_some(0);
        }
    }
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "smollm3")?;
    without_positions(&mut config, INTERVAL);
    Ok(config)
}

fn without_positions(config: &mut ModelConfig, interval: usize) {
    for (idx, layer) in config.layers.iter_mut().enumerate() {
        layer.rope = (interval == 0 || (idx + 1) % interval != 0).then_some(0);
    }
}
