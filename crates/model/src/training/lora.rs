//! The adapter's configuration, its flat layout and its first values.

use std::ops::Range;

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::error::TrainingError;
use crate::ModelConfig;

/// Projections that can be adapted, in the order of the forward pass.
pub(super) const PROJECTIONS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

/// What to adapt and how.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    /// Rank of the adapters.
    pub r: usize,
    /// The adapters' products are scaled by `lora_alpha / r`.
    pub lora_alpha: f32,
    /// Adapted projections: any of `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`,
    /// `down_proj`.
    pub target_modules: Vec<String>,
    /// Seed of the first values.
    pub seed: u64,
}

/// One trained tensor inside the flat vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// PEFT's key, such as `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
    pub name: String,
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Its place in [`super::TrainModel::values`] and [`super::TrainModel::grads`].
    pub range: Range<usize>,
}

/// One projection of one layer.
pub(super) struct Projection {
    /// Name within the layer and in the checkpoint, such as `self_attn.q_proj`.
    pub(super) module: String,
    /// Output and input width.
    pub(super) n: usize,
    pub(super) k: usize,
    /// Indices of its A and B in the parameters, if adapted.
    pub(super) pair: Option<[usize; 2]>,
}

/// Parameters in flat order, and the projections layer by layer.
pub(super) struct Layout {
    pub(super) params: Vec<Param>,
    pub(super) layers: Vec<[Projection; 7]>,
}

impl LoraConfig {
    pub(super) fn scale(&self) -> f32 {
        self.lora_alpha / self.r as f32
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

    /// Lays the adapter out over the model.
    pub(super) fn layout(&self, config: &ModelConfig) -> Result<Layout, TrainingError> {
        self.check()?;
        let mut params = Vec::new();
        let mut offset = 0;
        let mut param = |name: String, shape: [usize; 2]| {
            let range = offset..offset + shape[0] * shape[1];
            offset = range.end;
            params.push(Param { name, shape, range });
            params.len() - 1
        };
        let mut layers = Vec::with_capacity(config.num_hidden_layers);
        for layer in 0..config.num_hidden_layers {
            layers.push(PROJECTIONS.map(|name| {
                let (block, n, k) = shape_of(name, config);
                let module = format!("{block}.{name}");
                let adapted = self.target_modules.iter().any(|target| target == name);
                let pair = adapted.then(|| {
                    let key = format!("base_model.model.model.layers.{layer}.{module}");
                    [
                        param(format!("{key}.lora_A.weight"), [self.r, k]),
                        param(format!("{key}.lora_B.weight"), [n, self.r]),
                    ]
                });
                Projection { module, n, k, pair }
            }));
        }
        Ok(Layout { params, layers })
    }

    /// First values as PEFT draws them: A uniform within `1 / sqrt(fan_in)` (Kaiming with
    /// `a = sqrt(5)`), B zero. The numbers are our generator's, not PyTorch's.
    pub(super) fn first_values(&self, params: &[Param]) -> Vec<f32> {
        let len = params.last().map_or(0, |param| param.range.end);
        let mut values = vec![0.0; len];
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        for param in params.iter().filter(|param| param.name.ends_with("lora_A.weight")) {
            let bound = 1.0 / (param.shape[1] as f32).sqrt();
            for value in &mut values[param.range.clone()] {
                *value = rng.random_range(-bound..bound);
            }
        }
        values
    }
}

/// Block, output width and input width of a projection.
fn shape_of(name: &str, config: &ModelConfig) -> (&'static str, usize, usize) {
    let (c, f) = (config.hidden_size, config.intermediate_size);
    let queries = config.num_attention_heads * config.head_dim;
    let keys = config.num_key_value_heads * config.head_dim;
    match name {
        "q_proj" => ("self_attn", queries, c),
        "k_proj" | "v_proj" => ("self_attn", keys, c),
        "o_proj" => ("self_attn", c, queries),
        "gate_proj" | "up_proj" => ("mlp", f, c),
        _ => ("mlp", c, f),
    }
}
