//! GLM-4 as `glm` and `glm4`: a Llama in which half of each head is rotated, in neighbouring pairs;
//! `glm4` also norms what attention and MLP give.

use catena_kernels::RopeLayout;

use super::common::{llama_gguf, llama_json};
use super::{Family, GATE_UP, GGUF, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, Residual, RopeDefaults};
use crate::error::ModelError;

pub(super) static GLM: Family = Family {
    name: "GLM-4",
    model_types: &["glm", "glm4"],
    architectures: &["glm4"],
    from_json,
    from_gguf,
    huggingface: &[Rule::new(layer!("mlp.gate_up_proj"), GATE_UP)],
    gguf: &[&[Rule::new("blk.{l}.ffn_up", GATE_UP)], GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.attention_out_bias = false;
    config.norm_eps = keys.or("rms_norm_eps", 1.5625e-7)?;
    config.rope_parameters = vec![rope_defaults(&config).read_json(keys)?];
    if model_type == "glm4" {
        config.residual = Residual::Sandwich;
    }
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "glm4")?;
    config.rope_parameters = vec![rope_defaults(&config).read_gguf(keys)?];
    config.residual = Residual::Sandwich;
    Ok(config)
}

/// Half of each head, in neighbouring pairs.
pub(super) fn rope_defaults(config: &ModelConfig) -> RopeDefaults {
    RopeDefaults {
        layout: RopeLayout::Interleaved,
        partial_rotary_factor: 0.5,
        ..RopeDefaults::of(config.head_dim, config.max_position_embeddings)
    }
}
