//! `adapter_config.json`.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ModelError;

/// PEFT's keys. Unknown ones are kept in `extra` and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraAdapterConfig {
    /// `LORA`.
    pub peft_type: String,
    /// `CAUSAL_LM` for language models.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The model that the adapter was made on.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// Rank of the pairs.
    pub r: usize,
    /// Numerator of the scale.
    pub lora_alpha: f64,
    /// Dropout while training.
    #[serde(default)]
    pub lora_dropout: f64,
    /// The modules that have a pair.
    #[serde(default)]
    pub target_modules: Option<TargetModules>,
    /// Which biases are trained: `none` is supported.
    #[serde(default = "none")]
    pub bias: String,
    /// Whether base weights are stored `[in, out]`, as GPT-2's are; pairs are the same either way.
    #[serde(default)]
    pub fan_in_fan_out: bool,
    /// Whether the scale is `lora_alpha / sqrt(r)`.
    #[serde(default)]
    pub use_rslora: bool,
    /// Whether lengths of rows are trained apart from their directions.
    #[serde(default)]
    pub use_dora: bool,
    /// Other ranks for some modules, by name.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Other alphas for some modules, by name.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Modules saved whole.
    #[serde(default)]
    pub modules_to_save: Option<Vec<String>>,
    /// Whether the adapter was saved for use, not for more training.
    #[serde(default)]
    pub inference_mode: bool,
    /// All other keys.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Names, or one pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetModules {
    /// Names of modules, such as `q_proj`.
    Names(Vec<String>),
    /// A regular expression on module paths, or `all-linear`.
    Pattern(String),
}

fn none() -> String {
    "none".to_owned()
}

impl LoraAdapterConfig {
    /// The configuration of a plain LoRA adapter for a language model.
    pub fn new(r: usize, lora_alpha: f64, target_modules: Vec<String>) -> Self {
        Self {
            peft_type: "LORA".to_owned(),
            task_type: Some("CAUSAL_LM".to_owned()),
            base_model_name_or_path: None,
            r,
            lora_alpha,
            lora_dropout: 0.0,
            target_modules: Some(TargetModules::Names(target_modules)),
            bias: none(),
            fan_in_fan_out: false,
            use_rslora: false,
            use_dora: false,
            rank_pattern: BTreeMap::new(),
            alpha_pattern: BTreeMap::new(),
            modules_to_save: None,
            inference_mode: true,
            extra: Map::new(),
        }
    }

    /// What is added for a module: `scale * B A`, where `scale` is `lora_alpha / r`, or
    /// `lora_alpha / sqrt(r)` for rank-stabilized adapters.
    ///
    /// # Source
    /// Hu et al. 2021, arXiv:2106.09685, section 4.1; Kalajdzievski 2023, arXiv:2312.03732.
    pub fn scale(&self, module: &str, rank: usize) -> f64 {
        let alpha = pattern_value(&self.alpha_pattern, module).unwrap_or(self.lora_alpha);
        let rank = rank as f64;
        if self.use_rslora { alpha / rank.sqrt() } else { alpha / rank }
    }

    /// The rank that a module's pair must have.
    pub fn rank(&self, module: &str) -> usize {
        pattern_value(&self.rank_pattern, module).unwrap_or(self.r)
    }

    /// Refuses what we know nothing of.
    pub(super) fn check(&self, path: &Utf8Path) -> Result<(), ModelError> {
        let refuse = |key, value: String, reason| {
            Err(ModelError::UnsupportedAdapter { path: path.to_owned(), key, value, reason })
        };
        if self.bias != "none" {
            return refuse("bias", self.bias.clone(), "supported is none");
        }
        let mut others = OTHER_KINDS.iter().filter_map(|&key| Some((key, self.extra.get(key)?)));
        if let Some((key, value)) = others.find(|(_, value)| is_set(value)) {
            return refuse(key, value.to_string(), "supported is plain LoRA");
        }
        let key = "target_parameters";
        if let Some(value) = self.extra.get(key).filter(|&value| is_set(value)) {
            let reason = "supported are pairs of linear layers, those of experts one by one";
            return refuse(key, value.to_string(), reason);
        }
        let key = "init_lora_weights";
        let init = self.extra.get(key).and_then(Value::as_str).unwrap_or_default();
        if RESIDUAL_INITS.iter().any(|kind| init.to_lowercase().starts_with(kind)) {
            let reason = "its values go with a base that was changed; save it as plain LoRA";
            return refuse(key, init.to_owned(), reason);
        }
        if self.r == 0 {
            return refuse("r", "0".to_owned(), "expected at least 1");
        }
        if !self.lora_alpha.is_finite() {
            return refuse("lora_alpha", self.lora_alpha.to_string(), "expected a finite number");
        }
        let names = self.rank_pattern.keys().chain(self.alpha_pattern.keys());
        let pattern =
            names.into_iter().find(|name| name.contains(|c| "^$*+?()[]{}|\\".contains(c)));
        match pattern {
            Some(name) => {
                let reason = "supported are module names without regular expressions";
                refuse("rank_pattern or alpha_pattern", name.clone(), reason)
            }
            None => Ok(()),
        }
    }
}

/// Keys of kinds of LoRA that compute something else: for some tokens only, through a router, on
/// layers that are repeated, or with other shapes.
const OTHER_KINDS: [&str; 7] = [
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "layer_replication",
    "monteclora_config",
    "use_bdlora",
    "use_qalora",
];

/// First values that PEFT takes out of the base, also when it loads the adapter.
const RESIDUAL_INITS: [&str; 4] = ["pissa", "olora", "corda", "lora_ga"];

fn is_set(value: &Value) -> bool {
    let empty = value.as_array().is_some_and(Vec::is_empty);
    !(empty || matches!(value, Value::Null | Value::Bool(false)))
}

/// PEFT matches a pattern with the end of a module's path, at a dot.
pub(crate) fn pattern_value<T: Copy>(pattern: &BTreeMap<String, T>, module: &str) -> Option<T> {
    let matches = |name: &str| {
        module.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    pattern.iter().find(|(name, _)| matches(name)).map(|(_, value)| *value)
}
