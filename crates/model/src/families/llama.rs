//! Llama 2 and 3, and what is built as they are: SmolLM2, `TinyLlama`, Yi and others.
//!
//! llama.cpp's architecture of this name also holds Mistral and Mixtral.

use super::common::{llama_gguf, llama_json};
use super::{Family, GGUF, GGUF_ROTARY, Rule, layer};
use crate::config::{GgufKeys, ModelConfig, MoeConfig};
use crate::error::ModelError;

pub(super) static LLAMA: Family = Family {
    name: "Llama 2, Llama 3, SmolLM2",
    model_types: &["llama"],
    architectures: &["llama"],
    from_json: llama_json,
    from_gguf,
    huggingface: &[],
    gguf: &[GGUF_ROTARY, GGUF, OLD_EXPERTS],
};

/// One tensor per expert, as in files from before 2024.
const OLD_EXPERTS: &[Rule] = &[
    Rule::new("blk.{l}.ffn_gate.{e}", &[layer!("mlp.experts.{e}.gate_proj")]),
    Rule::new("blk.{l}.ffn_up.{e}", &[layer!("mlp.experts.{e}.up_proj")]),
    Rule::new("blk.{l}.ffn_down.{e}", &[layer!("mlp.experts.{e}.down_proj")]),
];

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "llama")?;
    if let Some(num_experts) = keys.optional("expert_count")?.filter(|&experts| experts > 0) {
        config.model_type = "mixtral";
        config.moe = Some(MoeConfig {
            num_experts,
            num_experts_per_tok: keys.size("expert_used_count")?,
            moe_intermediate_size: config.intermediate_size,
            shared_intermediate_size: 0,
            norm_topk_prob: true,
            routed_scaling_factor: 1.0,
            groups: None,
        });
        config.layers.iter_mut().for_each(|layer| layer.moe = true);
    }
    Ok(config)
}
