//! Gemma 2: norms before and behind attention and MLP, caps, and windows on every other layer.

use super::common::windows_json;
use super::gemma::{gain, gemma_gguf, gemma_json};
use super::{Family, GGUF, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, Residual};
use crate::error::ModelError;

pub(super) static GEMMA2: Family = Family {
    name: "Gemma 2",
    model_types: &["gemma2"],
    architectures: &["gemma2"],
    from_json,
    from_gguf,
    huggingface: SANDWICH,
    gguf: &[GGUF],
};

/// The names of the four norms of a layer.
pub(super) const SANDWICH: &[Rule] = &[
    gain("model.norm", &["model.norm"]),
    gain(layer!("input_layernorm"), &[layer!("input_layernorm")]),
    gain(layer!("post_attention_layernorm"), &[layer!("post_self_attn_layernorm")]),
    gain(layer!("pre_feedforward_layernorm"), &[layer!("post_attention_layernorm")]),
    gain(layer!("post_feedforward_layernorm"), &[layer!("post_mlp_layernorm")]),
    gain(layer!("self_attn.q_norm"), &[layer!("self_attn.q_norm")]),
    gain(layer!("self_attn.k_norm"), &[layer!("self_attn.k_norm")]),
];

/// The width of a window if a file has none.
const WINDOW: usize = 4096;

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = gemma_json(keys, model_type)?;
    config.residual = Residual::Sandwich;
    config.attention_scale = scale(keys.or("query_pre_attn_scalar", 256.0)?);
    config.attn_logit_softcapping = keys.get("attn_logit_softcapping")?;
    config.final_logit_softcapping = keys.get("final_logit_softcapping")?;
    if keys.has("layer_types") {
        windows_json(keys, &mut config, false)?;
    } else {
        let window: usize = keys.or("sliding_window", WINDOW)?;
        for layer in config.layers.iter_mut().step_by(2) {
            layer.sliding_window = Some(window);
        }
    }
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = gemma_gguf(keys, "gemma2")?;
    config.residual = Residual::Sandwich;
    config.attention_scale = gguf_scale(&config, 46);
    config.attn_logit_softcapping = Some(keys.float("attn_logit_softcapping")?.unwrap_or(50.0));
    config.final_logit_softcapping = Some(keys.float("final_logit_softcapping")?.unwrap_or(30.0));
    let window = keys.optional("attention.sliding_window")?.unwrap_or(WINDOW);
    let pattern = keys.window_pattern(config.layers.len(), 2, false)?;
    for (layer, sliding) in config.layers.iter_mut().zip(pattern) {
        layer.sliding_window = sliding.then_some(window);
    }
    Ok(config)
}

/// `1 / sqrt(query_pre_attn_scalar)`.
pub(super) fn scale(query_pre_attn_scalar: f32) -> f32 {
    query_pre_attn_scalar.sqrt().recip()
}

/// llama.cpp's files do not have the scalar; it is the width of a head, but for the largest model,
/// known by its layers, the share of the residual stream.
pub(super) fn gguf_scale(config: &ModelConfig, largest_layers: usize) -> f32 {
    let share = config.hidden_size / config.num_attention_heads.max(1);
    let largest = config.num_hidden_layers == largest_layers;
    scale(if largest { share } else { config.head_dim } as f32)
}
