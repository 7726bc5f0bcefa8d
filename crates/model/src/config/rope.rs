//! Rotary embeddings as both kinds of files describe them.

use catena_kernels::{RopeLayout, RopeScaling, RopeSpec};

use super::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;

/// What a family fixes about its rotary embedding; files say the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RopeDefaults {
    /// Dimensions of the heads that are rotated.
    pub(crate) head_dim: usize,
    /// Which of them make a pair.
    pub(crate) layout: RopeLayout,
    /// Base of the frequencies if the file has none.
    pub(crate) theta: f32,
    /// Rotated share of a head if the file has none.
    pub(crate) partial_rotary_factor: f32,
    /// Longest sequence, from which some scalings follow.
    pub(crate) max_position_embeddings: usize,
}

impl RopeDefaults {
    /// Whole heads in halves with a base of 10000.
    pub(crate) fn of(head_dim: usize, max_position_embeddings: usize) -> Self {
        let layout = RopeLayout::Halves;
        let (theta, partial_rotary_factor) = (10_000.0, 1.0);
        Self { head_dim, layout, theta, partial_rotary_factor, max_position_embeddings }
    }

    fn spec(&self, rotary_dim: usize, theta: f32, scaling: RopeScaling) -> RopeSpec {
        let Self { head_dim, layout, .. } = *self;
        RopeSpec { head_dim, first_rotary_dim: 0, rotary_dim, theta, layout, scaling }
    }

    /// The rotary embedding of a `config.json`: `rope_parameters` since transformers 5,
    /// `rope_scaling` and keys of their own before.
    ///
    /// # Errors
    /// If a value is of another type, or the scaling is none of ours.
    pub(crate) fn read_json(&self, keys: &JsonKeys) -> Result<RopeSpec, ModelError> {
        let inner = match keys.object("rope_parameters")? {
            Some(inner) => Some(inner),
            None => keys.object("rope_scaling")?,
        };
        self.read_parameters(keys, inner.as_ref())
    }

