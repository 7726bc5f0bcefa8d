//! DeepSeek-V2 and V2-Lite: latent attention, and experts beside an MLP that all tokens go through.

use catena_kernels::{RopeLayout, RopeScaling, RopeSpec};

use super::common::{llama_gguf, llama_json};
use super::{Family, Form, GGUF, Rule, layer};
use crate::config::{
    GgufKeys, JsonKeys, MlaConfig, ModelConfig, MoeConfig, RopeDefaults, yarn_mscale,
};
use crate::error::ModelError;

pub(super) static DEEPSEEK_V2: Family = Family {
    name: "DeepSeek-V2",
    model_types: &["deepseek_v2"],
    architectures: &["deepseek2"],
    from_json,
    from_gguf,
    huggingface: &[Rule::new(layer!("self_attn.kv_b_proj"), LATENT).form(Form::Latent)],
    gguf: &[GGUF_LATENT, GGUF],
};

const LATENT: &[&str] = &[layer!("self_attn.k_b_proj"), layer!("self_attn.v_b_proj")];

const GGUF_LATENT: &[Rule] = &[
    Rule::new("blk.{l}.attn_q_a", &[layer!("self_attn.q_a_proj")]),
    Rule::new("blk.{l}.attn_q_a_norm", &[layer!("self_attn.q_a_layernorm")]),
    Rule::new("blk.{l}.attn_q_b", &[layer!("self_attn.q_b_proj")]),
    Rule::new("blk.{l}.attn_kv_a_mqa", &[layer!("self_attn.kv_a_proj_with_mqa")]),
    Rule::new("blk.{l}.attn_kv_a_norm", &[layer!("self_attn.kv_a_layernorm")]),
    Rule::new("blk.{l}.attn_k_b", &[layer!("self_attn.k_b_proj")]).form(Form::Heads),
    Rule::new("blk.{l}.attn_v_b", &[layer!("self_attn.v_b_proj")]).form(Form::Heads),
    // Files from before 2025 have both in one.
    Rule::new("blk.{l}.attn_kv_b", LATENT).form(Form::Latent),
];

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let config = llama_json(keys, model_type)?;
    let mla = MlaConfig {
        q_lora_rank: keys.get("q_lora_rank")?,
        kv_lora_rank: keys.required("kv_lora_rank")?,
        qk_nope_head_dim: keys.required("qk_nope_head_dim")?,
        qk_rope_head_dim: keys.required("qk_rope_head_dim")?,
        v_head_dim: keys.required("v_head_dim")?,
    };
    let rope = rope_defaults(&mla, config.max_position_embeddings).read_json(keys)?;
    let all: f32 = match keys.object("rope_parameters")? {
        Some(inner) => inner.or("mscale_all_dim", 0.0)?,
        None => {
            keys.object("rope_scaling")?.map_or(Ok(0.0), |inner| inner.or("mscale_all_dim", 0.0))?
        }
    };
    let mut config = latent(config, mla, rope, all);
    if let Some(num_experts) = keys.get("n_routed_experts")? {
        config.moe = Some(experts_json(keys, num_experts)?);
        let first: usize = keys.or("first_k_dense_replace", 0)?;
        config.layers.iter_mut().skip(first).for_each(|layer| layer.moe = true);
    }
    Ok(config)
}

