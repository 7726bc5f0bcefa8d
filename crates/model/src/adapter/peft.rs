//! Adapters of the kinds that are trained here, in PEFT's form.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change::{AdapterTensor, Tensors};
use super::config::{LoraAdapterConfig, TargetModules};
use super::peft_types::{IA3, LORA, PREFIX_TUNING, refusal};
use crate::error::ModelError;
use crate::files::{io_error, read_json, write_json};
use crate::safetensors::{SafetensorsFile, write_f32};

pub(super) const CONFIG_FILE: &str = "adapter_config.json";
pub(super) const TENSOR_FILE: &str = "adapter_model.safetensors";

/// An adapter of any kind that is trained here: its configuration and its tensors by PEFT's keys,
/// such as `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct PeftAdapter {
    /// The configuration.
    pub config: PeftConfig,
    /// The tensors.
    pub tensors: BTreeMap<String, AdapterTensor>,
}

/// `adapter_config.json` by its `peft_type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum PeftConfig {
    /// Low-rank pairs, with magnitudes or without.
    Lora(Box<LoraAdapterConfig>),
    /// Vectors that scale outputs or inputs.
    Ia3(Ia3AdapterConfig),
    /// Learned keys and values.
    Prefix(PrefixAdapterConfig),
}

/// PEFT's keys of an IA3 adapter. Unknown ones are kept in `extra` and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ia3AdapterConfig {
    /// `IA3`.
    pub peft_type: String,
    /// `CAUSAL_LM` for language models.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The model that the adapter was made on.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// The modules that have a vector.
    #[serde(default)]
    pub target_modules: Option<TargetModules>,
    /// Those of them whose inputs are scaled.
    #[serde(default)]
    pub feedforward_modules: Option<TargetModules>,
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

/// PEFT's keys of a prefix. Unknown ones are kept in `extra` and written again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrefixAdapterConfig {
    /// `PREFIX_TUNING`.
    pub peft_type: String,
    /// `CAUSAL_LM` for language models.
    #[serde(default)]
    pub task_type: Option<String>,
    /// The model that the adapter was made on.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// Keys and values per layer.
    pub num_virtual_tokens: usize,
    /// Values of the keys of one layer and token: key heads times their size.
    #[serde(default)]
    pub token_dim: Option<usize>,
    /// One for decoders.
    #[serde(default)]
    pub num_transformer_submodules: Option<usize>,
    /// Key heads, whatever the name says.
    #[serde(default)]
    pub num_attention_heads: Option<usize>,
    /// Layers of the model.
    #[serde(default)]
    pub num_layers: Option<usize>,
    /// Whether a network makes the prefix: not supported.
    #[serde(default)]
    pub prefix_projection: bool,
    /// Whether the adapter was saved for use, not for more training.
    #[serde(default)]
    pub inference_mode: bool,
    /// All other keys.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl PeftAdapter {
    /// Reads an adapter folder of any kind that is trained here.
    ///
    /// # Errors
    /// If a file is missing or broken, or the adapter is of another kind: by name, with what that
    /// kind is.
    pub fn read(folder: &Utf8Path) -> Result<Self, ModelError> {
        let value: Value = read_json(&folder.join(CONFIG_FILE))?;
        let config = PeftConfig::from_json(value, folder)?;
        let file = SafetensorsFile::open(&folder.join(TENSOR_FILE))?;
        let mut tensors = read_tensors(&file)?;
        if is_tied(&config) && table(&tensors).is_some() {
            tensors.remove(HEAD);
        }
        let adapter = Self { config, tensors };
        adapter.check()?;
        Ok(adapter)
    }

    /// Writes an adapter folder that PEFT loads. The configuration is written last.
    ///
    /// # Errors
    /// From the file system.
    pub fn write(&self, folder: &Utf8Path) -> Result<(), ModelError> {
        write_folder(folder, &self.tensors, serde_json::to_value(&self.config))
    }
}

