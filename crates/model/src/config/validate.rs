//! What no model can be, checked before anything is computed from it.

use camino::Utf8Path;
use catena_kernels::{RopeScaling, RopeSpec};

use super::{ModelConfig, MoeConfig};
use crate::error::ModelError;

/// Bound on each dimension: far above any model, far below overflow of their products.
const MAX_DIMENSION: usize = 1 << 24;
/// Bound on the number of layers.
const MAX_LAYERS: usize = 1 << 12;
/// Bound on the number of experts.
const MAX_EXPERTS: usize = 1 << 12;
/// Bound on those of all layers, each of which has tensors with names: ten times those of any model.
const MAX_EXPERTS_OF_ALL_LAYERS: usize = 1 << 18;

const DIMENSION: &str = "expected from 1 to 16777216";

impl ModelConfig {
    /// Refuses sizes that are zero, absurd or disagree.
    pub(crate) fn validate(self, file: &Utf8Path) -> Result<Self, ModelError> {
        let check = Check { file };
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (key, size) in sizes {
            check.that((1..=MAX_DIMENSION).contains(&size), key, &size, DIMENSION)?;
        }
        let layers = self.num_hidden_layers;
        let sound = (1..=MAX_LAYERS).contains(&layers);
        check.that(sound, "num_hidden_layers", &layers, "expected from 1 to 4096")?;
        let found = self.layers.len();
        check.that(
            found == layers,
            "layer_types",
            &found,
            "must be as many as there are layers",
        )?;
        let heads = self.num_key_value_heads;
        let sound = self.num_attention_heads.is_multiple_of(heads);
        check.that(sound, "num_key_value_heads", &heads, "must divide num_attention_heads")?;
        check.that(self.head_dim.is_multiple_of(2), "head_dim", &self.head_dim, "must be even")?;
        let eps = self.norm_eps;
        let key = "rms_norm_eps";
        check.that(eps > 0.0 && eps < 1.0, key, &eps, "expected between 0 and 1")?;
        for &id in self.eos_token_ids.iter().chain(&self.bos_token_id) {
            let sound = (id as usize) < self.vocab_size;
            check.that(sound, "eos_token_id or bos_token_id", &id, "must be below vocab_size")?;
        }
        for layer in &self.layers {
            let window = layer.sliding_window.unwrap_or(1);
            check.that(window > 0, "sliding_window", &window, "expected a number from 1 on")?;
        }
        self.check_factors(&check)?;
        for rope in &self.rope_parameters {
            check.rope(rope)?;
        }
        self.check_mla(&check)?;
        if let Some(moe) = &self.moe {
            check.moe(moe)?;
            let layers = self.layers.iter().filter(|layer| layer.moe).count();
            let experts = layers * moe.num_experts;
            let reason = "expected at most 262144 in all layers together";
            check.that(experts <= MAX_EXPERTS_OF_ALL_LAYERS, "num_experts", &experts, reason)?;
        }
        Ok(self)
    }

    fn check_factors(&self, check: &Check<'_>) -> Result<(), ModelError> {
        let factors = [
            ("attention_multiplier", Some(self.attention_scale)),
            ("attn_logit_softcapping", self.attn_logit_softcapping),
            ("final_logit_softcapping", self.final_logit_softcapping),
            ("embedding_multiplier", Some(self.embedding_multiplier)),
            ("residual_multiplier", Some(self.residual_multiplier)),
            ("logits_scaling", Some(self.logits_scaling)),
        ];
        for (key, factor) in factors {
            check.positive(key, factor.unwrap_or(1.0))?;
        }
        Ok(())
    }

    fn check_mla(&self, check: &Check<'_>) -> Result<(), ModelError> {
        let Some(mla) = &self.mla else { return Ok(()) };
        let sizes = [
            ("q_lora_rank", mla.q_lora_rank.unwrap_or(1)),
            ("kv_lora_rank", mla.kv_lora_rank),
            ("qk_nope_head_dim", mla.qk_nope_head_dim),
            ("qk_rope_head_dim", mla.qk_rope_head_dim),
            ("v_head_dim", mla.v_head_dim),
        ];
        for (key, size) in sizes {
            check.that((1..=MAX_DIMENSION).contains(&size), key, &size, DIMENSION)?;
        }
        let latent = mla.kv_lora_rank;
        let sound = (latent + mla.qk_rope_head_dim).is_multiple_of(2);
        check.that(sound, "kv_lora_rank", &latent, "must be even")
    }
}

struct Check<'a> {
    file: &'a Utf8Path,
}

