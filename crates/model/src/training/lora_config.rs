//! Low-rank pairs: which, how large, and what they begin with.

use std::collections::BTreeMap;

use super::error::TrainingError;
use super::method::{check_targets, is_target, layer_of};
use crate::adapter::pattern_value;

/// What to adapt and how.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank of the adapters.
    pub r: usize,
    /// The adapters' products are scaled by `lora_alpha / r`.
    pub lora_alpha: f32,
    /// Whether they are scaled by `lora_alpha / sqrt(r)` instead.
    pub use_rslora: bool,
    /// Adapted projections by the end of their path: `q_proj`, `k_proj`, `v_proj`, `o_proj`,
    /// `gate_proj`, `up_proj`, `down_proj` of decoders and their experts, `gate` of routers, the
    /// family's own names where it has some, or `all-linear` for all of them.
    pub target_modules: Vec<String>,
    /// Seed of the first values.
    pub seed: u64,
}

/// What PEFT's configuration says beyond [`LoraConfig`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoraSettings {
    /// Whether the lengths of the rows are learnt apart from their directions.
    pub use_dora: bool,
    /// What the pairs begin with.
    pub init_lora_weights: LoraInit,
    /// Other ranks for some modules, by the end of their path.
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other alphas for some modules, by the end of their path.
    pub alpha_pattern: BTreeMap<String, f32>,
    /// The layers that are adapted, counted from 0; none for all.
    pub layers_to_transform: Option<Vec<usize>>,
    /// Modules trained whole beside the pairs, by the end of their name.
    pub modules_to_save: Vec<String>,
}

/// What pairs begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoraInit {
    /// A uniform within `1 / sqrt(fan_in)`, B zero.
    #[default]
    Kaiming,
    /// A normal with deviation `1 / r`, B zero.
    Gaussian,
    /// The largest singular values of the weight, whose rest is frozen.
    Pissa {
        /// Power iterations of the randomized decomposition; `None` for the exact one.
        niter: Option<usize>,
    },
}

/// The pair of one module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PairConfig {
    pub(super) r: usize,
    pub(super) scale: f32,
    pub(super) use_dora: bool,
    pub(super) init: LoraInit,
    pub(super) seed: u64,
}

impl LoraConfig {
    pub(super) fn check(&self) -> Result<(), TrainingError> {
        positive("r", self.r)?;
        positive_alpha("lora_alpha", self.lora_alpha)?;
        check_targets(&self.target_modules)
    }
}

impl LoraInit {
    /// Whether a part of the weight is moved into the pair.
    pub(super) fn takes_weight(self) -> bool {
        matches!(self, Self::Pissa { .. })
    }

    /// PEFT's `init_lora_weights`, of which we know some.
    ///
    /// # Errors
    /// [`TrainingError::UnknownInit`] for the others.
    pub fn parse(text: &str) -> Result<Self, TrainingError> {
        let unknown = || TrainingError::UnknownInit { value: text.to_owned() };
        match text {
            "true" => Ok(Self::Kaiming),
            "gaussian" => Ok(Self::Gaussian),
            "pissa" => Ok(Self::Pissa { niter: None }),
            _ => {
                let niter = text.strip_prefix("pissa_niter_").ok_or_else(unknown)?;
                Ok(Self::Pissa { niter: Some(niter.parse().map_err(|_| unknown())?) })
            }
        }
    }
}

/// Nothing of all this.
pub(super) static PLAIN: LoraSettings = LoraSettings {
    use_dora: false,
    init_lora_weights: LoraInit::Kaiming,
    rank_pattern: BTreeMap::new(),
    alpha_pattern: BTreeMap::new(),
    layers_to_transform: None,
    modules_to_save: Vec::new(),
};

impl LoraSettings {
    /// The pair of a module, if it gets one.
    pub(super) fn pair(&self, lora: &LoraConfig, module: &str) -> Option<PairConfig> {
        let in_layer = match &self.layers_to_transform {
            None => true,
            Some(layers) => layer_of(module).is_some_and(|layer| layers.contains(&layer)),
        };
        if !in_layer || !is_target(&lora.target_modules, module) {
            return None;
        }
        let r = pattern_value(&self.rank_pattern, module).unwrap_or(lora.r);
        let alpha = pattern_value(&self.alpha_pattern, module).unwrap_or(lora.lora_alpha);
        let rank = r as f32;
        let scale = if lora.use_rslora { alpha / rank.sqrt() } else { alpha / rank };
        let (init, seed) = (self.init_lora_weights, lora.seed);
        Some(PairConfig { r, scale, use_dora: self.use_dora, init, seed })
    }

    pub(super) fn check(&self) -> Result<(), TrainingError> {
        self.rank_pattern.values().try_for_each(|&r| positive("rank_pattern", r))?;
        let mut alphas = self.alpha_pattern.values();
        alphas.try_for_each(|&alpha| positive_alpha("alpha_pattern", alpha))
    }
}

fn positive(key: &'static str, value: usize) -> Result<(), TrainingError> {
    if value > 0 {
        return Ok(());
    }
    Err(TrainingError::NotPositive { key, value: value.to_string() })
}

fn positive_alpha(key: &'static str, value: f32) -> Result<(), TrainingError> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(TrainingError::NotPositive { key, value: value.to_string() })
}