impl PeftConfig {
    /// Refuses kinds that we do not know before anything else is asked of the keys.
    fn from_json(value: Value, folder: &Utf8Path) -> Result<Self, ModelError> {
        let peft_type = value["peft_type"].as_str().unwrap_or_default().to_owned();
        if let Some(reason) = refusal(&peft_type) {
            let (path, key) = (folder.to_owned(), "peft_type");
            return Err(ModelError::UnsupportedAdapter { path, key, value: peft_type, reason });
        }
        let broken = |source| ModelError::Json { path: folder.join(CONFIG_FILE), source };
        match peft_type.as_str() {
            LORA => {
                let config: LoraAdapterConfig = serde_json::from_value(value).map_err(broken)?;
                config.check(folder)?;
                Ok(Self::Lora(Box::new(config)))
            }
            IA3 => Ok(Self::Ia3(serde_json::from_value(value).map_err(broken)?)),
            _ => {
                debug_assert_eq!(peft_type, PREFIX_TUNING, "a type that is not refused");
                let config: PrefixAdapterConfig = serde_json::from_value(value).map_err(broken)?;
                if config.prefix_projection {
                    return Err(ModelError::UnsupportedAdapter {
                        path: folder.to_owned(),
                        key: "prefix_projection",
                        value: "true".to_owned(),
                        reason: "supported is false",
                    });
                }
                Ok(Self::Prefix(config))
            }
        }
    }
}

/// Whether a tensor is the base's own weight beside a pair for it: PEFT saves that of the head again.
fn is_base_of_pair(name: &str, file: &SafetensorsFile) -> bool {
    name.strip_suffix(".base_layer.weight")
        .is_some_and(|module| file.tensor(&format!("{module}.lora_A.weight")).is_ok())
}

pub(super) fn read_tensors(file: &SafetensorsFile) -> Result<Tensors, ModelError> {
    let mut tensors = BTreeMap::new();
    for name in file.names() {
        if is_base_of_pair(name, file) {
            continue;
        }
        let view = file.tensor(name)?;
        let tensor = AdapterTensor { shape: view.shape.to_vec(), data: view.to_f32()? };
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// The table of tokens saved whole, and the output head. Where both are one, PEFT writes it twice.
const TABLES: [&str; 2] =
    ["base_model.model.model.embed_tokens.weight", "base_model.model.transformer.wte.weight"];
const HEAD: &str = "base_model.model.lm_head.weight";
const TIED: &str = "ensure_weight_tying";

/// The table of tokens, if it is saved whole.
fn table(tensors: &Tensors) -> Option<&AdapterTensor> {
    TABLES.iter().find_map(|name| tensors.get(*name))
}

fn is_tied(config: &PeftConfig) -> bool {
    match config {
        PeftConfig::Lora(config) => config.extra.get(TIED) == Some(&Value::Bool(true)),
        PeftConfig::Ia3(_) | PeftConfig::Prefix(_) => false,
    }
}

/// Writes an adapter folder, the configuration last.
pub(super) fn write_folder(
    folder: &Utf8Path,
    tensors: &Tensors,
    config: serde_json::Result<Value>,
) -> Result<(), ModelError> {
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let path = folder.join(CONFIG_FILE);
    let config = config.map_err(|source| ModelError::Json { path: path.clone(), source })?;
    let table = table(tensors).filter(|_| config[TIED] == Value::Bool(true));
    let head = table.map(|table| (HEAD.to_owned(), table.clone()));
    let head = head.as_ref().map(|(name, tensor)| (name, tensor));
    let views = tensors
        .iter()
        .chain(head)
        .map(|(name, tensor)| (name.as_str(), tensor.shape.as_slice(), tensor.data.as_slice()));
    write_f32(&folder.join(TENSOR_FILE), views, &[("format", "pt")])?;
    write_json(&path, &config)
}
