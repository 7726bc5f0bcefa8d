//! To a Hugging Face folder.

use std::fs;

use camino::Utf8Path;
use half::{bf16, f16};
use safetensors::Dtype;
use serde_json::{Value, json};

use super::source::ExportSource;
use super::source::not_written;
use super::tensors::assemble;
use crate::checkpoint::{Checkpoint, FileTensor, Layout};
use crate::config::{JsonKeys, ModelConfig};
use crate::error::ModelError;
use crate::families::{Family, decoder_keys};
use crate::files::{io_error, write_bytes, write_json};
use crate::safetensors::{TensorSpec, write_safetensors};

/// How floats are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatType {
    /// 32 bits: exact.
    F32,
    /// 16 bits, 11 of them significant.
    F16,
    /// 16 bits, 8 of them significant.
    Bf16,
}

impl FloatType {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }

    fn torch_name(self) -> &'static str {
        match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
        }
    }
}

/// Little-endian bytes of `values` rounded to `float_type` (to nearest, ties to even).
pub(crate) fn float_bytes(values: &[f32], float_type: FloatType) -> Vec<u8> {
    match float_type {
        FloatType::F32 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        FloatType::F16 => {
            values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect()
        }
        FloatType::Bf16 => {
            values.iter().flat_map(|&value| bf16::from_f32(value).to_le_bytes()).collect()
        }
    }
}

/// Writes `source` as a folder that transformers loads: weights, configuration, tokenizer and chat
/// template. `config.json` is written last, so an interrupted folder is not taken for a model.
///
/// Of a GGUF file that holds the embedding twice, as head too, the folder has it once and ties both.
///
/// # Errors
/// If the configuration cannot be said there, the tokenizer cannot be read or the file system
/// refuses.
pub fn save_huggingface(
    folder: &Utf8Path,
    source: &ExportSource<'_>,
    float_type: FloatType,
) -> Result<(), ModelError> {
    let checkpoint = source.checkpoint();
    let config = written_config(source)?;
    let described = config_json(checkpoint, &config, float_type)?;
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    write_weights(folder, source, &config, float_type)?;
    write_tokenizer(folder, checkpoint)?;
    let generation = json!({
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.eos_token_ids,
        "pad_token_id": config.pad_token_id,
    });
    write_json(&folder.join("generation_config.json"), &generation)?;
    write_json(&folder.join("config.json"), &described)
}

/// The source's configuration; tied where the file holds the same values as embedding and as head.
pub(super) fn written_config(source: &ExportSource<'_>) -> Result<ModelConfig, ModelError> {
    let checkpoint = source.checkpoint();
    let mut config = checkpoint.config().clone();
    if checkpoint.gguf().is_some() && !config.tie_word_embeddings {
        let head = source.unchanged("lm_head.weight")?;
        config.tie_word_embeddings =
            head.is_some() && head == source.unchanged("model.embed_tokens.weight")?;
    }
    Ok(config)
}

pub(super) fn write_weights(
    folder: &Utf8Path,
    source: &ExportSource<'_>,
    config: &ModelConfig,
    float_type: FloatType,
) -> Result<(), ModelError> {
    let family = Family::of_config(config);
    let layout = Layout::new(config, &family.huggingface.iter(), &|_| true);
    let spec = |tensor: &FileTensor| TensorSpec {
        name: tensor.name.clone(),
        dtype: float_type.dtype(),
        shape: tensor.shape.clone(),
    };
    let tensors: Vec<_> = layout.files.iter().map(spec).collect();
    let path = folder.join("model.safetensors");
    let mut files = layout.files.iter();
    write_safetensors(&path, &tensors, &[("format", "pt")], |_| {
        let tensor = files.next().expect("as many tensors as were announced");
        let encode = |values: &[f32]| float_bytes(values, float_type);
        Ok(assemble(source, &layout, tensor, &|_| None, &encode)?.into())
    })
}

/// A `config.json` for a model that has none.
///
/// # Errors
/// If it would not say all that the model computes: it is read back and compared.
fn made_config(
    config: &ModelConfig,
    float_type: FloatType,
    path: &Utf8Path,
) -> Result<Value, ModelError> {
    let made = config.to_json(float_type.torch_name());
    let values = made.as_object().cloned().unwrap_or_default();
    let keys = JsonKeys::of(path, values);
    let family = Family::of_config(config);
    let read_back = match (family.from_json)(&keys, config.model_type) {
        // Keys of this family are called otherwise.
        Err(ModelError::MissingKey { .. }) => {
            return Err(not_written(config, "the configuration", path));
        }
        read_back => read_back?,
    };
    match config.difference(&read_back) {
        None => Ok(made),
        Some(what) => Err(not_written(config, what, path)),
    }
}

/// The source's own `config.json` with the new type, or one made from a GGUF file's keys. Of a model of
/// several parts it describes the one that writes.
pub(super) fn config_json(
    checkpoint: &Checkpoint,
    config: &ModelConfig,
    float_type: FloatType,
) -> Result<Value, ModelError> {
    if checkpoint.gguf().is_some() {
        return made_config(config, float_type, checkpoint.path());
    }
    let keys = JsonKeys::read(&checkpoint.path().join("config.json"))?;
    let decoder = decoder_keys(&keys)?;
    let is_part = decoder.is_some();
    let mut described = decoder.unwrap_or(keys).into_values();
    if is_part {
        described.insert("architectures".to_owned(), json!(config.class().as_slice()));
    }
    for key in ["dtype", "torch_dtype"] {
        described.insert(key.to_owned(), json!(float_type.torch_name()));
    }
    Ok(Value::Object(described))
}

/// A folder's tokenizer files are copied; a GGUF file's are made.
fn write_tokenizer(folder: &Utf8Path, checkpoint: &Checkpoint) -> Result<(), ModelError> {
    const COPIED: &[&str] = &[
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "chat_template.jinja",
        "vocab.json",
        "merges.txt",
    ];
    if checkpoint.gguf().is_none() {
        for name in COPIED {
            let from = checkpoint.path().join(name);
            if from.exists() {
                let bytes = fs::read(&from).map_err(io_error(&from))?;
                write_bytes(&folder.join(name), &bytes)?;
            }
        }
        return Ok(());
    }
    let tokenizer = checkpoint.tokenizer()?;
    write_bytes(&folder.join("tokenizer.json"), tokenizer.to_json()?.as_bytes())?;
    let special = tokenizer.special_tokens_map();
    write_json(&folder.join("special_tokens_map.json"), &Value::Object(special))?;
    let mut config = tokenizer.config_json();
    let positions = checkpoint.config().max_position_embeddings;
    config.insert("model_max_length".to_owned(), json!(positions));
    if let Some(template) = checkpoint.chat_template_source()? {
        config.insert("chat_template".to_owned(), json!(template));
    }
    write_json(&folder.join("tokenizer_config.json"), &Value::Object(config))
}
