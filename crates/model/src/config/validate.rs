//! What no model can be, checked before anything is computed from it.

use camino::Utf8Path;

use super::ModelConfig;
use crate::error::ModelError;

/// Bound on each dimension: far above any model, far below overflow of their products.
const MAX_DIMENSION: usize = 1 << 24;
/// Bound on the number of layers.
const MAX_LAYERS: usize = 1 << 12;

impl ModelConfig {
    /// Refuses sizes that are zero, absurd or disagree.
    pub(crate) fn validate(self, file: &Utf8Path) -> Result<Self, ModelError> {
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
            let sound = (1..=MAX_DIMENSION).contains(&size);
            check(file, sound, key, &size, "expected from 1 to 16777216")?;
        }
        let layers = self.num_hidden_layers;
        let sound = (1..=MAX_LAYERS).contains(&layers);
        check(file, sound, "num_hidden_layers", &layers, "expected from 1 to 4096")?;
        let heads = self.num_key_value_heads;
        let sound = self.num_attention_heads.is_multiple_of(heads);
        check(file, sound, "num_key_value_heads", &heads, "must divide num_attention_heads")?;
        check(file, self.head_dim.is_multiple_of(2), "head_dim", &self.head_dim, "must be even")?;
        let eps = self.rms_norm_eps;
        check(file, eps > 0.0 && eps < 1.0, "rms_norm_eps", &eps, "expected between 0 and 1")?;
        let theta = self.rope_theta;
        let sound = theta >= 1.0 && theta.is_finite();
        check(file, sound, "rope_theta", &theta, "expected a number from 1 on")?;
        for &id in self.eos_token_ids.iter().chain(&self.bos_token_id) {
            let sound = (id as usize) < self.vocab_size;
            check(file, sound, "eos_token_id or bos_token_id", &id, "must be below vocab_size")?;
        }
        Ok(self)
    }
}

fn check(
    file: &Utf8Path,
    sound: bool,
    key: &'static str,
    value: &dyn std::fmt::Display,
    reason: &'static str,
) -> Result<(), ModelError> {
    if sound {
        return Ok(());
    }
    Err(ModelError::InvalidConfig { key, value: value.to_string(), reason, file: file.to_owned() })
}
