//! Which values are trained.

use super::error::TrainingError;

/// Projections that can be adapted, in the order of the forward pass.
pub(super) const PROJECTIONS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// Which values are trained.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// All of the model's own.
    Full,
    /// The model's own of some layers and modules.
    Freeze(FreezeConfig),
    /// Low-rank pairs beside the model's projections, which stay as they are.
    Lora(LoraConfig),
}

/// Which tensors of the model are trained, the rest being frozen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FreezeConfig {
    /// Layers of which something is trained, counted from 0.
    pub layers: Vec<usize>,
    /// Modules of these layers by any part of their path, such as `mlp` or `q_proj`; none for all.
    pub modules: Vec<String>,
    /// Modules outside the layers, by any part of their path, such as `embed_tokens` or `norm`.
    pub extra_modules: Vec<String>,
}

/// What to adapt and how.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank of the adapters.
    pub r: usize,
    /// The adapters' products are scaled by `lora_alpha / r`.
    pub lora_alpha: f32,
    /// Whether they are scaled by `lora_alpha / sqrt(r)` instead.
    pub use_rslora: bool,
    /// Adapted projections: any of `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`,
    /// `down_proj`.
    pub target_modules: Vec<String>,
    /// Seed of the first values.
    pub seed: u64,
}

impl Method {
    /// Whether a tensor of the model is trained.
    pub(super) fn trains(&self, name: &str) -> bool {
        match self {
            Self::Full => true,
            Self::Freeze(freeze) => freeze.trains(name),
            Self::Lora(_) => false,
        }
    }

    /// The adapter of a module, if it gets one.
    pub(super) fn lora(&self, module: &str) -> Option<&LoraConfig> {
        let Self::Lora(lora) = self else { return None };
        let name = module.rsplit('.').next().unwrap_or(module);
        lora.target_modules.iter().any(|target| target == name).then_some(lora)
    }

    /// Rank of the adapters, 0 without any.
    pub(super) fn rank(&self) -> usize {
        match self {
            Self::Lora(lora) => lora.r,
            Self::Full | Self::Freeze(_) => 0,
        }
    }

    /// Refuses what makes no sense for any model.
    pub(super) fn check(&self) -> Result<(), TrainingError> {
        match self {
            Self::Full | Self::Freeze(_) => Ok(()),
            Self::Lora(lora) => lora.check(),
        }
    }
}

impl FreezeConfig {
    fn trains(&self, name: &str) -> bool {
        let part_of =
            |wanted: &[String]| name.split('.').any(|part| wanted.iter().any(|w| w == part));
        let layer = name.split('.').find_map(|part| part.parse::<usize>().ok());
        match layer {
            Some(layer) => {
                self.layers.contains(&layer) && (self.modules.is_empty() || part_of(&self.modules))
            }
            None => part_of(&self.extra_modules),
        }
    }
}

impl LoraConfig {
    pub(super) fn scale(&self) -> f32 {
        let r = self.r as f32;
        if self.use_rslora { self.lora_alpha / r.sqrt() } else { self.lora_alpha / r }
    }

    fn check(&self) -> Result<(), TrainingError> {
        if self.r == 0 {
            return Err(TrainingError::NotPositive { key: "r", value: self.r.to_string() });
        }
        if self.lora_alpha.is_nan() || self.lora_alpha <= 0.0 {
            let value = self.lora_alpha.to_string();
            return Err(TrainingError::NotPositive { key: "lora_alpha", value });
        }
        if self.target_modules.is_empty() {
            return Err(TrainingError::NoTargets { known: &PROJECTIONS });
        }
        let unknown = |name: &&String| !PROJECTIONS.contains(&name.as_str());
        match self.target_modules.iter().find(unknown) {
            None => Ok(()),
            Some(name) => {
                Err(TrainingError::UnknownTarget { name: name.clone(), known: &PROJECTIONS })
            }
        }
    }
}
