//! Qwen3 with experts.

use super::common::{llama_gguf, llama_json};
use super::qwen2::windows_of_upper_layers;
use super::{Family, GGUF};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, MoeConfig, QkNorm};
use crate::error::ModelError;

pub(super) static QWEN3_MOE: Family = Family {
    name: "Qwen3-MoE",
    model_types: &["qwen3_moe"],
    architectures: &["qwen3moe"],
    from_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.qk_norm = Some(QkNorm::PerHead);
    windows_of_upper_layers(keys, &mut config)?;
    let num_experts = match keys.get("num_experts")? {
        Some(experts) => experts,
        None => keys.required("num_local_experts")?,
    };
    config.moe = Some(MoeConfig {
        num_experts,
        num_experts_per_tok: keys.required("num_experts_per_tok")?,
        moe_intermediate_size: keys.required("moe_intermediate_size")?,
        shared_intermediate_size: 0,
        norm_topk_prob: keys.or("norm_topk_prob", false)?,
        routed_scaling_factor: 1.0,
        groups: None,
    });
    let step: usize = keys.or("decoder_sparse_step", 1)?;
    let dense: Vec<usize> = keys.or("mlp_only_layers", Vec::new())?;
    for (idx, layer) in config.layers.iter_mut().enumerate() {
        layer.moe = step > 0 && (idx + 1) % step == 0 && !dense.contains(&idx);
    }
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "qwen3_moe")?;
    config.qk_norm = Some(QkNorm::PerHead);
    config.moe = Some(MoeConfig {
        num_experts: keys.size("expert_count")?,
        num_experts_per_tok: keys.size("expert_used_count")?,
        moe_intermediate_size: keys.size("expert_feed_forward_length")?,
        shared_intermediate_size: 0,
        norm_topk_prob: keys.flag("expert_weights_norm")?.unwrap_or(true),
        routed_scaling_factor: 1.0,
        groups: None,
    });
    config.layers.iter_mut().for_each(|layer| layer.moe = true);
    Ok(config)
}