impl Check<'_> {
    fn that(
        &self,
        sound: bool,
        key: &'static str,
        value: &dyn std::fmt::Display,
        reason: &'static str,
    ) -> Result<(), ModelError> {
        if sound {
            return Ok(());
        }
        let (value, file) = (value.to_string(), self.file.to_owned());
        Err(ModelError::InvalidConfig { key, value, reason, file })
    }

    fn positive(&self, key: &'static str, value: f32) -> Result<(), ModelError> {
        self.that(value > 0.0 && value.is_finite(), key, &value, "expected a number above 0")
    }

    fn rope(&self, rope: &RopeSpec) -> Result<(), ModelError> {
        let theta = rope.theta;
        let sound = theta >= 1.0 && theta.is_finite();
        self.that(sound, "rope_theta", &theta, "expected a number from 1 on")?;
        let (dim, head_dim) = (rope.rotary_dim, rope.head_dim);
        let sound = dim > 0 && dim.is_multiple_of(2) && dim <= head_dim;
        let reason = "must be even and at most the width of a head";
        self.that(sound, "partial_rotary_factor", &dim, reason)?;
        match &rope.scaling {
            RopeScaling::None => Ok(()),
            RopeScaling::Linear { factor } => self.positive("factor", *factor),
            RopeScaling::Dynamic { factor, original_positions } => {
                self.positive("factor", *factor)?;
                self.that(dim > 2, "partial_rotary_factor", &dim, "must be above 2 to be scaled")?;
                self.original(*original_positions)
            }
            RopeScaling::Yarn { factor, original_positions, beta_fast, beta_slow, .. } => {
                self.positive("factor", *factor)?;
                self.positive("beta_fast", *beta_fast)?;
                self.positive("beta_slow", *beta_slow)?;
                self.that(theta > 1.0, "rope_theta", &theta, "must be above 1 to be scaled")?;
                self.original(*original_positions)
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_positions,
            } => {
                self.positive("factor", *factor)?;
                self.positive("low_freq_factor", *low)?;
                let sound = high > low && high.is_finite();
                self.that(sound, "high_freq_factor", high, "must be above low_freq_factor")?;
                self.original(*original_positions)
            }
            RopeScaling::LongRope {
                short_factors,
                long_factors,
                original_positions,
                attention_factor,
            } => {
                self.positive("attention_factor", *attention_factor)?;
                self.factors("short_factor", short_factors, dim)?;
                self.factors("long_factor", long_factors, dim)?;
                self.original(*original_positions)
            }
        }
    }

    fn original(&self, positions: usize) -> Result<(), ModelError> {
        let sound = (1..=MAX_DIMENSION).contains(&positions);
        self.that(sound, "original_max_position_embeddings", &positions, DIMENSION)
    }

    fn factors(
        &self,
        key: &'static str,
        factors: &[f32],
        rotary_dim: usize,
    ) -> Result<(), ModelError> {
        let (found, reason) = (factors.len(), "must have one factor for each rotated pair");
        self.that(2 * found == rotary_dim, key, &found, reason)?;
        factors.iter().try_for_each(|&factor| self.positive(key, factor))
    }

    fn moe(&self, moe: &MoeConfig) -> Result<(), ModelError> {
        let experts = moe.num_experts;
        let sound = (1..=MAX_EXPERTS).contains(&experts);
        self.that(sound, "num_experts", &experts, "expected from 1 to 4096")?;
        let width = moe.moe_intermediate_size;
        let sound = (1..=MAX_DIMENSION).contains(&width);
        self.that(sound, "moe_intermediate_size", &width, DIMENSION)?;
        let shared = moe.shared_intermediate_size;
        self.that(shared <= MAX_DIMENSION, "n_shared_experts", &shared, DIMENSION)?;
        self.positive("routed_scaling_factor", moe.routed_scaling_factor)?;
        let (n_group, topk_group) = moe.groups.unwrap_or((1, 1));
        let sound = n_group > 0 && experts.is_multiple_of(n_group);
        self.that(sound, "n_group", &n_group, "must divide the number of experts")?;
        let sound = (1..=n_group).contains(&topk_group);
        self.that(sound, "topk_group", &topk_group, "expected from 1 to n_group")?;
        let (used, limit) = (moe.num_experts_per_tok, experts / n_group * topk_group);
        let sound = (1..=limit).contains(&used);
        let reason = "expected from 1 to the experts of the groups that are chosen";
        self.that(sound, "num_experts_per_tok", &used, reason)
    }
}
