//! Mixtral: Mistral with experts. llama.cpp's files of it are of architecture `llama`.

use super::common::{llama_json, windows_json};
use super::llama::LLAMA;
use super::{Family, GGUF, GGUF_ROTARY, Rule, layer};
use crate::config::{JsonKeys, ModelConfig, MoeConfig};
use crate::error::ModelError;

pub(super) static MIXTRAL: Family = Family {
    name: "Mixtral",
    model_types: &["mixtral"],
    architectures: &[],
    from_json,
    from_gguf: |keys| (LLAMA.from_gguf)(keys),
    huggingface: HUGGINGFACE,
    gguf: &[GGUF_ROTARY, GGUF],
};

const HUGGINGFACE: &[Rule] = &[
    Rule::new(layer!("block_sparse_moe.gate"), &[layer!("mlp.gate")]),
    Rule::new(layer!("block_sparse_moe.experts.{e}.w1"), &[layer!("mlp.experts.{e}.gate_proj")]),
    Rule::new(layer!("block_sparse_moe.experts.{e}.w3"), &[layer!("mlp.experts.{e}.up_proj")]),
    Rule::new(layer!("block_sparse_moe.experts.{e}.w2"), &[layer!("mlp.experts.{e}.down_proj")]),
];

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    windows_json(keys, &mut config, true)?;
    config.moe = Some(MoeConfig {
        num_experts: keys.required("num_local_experts")?,
        num_experts_per_tok: keys.or("num_experts_per_tok", 2)?,
        moe_intermediate_size: config.intermediate_size,
        shared_intermediate_size: 0,
        norm_topk_prob: true,
        routed_scaling_factor: 1.0,
        groups: None,
    });
    config.layers.iter_mut().for_each(|layer| layer.moe = true);
    Ok(config)
}