    /// As [`Self::read_json`], from the object `inner` and what `keys` has beside it.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn read_parameters(
        &self,
        keys: &JsonKeys,
        inner: Option<&JsonKeys>,
    ) -> Result<RopeSpec, ModelError> {
        let either = |key: &str| -> Result<Option<f32>, ModelError> {
            let within = inner.map_or(Ok(None), |inner| inner.get(key))?;
            within.map_or_else(|| keys.get(key), |value| Ok(Some(value)))
        };
        let theta = either("rope_theta")?.unwrap_or(self.theta);
        let partial = either("partial_rotary_factor")?.unwrap_or(self.partial_rotary_factor);
        let scaling = inner.map_or(Ok(RopeScaling::None), |inner| self.scaling(keys, inner))?;
        Ok(self.spec(self.share(partial), theta, scaling))
    }

    fn share(&self, partial_rotary_factor: f32) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded down as the reference does; impossible results are refused later"
        )]
        let rotary_dim = (self.head_dim as f32 * partial_rotary_factor) as usize;
        rotary_dim
    }

    fn scaling(&self, keys: &JsonKeys, inner: &JsonKeys) -> Result<RopeScaling, ModelError> {
        let kind = match inner.get::<String>("rope_type")? {
            Some(kind) => kind,
            None => inner.or("type", "default".to_owned())?,
        };
        let original = "original_max_position_embeddings";
        let original_positions = match inner.get(original)? {
            Some(positions) => positions,
            None => keys.or(original, self.max_position_embeddings)?,
        };
        let factor = || inner.required::<f32>("factor");
        Ok(match kind.as_str() {
            "default" | "none" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: factor()? },
            "dynamic" => RopeScaling::Dynamic { factor: factor()?, original_positions },
            "llama3" => RopeScaling::Llama3 {
                factor: factor()?,
                low_freq_factor: inner.required("low_freq_factor")?,
                high_freq_factor: inner.required("high_freq_factor")?,
                original_positions,
            },
            "yarn" => RopeScaling::Yarn {
                factor: factor()?,
                original_positions,
                beta_fast: inner.or("beta_fast", 32.0)?,
                beta_slow: inner.or("beta_slow", 1.0)?,
                attention_factor: yarn_attention_factor(inner)?,
                truncate: inner.or("truncate", true)?,
            },
            "longrope" | "su" => self.longrope(inner, original_positions)?,
            _ => {
                let key = if inner.has("rope_type") { "rope_type" } else { "type" };
                let reason = "supported are default, linear, dynamic, llama3, yarn, longrope";
                return Err(inner.refuse(key, reason));
            }
        })
    }

    /// The attention factor follows from how much longer sequences have become.
    fn longrope(
        &self,
        inner: &JsonKeys,
        original_positions: usize,
    ) -> Result<RopeScaling, ModelError> {
        let longer = self.max_position_embeddings as f32 / original_positions.max(1) as f32;
        let factor: f32 = inner.or("factor", longer)?;
        let usual = if factor <= 1.0 {
            1.0
        } else {
            (1.0 + factor.ln() / (original_positions as f32).ln()).sqrt()
        };
        Ok(RopeScaling::LongRope {
            short_factors: inner.required("short_factor")?,
            long_factors: inner.required("long_factor")?,
            original_positions,
            attention_factor: inner.or("attention_factor", usual)?,
        })
    }

    /// The rotary embedding of a GGUF file.
    ///
    /// # Errors
    /// If a value is of another type, or the scaling is none of ours.
    pub(crate) fn read_gguf(&self, keys: &GgufKeys<'_>) -> Result<RopeSpec, ModelError> {
        let theta = keys.float("rope.freq_base")?.unwrap_or(self.theta);
        let rotary_dim = keys.optional("rope.dimension_count")?;
        let rotary_dim = rotary_dim.unwrap_or_else(|| self.share(self.partial_rotary_factor));
        Ok(self.spec(rotary_dim, theta, self.gguf_scaling(keys)?))
    }

    fn gguf_scaling(&self, keys: &GgufKeys<'_>) -> Result<RopeScaling, ModelError> {
        let original = keys.optional("rope.scaling.original_context_length")?;
        let original_positions = original.unwrap_or(self.max_position_embeddings);
        let attention_factor = keys.float("rope.scaling.attn_factor")?;
        let long = keys.floats("rope_factors_long.weight")?;
        let short = keys.floats("rope_factors_short.weight")?;
        if let (Some(long_factors), Some(short_factors)) = (long, short) {
            let attention_factor = attention_factor.unwrap_or(1.0);
            let (short_factors, long_factors) = (short_factors, long_factors);
            return Ok(RopeScaling::LongRope {
                short_factors,
                long_factors,
                original_positions,
                attention_factor,
            });
        }
        // Llama 3's scaling, worked out by the converter as one factor per frequency.
        if let Some(factors) = keys.floats("rope_freqs.weight")? {
            return Ok(RopeScaling::LongRope {
                short_factors: factors.clone(),
                long_factors: factors,
                original_positions,
                attention_factor: 1.0,
            });
        }
        let factor = keys.float("rope.scaling.factor")?;
        let kind = keys.text("rope.scaling.type")?.unwrap_or("linear");
        match (kind, factor) {
            ("none", _) | ("linear" | "yarn", None) => Ok(RopeScaling::None),
            ("linear", Some(factor)) => Ok(RopeScaling::Linear { factor }),
            ("yarn", Some(factor)) => Ok(RopeScaling::Yarn {
                factor,
                original_positions,
                beta_fast: keys.float("rope.scaling.yarn_beta_fast")?.unwrap_or(32.0),
                beta_slow: keys.float("rope.scaling.yarn_beta_slow")?.unwrap_or(1.0),
                attention_factor: keys.float("rope.scaling.yarn_attn_factor")?,
                truncate: true,
            }),
            _ => {
                let reason = "supported are none, linear, yarn";
                Err(keys.refuse("rope.scaling.type", kind.to_owned(), reason))
            }
        }
    }
}

/// `0.1 mscale ln(factor) + 1`, what YaRN multiplies queries and keys by.
pub(crate) fn yarn_mscale(factor: f32, mscale: f32) -> f32 {
    if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 }
}

impl ModelConfig {
    /// The strength of YaRN that scores of latent attention are scaled by: `attention_scale
    /// sqrt(head_dim)` is the square of the factor of that strength. 0 if they are not.
    pub(crate) fn mscale_all_dim(&self, factor: f32) -> f32 {
        let scale = (self.attention_scale * (self.head_dim as f32).sqrt()).sqrt();
        let per_unit = yarn_mscale(factor, 1.0) - 1.0;
        if per_unit <= 0.0 {
            return 0.0;
        }
        // Files give few digits; the rest is what the roots lost.
        ((scale - 1.0) / per_unit * 1e5).round() / 1e5
    }
}

/// The factor that the file gives itself, or by two strengths; `None` for the usual one.
fn yarn_attention_factor(inner: &JsonKeys) -> Result<Option<f32>, ModelError> {
    if let Some(factor) = inner.get("attention_factor")? {
        return Ok(Some(factor));
    }
    let (mscale, all) = (inner.or("mscale", 0.0)?, inner.or("mscale_all_dim", 0.0)?);
    if mscale == 0.0 || all == 0.0 {
        return Ok(None);
    }
    let factor = inner.required("factor")?;
    Ok(Some(yarn_mscale(factor, mscale) / yarn_mscale(factor, all)))
}
