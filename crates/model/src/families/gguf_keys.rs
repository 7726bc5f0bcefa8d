//! The keys of a GGUF file, from a configuration.

use catena_kernels::{RopeScaling, RopeSpec};

use super::Family;
use crate::config::{ModelConfig, NormKind, Residual};
use crate::gguf::MetaValue;

/// llama.cpp's architecture of a configuration.
pub(crate) fn architecture(config: &ModelConfig) -> &'static str {
    match config.model_type {
        "mistral" | "mixtral" => "llama",
        "glm" => "chatglm",
        _ => Family::of_config(config).architectures[0],
    }
}

/// The keys under the architecture's name, as llama.cpp's converter writes them.
pub(crate) fn gguf_keys(config: &ModelConfig) -> Vec<(String, MetaValue)> {
    let architecture = architecture(config);
    let mut keys = Keys { architecture, keys: Vec::new() };
    keys.size("block_count", config.num_hidden_layers);
    keys.size("context_length", config.max_position_embeddings);
    keys.size("embedding_length", config.hidden_size);
    keys.size("feed_forward_length", config.intermediate_size);
    keys.size("attention.head_count", config.num_attention_heads);
    match &config.mla {
        None => {
            keys.size("attention.head_count_kv", config.num_key_value_heads);
            keys.size("attention.key_length", config.head_dim);
            keys.size("attention.value_length", config.head_dim);
        }
        Some(mla) => {
            keys.size("attention.head_count_kv", 1);
            keys.size("attention.key_length", mla.kv_lora_rank + mla.qk_rope_head_dim);
            keys.size("attention.value_length", mla.kv_lora_rank);
            keys.size("attention.key_length_mla", config.head_dim);
            keys.size("attention.value_length_mla", mla.v_head_dim);
            keys.size("attention.kv_lora_rank", mla.kv_lora_rank);
            if let Some(rank) = mla.q_lora_rank {
                keys.size("attention.q_lora_rank", rank);
            }
        }
    }
    let eps = match config.norm {
        NormKind::Rms => "attention.layer_norm_rms_epsilon",
        NormKind::Layer => "attention.layer_norm_epsilon",
    };
    keys.float(eps, config.norm_eps);
    keys.size("vocab_size", config.vocab_size);
    keys.rope(config);
    keys.experts(config);
    keys.caps_and_windows(config);
    if architecture == "granite" {
        keys.float("attention.scale", config.attention_scale);
        keys.float("embedding_scale", config.embedding_multiplier);
        keys.float("residual_scale", config.residual_multiplier);
        keys.float("logit_scale", config.logits_scaling);
    }
    if architecture == "gptneox" {
        let parallel = config.residual == Residual::Parallel;
        keys.set("use_parallel_residual", MetaValue::Bool(parallel));
    }
    keys.keys
}

/// Factors of frequencies, which stand in tensors of their own: name and values.
pub(crate) fn rope_tensors(config: &ModelConfig) -> Vec<(&'static str, Vec<f32>)> {
    let Some(rope) = config.rope_parameters.first() else { return Vec::new() };
    match &rope.scaling {
        RopeScaling::Llama3 { .. } => {
            let plain = RopeSpec { scaling: RopeScaling::None, ..rope.clone() };
            let longest = config.max_position_embeddings;
            let (plain, scaled) = (plain.frequencies(longest).0, rope.frequencies(longest).0);
            #[expect(clippy::cast_possible_truncation, reason = "the file holds f32")]
            let factors = plain.iter().zip(scaled).map(|(plain, scaled)| (plain / scaled) as f32);
            vec![("rope_freqs.weight", factors.collect())]
        }
        RopeScaling::LongRope { short_factors, long_factors, .. } => {
            if architecture(config) != "phi3" && short_factors == long_factors {
                return vec![("rope_freqs.weight", long_factors.clone())];
            }
            vec![
                ("rope_factors_long.weight", long_factors.clone()),
                ("rope_factors_short.weight", short_factors.clone()),
            ]
        }
        RopeScaling::None
        | RopeScaling::Linear { .. }
        | RopeScaling::Dynamic { .. }
        | RopeScaling::Yarn { .. } => Vec::new(),
    }
}

