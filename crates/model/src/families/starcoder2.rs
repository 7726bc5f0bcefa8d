//! StarCoder 2: layer norms, biases everywhere, an MLP without a gate and a window on all layers.
//! llama.cpp's files say nothing of the window.

use catena_kernels::Gate;

use super::common::{activation, llama_gguf, llama_json, windows_json};
use super::{Family, GGUF, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig, NormKind};
use crate::error::ModelError;

pub(super) static STARCODER2: Family = Family {
    name: "StarCoder 2",
    model_types: &["starcoder2"],
    architectures: &["starcoder2"],
    from_json,
    from_gguf,
    huggingface: &[
        Rule::new(layer!("mlp.c_fc"), &[layer!("mlp.up_proj")]),
        Rule::new(layer!("mlp.c_proj"), &[layer!("mlp.down_proj")]),
    ],
    gguf: &[GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    let bias = keys.or("use_bias", true)?;
    config.norm = NormKind::Layer;
    config.norm_eps = keys.or("norm_epsilon", 1e-5)?;
    config.attention_bias = bias;
    config.attention_out_bias = bias;
    config.mlp_bias = bias;
    config.mlp = Mlp::Plain(activation(keys, "hidden_act", Gate::GeluTanh)?);
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    windows_json(keys, &mut config, true)?;
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let config = llama_gguf(keys, "starcoder2")?;
    Ok(ModelConfig { norm: NormKind::Layer, mlp: Mlp::Plain(Gate::GeluTanh), ..config })
}
