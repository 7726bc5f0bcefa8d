//! Opening a model.

use std::borrow::Cow;
use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use catena_text::{ChatTemplate, Tokenizer, limits};
use serde_json::Value;

use super::names::{expected, from_gguf, gguf_row};
use super::weight::{Weight, WeightData, f32_cow, ordered_rows};
use crate::config::{GgufKeys, ModelConfig};
use crate::error::ModelError;
use crate::files::{read, read_json};
use crate::gguf::{GgmlType, GgufFile, TensorInfo};
use crate::safetensors::{Dtype, SafetensorsFile, TensorView, f32_values};
use crate::tensors::nearest_name;

/// A language model on disk: its configuration, tokenizer, template and tensors.
#[derive(Debug)]
pub struct Checkpoint {
    path: Utf8PathBuf,
    config: ModelConfig,
    /// Shape of each tensor, by Hugging Face's name.
    shapes: BTreeMap<String, Vec<usize>>,
    files: Files,
}

#[derive(Debug)]
enum Files {
    Gguf {
        file: GgufFile,
        /// GGUF's name of each tensor.
        names: BTreeMap<String, String>,
    },
    Folder(SafetensorsFile),
}

impl Checkpoint {
    /// Opens a `.gguf` file or a Hugging Face folder and checks that it holds exactly the tensors
    /// that its configuration implies, with their shapes. Values are read later, on demand.
    ///
    /// # Errors
    /// If the path is neither, a file is broken, or the architecture is not one of ours.
    pub fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        let checkpoint = if path.is_dir() {
            Self::open_folder(path)?
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            Self::open_gguf(path)?
        } else if path.exists() {
            return Err(ModelError::NotAModel { path: path.to_owned() });
        } else {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(ModelError::Io { path: path.to_owned(), source });
        };
        checkpoint.check_tensors()?;
        Ok(checkpoint)
    }

    fn open_gguf(path: &Utf8Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let keys = GgufKeys::new(&file)?;
        let (architecture, config) = (keys.architecture(), keys.config()?);
        let mut names = BTreeMap::new();
        let mut shapes = BTreeMap::new();
        for tensor in file.tensors() {
            let Some(name) = from_gguf(&tensor.name) else {
                let (name, file) = (tensor.name.clone(), path.to_owned());
                return Err(ModelError::UnexpectedTensor { name, architecture, file });
            };
            shapes.insert(name.clone(), tensor.shape.clone());
            names.insert(name, tensor.name.clone());
        }
        Ok(Self { path: path.to_owned(), config, shapes, files: Files::Gguf { file, names } })
    }

    fn open_folder(path: &Utf8Path) -> Result<Self, ModelError> {
        let index = path.join("model.safetensors.index.json");
        let single = path.join("model.safetensors");
        let config = path.join("config.json");
        if !config.exists() || !(index.exists() || single.exists()) {
            return Err(ModelError::NotAModel { path: path.to_owned() });
        }
        let config = ModelConfig::from_json_file(&config)?;
        let file = SafetensorsFile::open(if index.exists() { &index } else { &single })?;
        let mut shapes = BTreeMap::new();
        for name in file.names() {
            // Old checkpoints carry the rotary frequencies, which follow from the configuration,
            // and some carry the head although it is the embedding.
            let tied_head = config.tie_word_embeddings && name == "lm_head.weight";
            if !name.ends_with(".rotary_emb.inv_freq") && !tied_head {
                shapes.insert(name.to_owned(), file.tensor(name)?.shape.to_vec());
            }
        }
        Ok(Self { path: path.to_owned(), config, shapes, files: Files::Folder(file) })
    }

    fn check_tensors(&self) -> Result<(), ModelError> {
        let expected: BTreeMap<_, _> = expected(&self.config).into_iter().collect();
        for (name, shape) in &expected {
            let found = self.shape(name)?;
            if found != shape {
                let (name, found, expected) = (name.clone(), found.to_vec(), shape.clone());
                return Err(ModelError::ShapeMismatch { name, found, expected });
            }
        }
        match self.shapes.keys().find(|name| !expected.contains_key(*name)) {
            None => Ok(()),
            Some(name) => Err(ModelError::UnexpectedTensor {
                name: name.clone(),
                architecture: "llama",
                file: self.path.clone(),
            }),
        }
    }

    /// The file or folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The GGUF file, if the model is one.
    pub fn gguf(&self) -> Option<&GgufFile> {
        match &self.files {
            Files::Gguf { file, .. } => Some(file),
            Files::Folder(_) => None,
        }
    }

    /// All tensors' names, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.shapes.keys().map(String::as_str)
    }

    /// A tensor's shape.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] with the most similar name.
    pub fn shape(&self, name: &str) -> Result<&[usize], ModelError> {
        self.shapes.get(name).map(Vec::as_slice).ok_or_else(|| ModelError::MissingTensor {
            name: name.to_owned(),
            file: self.path.clone(),
            nearest: nearest_name(name, self.tensor_names()),
        })
    }

    /// A tensor in its stored form.
    ///
    /// # Errors
    /// If there is none of that name, or its type is not one that we compute with.
    pub fn weight(&self, name: &str) -> Result<Weight<'_>, ModelError> {
        let shape = self.shape(name)?.to_vec();
        let data = match &self.files {
            Files::Gguf { file, names } => {
                let tensor = file.tensor(&names[name]).expect("names were taken from the file");
                self.gguf_data(file, tensor, name)?
            }
            Files::Folder(file) => folder_data(&file.tensor(name)?)?,
        };
        Ok(Weight { shape, data })
    }

    fn gguf_data<'a>(
        &self,
        file: &'a GgufFile,
        tensor: &TensorInfo,
        name: &str,
    ) -> Result<WeightData<'a>, ModelError> {
        let bytes = file.tensor_bytes(&tensor.name).expect("the tensor is in the file");
        let rows: usize = tensor.shape.iter().rev().skip(1).product();
        let source = gguf_row(name, &self.config);
        if let Some(format) = tensor.ggml_type.quant_format() {
            return Ok(WeightData::Blocks { format, rows: ordered_rows(bytes, rows, source) });
        }
        let bytes = match source {
            None => Cow::Borrowed(bytes),
            source => Cow::Owned(ordered_rows(bytes, rows, source).concat()),
        };
        if tensor.ggml_type == GgmlType::F32 {
            Ok(WeightData::F32(match bytes {
                Cow::Borrowed(bytes) => f32_cow(bytes),
                Cow::Owned(bytes) => Cow::Owned(f32_values(&bytes)),
            }))
        } else if tensor.ggml_type == GgmlType::F16 {
            Ok(WeightData::F16(bytes))
        } else if tensor.ggml_type == GgmlType::BF16 {
            Ok(WeightData::Bf16(bytes))
        } else {
            Err(unsupported(name, tensor.ggml_type.to_string(), GgmlType::SUPPORTED))
        }
    }

    /// Takes a tensor's bytes out of the process's memory once they are packed elsewhere, so that
    /// weights do not count twice; reading it again is slower but the same.
    pub fn release(&self, name: &str) {
        match &self.files {
            Files::Gguf { file, names } => {
                if let Some(name) = names.get(name) {
                    file.release(name);
                }
            }
            Files::Folder(file) => file.release(name),
        }
    }

    /// A tensor's values as f32, row-major.
    ///
    /// # Errors
    /// As [`Checkpoint::weight`].
    pub fn dequantize(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.weight(name)?.to_f32())
    }

    /// The model's tokenizer.
    ///
    /// # Errors
    /// If its files are missing or broken.
    pub fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        match &self.files {
            Files::Gguf { file, .. } => Ok(Tokenizer::from_gguf(&file.vocab()?)?),
            Files::Folder(_) => {
                let limit = limits::MAX_TOKENIZER_JSON_BYTES as u64;
                let json = read(&self.path.join("tokenizer.json"), limit)?;
                let tokenizer = Tokenizer::from_json_bytes(&json)?;
                let config = self.path.join("tokenizer_config.json");
                if !config.exists() {
                    return Ok(tokenizer);
                }
                Ok(tokenizer.with_config_json(&read(&config, limit)?)?)
            }
        }
    }

    /// The source of the model's chat template, if it has one.
    ///
    /// # Errors
    /// If its file is broken.
    pub fn chat_template_source(&self) -> Result<Option<String>, ModelError> {
        match &self.files {
            Files::Gguf { file, .. } => Ok(file.chat_template().map(ToOwned::to_owned)),
            Files::Folder(_) => folder_template(&self.path),
        }
    }

    /// The model's chat template with the special tokens of `tokenizer`, if it has one.
    ///
    /// # Errors
    /// If a file is broken or the template does not parse.
    pub fn chat_template(&self, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, ModelError> {
        let Some(source) = self.chat_template_source()? else { return Ok(None) };
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
        let (bos, eos) = (text(tokenizer.bos_token_id()), text(tokenizer.eos_token_id()));
        Ok(Some(ChatTemplate::new(&source, &bos, &eos)?))
    }
}