struct Keys {
    architecture: &'static str,
    keys: Vec<(String, MetaValue)>,
}

impl Keys {
    fn set(&mut self, key: &str, value: MetaValue) {
        self.keys.push((format!("{}.{key}", self.architecture), value));
    }

    fn size(&mut self, key: &str, size: usize) {
        self.set(key, MetaValue::U32(u32::try_from(size).expect("sizes are bounded")));
    }

    fn float(&mut self, key: &str, value: f32) {
        self.set(key, MetaValue::F32(value));
    }

    fn rope(&mut self, config: &ModelConfig) {
        let Some(rope) = config.rope_parameters.first() else { return };
        self.float("rope.freq_base", rope.theta);
        self.size("rope.dimension_count", rope.rotary_dim);
        if let Some(local) = config.rope_parameters.get(1) {
            self.float("rope.freq_base_swa", local.theta);
        }
        match &rope.scaling {
            RopeScaling::None | RopeScaling::Dynamic { .. } | RopeScaling::Llama3 { .. } => {}
            RopeScaling::Linear { factor } => {
                self.set("rope.scaling.type", MetaValue::from("linear"));
                self.float("rope.scaling.factor", *factor);
            }
            RopeScaling::Yarn {
                factor,
                original_positions,
                beta_fast,
                beta_slow,
                attention_factor,
                ..
            } => {
                self.set("rope.scaling.type", MetaValue::from("yarn"));
                self.float("rope.scaling.factor", *factor);
                self.size("rope.scaling.original_context_length", *original_positions);
                self.float("rope.scaling.yarn_beta_fast", *beta_fast);
                self.float("rope.scaling.yarn_beta_slow", *beta_slow);
                if config.mla.is_some() {
                    // A tenth of it, as the converter has it.
                    let strength = config.mscale_all_dim(*factor);
                    self.float("rope.scaling.yarn_log_multiplier", 0.1 * strength);
                } else if let Some(attention_factor) = attention_factor {
                    self.float("rope.scaling.yarn_attn_factor", *attention_factor);
                }
            }
            RopeScaling::LongRope { original_positions, attention_factor, .. } => {
                self.size("rope.scaling.original_context_length", *original_positions);
                self.float("rope.scaling.attn_factor", *attention_factor);
            }
        }
        // Phi-3's files have it whether positions are scaled or not.
        if self.architecture == "phi3" && rope.scaling == RopeScaling::None {
            let positions = config.max_position_embeddings;
            self.size("rope.scaling.original_context_length", positions);
        }
    }

    fn experts(&mut self, config: &ModelConfig) {
        let Some(moe) = &config.moe else { return };
        self.size("expert_count", moe.num_experts);
        self.size("expert_used_count", moe.num_experts_per_tok);
        if self.architecture == "llama" {
            return;
        }
        self.size("expert_feed_forward_length", moe.moe_intermediate_size);
        self.set("expert_weights_norm", MetaValue::Bool(moe.norm_topk_prob));
        if config.mla.is_none() {
            return;
        }
        let dense = config.layers.iter().take_while(|layer| !layer.moe).count();
        self.size("leading_dense_block_count", dense);
        let shared = moe.shared_intermediate_size / moe.moe_intermediate_size;
        self.size("expert_shared_count", shared);
        self.float("expert_weights_scale", moe.routed_scaling_factor);
        if let Some((n_group, topk_group)) = moe.groups {
            self.size("expert_group_count", n_group);
            self.size("expert_group_used_count", topk_group);
        }
    }

    fn caps_and_windows(&mut self, config: &ModelConfig) {
        if let Some(cap) = config.attn_logit_softcapping {
            self.float("attn_logit_softcapping", cap);
        }
        if let Some(cap) = config.final_logit_softcapping {
            self.float("final_logit_softcapping", cap);
        }
        let window = config.layers.iter().find_map(|layer| layer.sliding_window);
        if let Some(window) = window {
            self.size("attention.sliding_window", window);
        } else if self.architecture == "phi3" {
            self.size("attention.sliding_window", 0);
        }
    }
}