fn experts_json(keys: &JsonKeys, num_experts: usize) -> Result<MoeConfig, ModelError> {
    if keys.or("norm_topk_prob", false)? {
        return Err(keys.refuse("norm_topk_prob", "supported is false"));
    }
    if keys.or("moe_layer_freq", 1)? != 1 {
        return Err(keys.refuse("moe_layer_freq", "supported is 1"));
    }
    if keys.or("scoring_func", "softmax".to_owned())? != "softmax" {
        return Err(keys.refuse("scoring_func", "supported is softmax"));
    }
    let groups = match keys.or("topk_method", "greedy".to_owned())?.as_str() {
        "greedy" => None,
        "group_limited_greedy" => Some((keys.required("n_group")?, keys.required("topk_group")?)),
        _ => {
            let reason = "supported are greedy and group_limited_greedy";
            return Err(keys.refuse("topk_method", reason));
        }
    };
    let moe_intermediate_size: usize = keys.required("moe_intermediate_size")?;
    let shared: usize = keys.or("n_shared_experts", 0)?;
    Ok(MoeConfig {
        num_experts,
        num_experts_per_tok: keys.required("num_experts_per_tok")?,
        moe_intermediate_size,
        shared_intermediate_size: shared.saturating_mul(moe_intermediate_size),
        norm_topk_prob: false,
        routed_scaling_factor: keys.or("routed_scaling_factor", 1.0)?,
        groups,
    })
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let config = llama_gguf(keys, "deepseek_v2")?;
    let qk_rope_head_dim = keys.size("rope.dimension_count")?;
    let of = |mla, old| match keys.optional(mla)? {
        Some(size) => Ok(size),
        None => keys.size(old),
    };
    let mla = MlaConfig {
        q_lora_rank: keys.optional("attention.q_lora_rank")?.filter(|&rank| rank > 0),
        kv_lora_rank: keys.size("attention.kv_lora_rank")?,
        qk_nope_head_dim: of("attention.key_length_mla", "attention.key_length")?
            .saturating_sub(qk_rope_head_dim),
        qk_rope_head_dim,
        v_head_dim: of("attention.value_length_mla", "attention.value_length")?,
    };
    let mut rope = rope_defaults(&mla, config.max_position_embeddings).read_gguf(keys)?;
    // The file has a tenth of the strength by which scores are scaled; queries and keys are scaled
    // by the same strength, divided by itself.
    let all = keys.float("rope.scaling.yarn_log_multiplier")?.unwrap_or(0.0) / 0.1;
    if let RopeScaling::Yarn { attention_factor, .. } = &mut rope.scaling
        && all > 0.0
    {
        *attention_factor = Some(1.0);
    }
    let mut config = latent(config, mla, rope, all);
    if let Some(num_experts) = keys.optional("expert_count")?.filter(|&experts| experts > 0) {
        config.moe = Some(experts_gguf(keys, num_experts)?);
        let first = keys.optional("leading_dense_block_count")?.unwrap_or(0);
        config.layers.iter_mut().skip(first).for_each(|layer| layer.moe = true);
    }
    Ok(config)
}

fn experts_gguf(keys: &GgufKeys<'_>, num_experts: usize) -> Result<MoeConfig, ModelError> {
    /// llama.cpp's number for a softmax.
    const SOFTMAX: usize = 1;
    let gating = "expert_gating_func";
    if let Some(found) = keys.optional(gating)?.filter(|&found| found != SOFTMAX && found != 0) {
        return Err(keys.refuse(gating, found.to_string(), "supported is 1, a softmax"));
    }
    let moe_intermediate_size = keys.same_in_all_layers("expert_feed_forward_length")?;
    let shared = keys.optional("expert_shared_count")?.unwrap_or(0);
    let n_group = keys.optional("expert_group_count")?.filter(|&groups| groups > 1);
    let used = keys.optional("expert_group_used_count")?;
    Ok(MoeConfig {
        num_experts,
        num_experts_per_tok: keys.size("expert_used_count")?,
        moe_intermediate_size,
        shared_intermediate_size: shared.saturating_mul(moe_intermediate_size),
        norm_topk_prob: keys.flag("expert_weights_norm")?.unwrap_or(false),
        routed_scaling_factor: keys.float("expert_weights_scale")?.unwrap_or(1.0),
        groups: n_group.zip(used),
    })
}

/// One key of all heads: the rotated part, then the latent.
fn rope_defaults(mla: &MlaConfig, max_position_embeddings: usize) -> RopeDefaults {
    let layout = RopeLayout::Interleaved;
    RopeDefaults { layout, ..RopeDefaults::of(mla.qk_rope_head_dim, max_position_embeddings) }
}

/// Scores are multiplied by the square of YaRN's factor of strength `mscale_all_dim`.
fn latent(config: ModelConfig, mla: MlaConfig, rope: RopeSpec, mscale_all_dim: f32) -> ModelConfig {
    let head_dim = mla.qk_nope_head_dim.saturating_add(mla.qk_rope_head_dim);
    let factor = match &rope.scaling {
        RopeScaling::Yarn { factor, .. } => *factor,
        RopeScaling::None
        | RopeScaling::Linear { .. }
        | RopeScaling::Dynamic { .. }
        | RopeScaling::Llama3 { .. }
        | RopeScaling::LongRope { .. } => 1.0,
    };
    let strength = yarn_mscale(factor, mscale_all_dim);
    let rope_head_dim = mla.kv_lora_rank.saturating_add(mla.qk_rope_head_dim);
    ModelConfig {
        head_dim,
        num_key_value_heads: config.num_attention_heads,
        attention_scale: (head_dim as f32).sqrt().recip() * strength * strength,
        rope_parameters: vec![RopeSpec { head_dim: rope_head_dim, ..rope }],
        attention_bias: false,
        attention_out_bias: false,
        mla: Some(mla),
        ..config
    }
}
