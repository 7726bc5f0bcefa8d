//! Learned vectors that scale what projections give or get.

use std::ops::Range;

use super::error::TrainingError;
use super::method::{AdapterKind, check_targets, is_target};

/// Which projections get a vector.
///
/// # Source
/// Liu et al. 2022, arXiv:2205.05638; defaults and names as in PEFT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ia3Config {
    /// Projections by the end of their path, or `all-linear`.
    pub target_modules: Vec<String>,
    /// Those of them whose inputs are scaled, and not their outputs.
    pub feedforward_modules: Vec<String>,
    /// Modules trained whole beside the vectors, by the end of their name.
    pub modules_to_save: Vec<String>,
}

impl Ia3Config {
    /// PEFT's choice for a family: values, the input of the MLP's last projection, and keys, or for
    /// some families queries in their place, or all three where they are one matrix. Families that
    /// PEFT has no default for get the same under their names.
    pub fn for_family(model_type: &str) -> Self {
        let queries = ["gemma", "gemma2", "gemma3_text", "qwen2", "qwen3"];
        let (targets, last) = match model_type {
            "gpt2" => (vec!["c_attn"], "mlp.c_proj"),
            "gpt_neox" => (vec!["query_key_value"], "dense_4h_to_h"),
            "chatglm" => (vec!["query_key_value"], "mlp.dense_4h_to_h"),
            "phi3" => (vec!["qkv_proj"], "down_proj"),
            "starcoder2" => (vec!["k_proj", "v_proj"], "mlp.c_proj"),
            "mixtral" => (vec!["k_proj", "v_proj"], "w2"),
            _ if queries.contains(&model_type) => (vec!["q_proj", "v_proj"], "down_proj"),
            _ => (vec!["k_proj", "v_proj"], "down_proj"),
        };
        Self {
            target_modules: targets.into_iter().chain([last]).map(str::to_owned).collect(),
            feedforward_modules: vec![last.to_owned()],
            modules_to_save: Vec::new(),
        }
    }

    /// What a module gets.
    pub(super) fn vector(&self, module: &str) -> Option<AdapterKind> {
        if !is_target(&self.target_modules, module) {
            return None;
        }
        let input = is_target(&self.feedforward_modules, module);
        Some(if input { AdapterKind::InputVector } else { AdapterKind::OutputVector })
    }

    pub(super) fn check(&self) -> Result<(), TrainingError> {
        check_targets(&self.target_modules)?;
        let all = &self.feedforward_modules;
        if let Some(name) = all.iter().find(|name| !is_target(&self.target_modules, name)) {
            return Err(TrainingError::FeedforwardNotTarget { name: name.clone() });
        }
        Ok(())
    }
}

/// A vector of one projection.
pub(super) struct Ia3 {
    /// Its place in the values: one factor per output, or per input.
    pub(super) vector: Range<usize>,
    pub(super) of: Ia3Side,
}

/// What a vector scales.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ia3Side {
    /// Outputs, the bias with them.
    Output,
    /// Inputs.
    Input,
}

impl Ia3 {
    pub(super) fn get<'a>(&self, values: &'a [f32]) -> &'a [f32] {
        &values[self.vector.clone()]
    }
}
