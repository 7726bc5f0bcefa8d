//! Whether two configurations compute the same.

use catena_kernels::RopeSpec;

use super::ModelConfig;

/// Largest relative difference of numbers that count as equal: files hold some as their logarithms
/// or roots.
const SAME: f64 = 1e-5;

impl ModelConfig {
    /// The first thing that `other` computes in another way, by key; `None` if both are the same
    /// model, whatever its special tokens.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let (a, b) = (self, other);
        let sizes = |config: &Self| {
            [
                ("hidden_size", config.hidden_size),
                ("intermediate_size", config.intermediate_size),
                ("num_hidden_layers", config.num_hidden_layers),
                ("num_attention_heads", config.num_attention_heads),
                ("num_key_value_heads", config.num_key_value_heads),
                ("head_dim", config.head_dim),
                ("vocab_size", config.vocab_size),
                ("max_position_embeddings", config.max_position_embeddings),
            ]
        };
        let mut pairs = sizes(a).into_iter().zip(sizes(b));
        if let Some(((key, _), _)) = pairs.find(|(a, b)| a != b) {
            return Some(key);
        }
        let windows = a.layers.iter().zip(&b.layers);
        let windows_differ = windows.clone().any(|(a, b)| a.sliding_window != b.sliding_window);
        let biases = |c: &Self| (c.attention_bias, c.attention_out_bias, c.mlp_bias);
        let factors = |c: &Self| [c.embedding_multiplier, c.residual_multiplier, c.logits_scaling];
        let caps = |c: &Self| [c.attn_logit_softcapping, c.final_logit_softcapping];
        let factors_differ =
            factors(a).into_iter().zip(factors(b)).any(|(a, b)| differ(a.into(), b.into()));
        let checks = [
            ((a.norm, a.residual) != (b.norm, b.residual), "the kind or place of norms"),
            (differ(a.norm_eps.into(), b.norm_eps.into()), "rms_norm_eps"),
            (biases(a) != biases(b), "attention_bias"),
            (a.qk_norm != b.qk_norm, "norms of queries and keys"),
            (differ(a.attention_scale.into(), b.attention_scale.into()), "the scale of scores"),
            (caps(a) != caps(b), "attn_logit_softcapping"),
            (factors_differ, "a multiplier"),
            (a.learned_positions != b.learned_positions, "learned positions"),
            (windows_differ, "sliding_window"),
            (a.mlp != b.mlp, "hidden_act"),
            (a.moe != b.moe || windows.clone().any(|(a, b)| a.moe != b.moe), "experts"),
            (a.mla != b.mla, "latent attention"),
            (
                windows.clone().any(|(x, y)| a.rope_of(x.rope) != b.rope_of(y.rope)),
                "layers without positions",
            ),
            (a.ropes_differ(b), "rope_parameters"),
            (a.tie_word_embeddings != b.tie_word_embeddings, "tie_word_embeddings"),
        ];
        checks.into_iter().find(|(differs, _)| *differs).map(|(_, key)| key)
    }

    /// Whether a layer sees positions.
    fn rope_of(&self, rope: Option<usize>) -> bool {
        rope.is_some_and(|idx| idx < self.rope_parameters.len())
    }

    /// Whether any layer turns queries and keys by other angles.
    fn ropes_differ(&self, other: &Self) -> bool {
        let longest = self.max_position_embeddings;
        let angles_differ = |a: &RopeSpec, b: &RopeSpec| {
            if (a.head_dim, a.rotary_dim, a.layout) != (b.head_dim, b.rotary_dim, b.layout) {
                return true;
            }
            let ((a, a_factor), (b, b_factor)) = (a.frequencies(longest), b.frequencies(longest));
            differ(a_factor, b_factor) || a.iter().zip(&b).any(|(a, b)| differ(*a, *b))
        };
        self.layers.iter().zip(&other.layers).any(|(a, b)| match (a.rope, b.rope) {
            (Some(a), Some(b)) => {
                angles_differ(&self.rope_parameters[a], &other.rope_parameters[b])
            }
            _ => false,
        })
    }
}

fn differ(a: f64, b: f64) -> bool {
    (a - b).abs() > SAME * a.abs().max(b.abs())
}
