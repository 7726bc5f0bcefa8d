//! Gemma: gated GELU, an embedding multiplied by the root of its width, and gains stored without
//! the 1 that is added to them (llama.cpp's files have it added).

use catena_kernels::Gate;

use super::common::{activation, llama_gguf, llama_json};
use super::{Family, Form, GGUF, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig};
use crate::error::ModelError;

pub(super) static GEMMA: Family = Family {
    name: "Gemma",
    model_types: &["gemma"],
    architectures: &["gemma"],
    from_json: gemma_json,
    from_gguf: |keys| gemma_gguf(keys, "gemma"),
    huggingface: &[
        gain("model.norm", &["model.norm"]),
        gain(layer!("input_layernorm"), &[layer!("input_layernorm")]),
        gain(layer!("post_attention_layernorm"), &[layer!("post_attention_layernorm")]),
    ],
    gguf: &[GGUF],
};

/// A gain without its 1.
pub(super) const fn gain(file: &'static str, parts: &'static [&'static str]) -> Rule {
    Rule::new(file, parts).form(Form::MinusOne)
}

/// What all Gemmas share.
pub(super) fn gemma_json(
    keys: &JsonKeys,
    model_type: &'static str,
) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.tie_word_embeddings = keys.or("tie_word_embeddings", true)?;
    // The first files say `gelu` in `hidden_act` and mean the approximation by `tanh`.
    config.mlp = Mlp::Gated(activation(keys, "hidden_activation", Gate::GeluTanh)?);
    config.embedding_multiplier = (config.hidden_size as f32).sqrt();
    Ok(config)
}

/// What all Gemmas share.
pub(super) fn gemma_gguf(
    keys: &GgufKeys<'_>,
    model_type: &'static str,
) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, model_type)?;
    config.mlp = Mlp::Gated(Gate::GeluTanh);
    config.embedding_multiplier = (config.hidden_size as f32).sqrt();
    Ok(config)
}
