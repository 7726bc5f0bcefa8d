//! Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: a Llama with fused projections, and positions scaled by a
//! factor for each pair.

use super::common::{llama_gguf, llama_json, windows_json};
use super::{Family, GATE_UP, GGUF, GGUF_QKV, QKV, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;

pub(super) static PHI3: Family = Family {
    name: "Phi-3, Phi-4",
    model_types: &["phi3"],
    architectures: &["phi3"],
    from_json,
    from_gguf,
    huggingface: &[
        Rule::new(layer!("self_attn.qkv_proj"), QKV),
        Rule::new(layer!("mlp.gate_up_proj"), GATE_UP),
    ],
    gguf: &[&[GGUF_QKV, Rule::new("blk.{l}.ffn_up", GATE_UP)], GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    windows_json(keys, &mut config, true)?;
    Ok(config)
}

/// llama.cpp passes over the window; the reference does not.
fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "phi3")?;
    let window = keys.optional("attention.sliding_window")?.filter(|&window| window > 0);
    config.layers.iter_mut().for_each(|layer| layer.sliding_window = window);
    Ok(config)
}