/// `chat_template.jinja`, or the template (of several, the one called `default`) in
/// `tokenizer_config.json`.
fn folder_template(folder: &Utf8Path) -> Result<Option<String>, ModelError> {
    let jinja = folder.join("chat_template.jinja");
    if jinja.exists() {
        let bytes = read(&jinja, limits::MAX_TEMPLATE_BYTES as u64)?;
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let config = folder.join("tokenizer_config.json");
    if !config.exists() {
        return Ok(None);
    }
    let config: Value = read_json(&config)?;
    let template = config.get("chat_template");
    let several = template.and_then(Value::as_array).into_iter().flatten();
    let default = several
        .filter(|named| named.get("name").and_then(Value::as_str) == Some("default"))
        .find_map(|named| named.get("template"));
    let one = template.and_then(Value::as_str).or_else(|| default?.as_str());
    Ok(one.map(ToOwned::to_owned))
}

fn folder_data<'a>(view: &TensorView<'a>) -> Result<WeightData<'a>, ModelError> {
    if view.dtype == Dtype::F32 {
        Ok(WeightData::F32(f32_cow(view.bytes)))
    } else if view.dtype == Dtype::F16 {
        Ok(WeightData::F16(Cow::Borrowed(view.bytes)))
    } else if view.dtype == Dtype::BF16 {
        Ok(WeightData::Bf16(Cow::Borrowed(view.bytes)))
    } else {
        Err(unsupported(view.name, format!("{:?}", view.dtype), "F32, F16, BF16"))
    }
}

fn unsupported(name: &str, found: String, supported: &'static str) -> ModelError {
    ModelError::UnsupportedType { name: name.to_owned(), found, supported }
}
