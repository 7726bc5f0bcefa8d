//! Mistral: a Llama, the first of them with a sliding window. llama.cpp's files of it are of
//! architecture `llama` and say nothing of the window.

use super::common::{llama_json, windows_json};
use super::llama::LLAMA;
use super::{Family, GGUF, GGUF_ROTARY};
use crate::config::{JsonKeys, ModelConfig};
use crate::error::ModelError;

pub(super) static MISTRAL: Family = Family {
    name: "Mistral",
    model_types: &["mistral"],
    architectures: &[],
    from_json,
    from_gguf: |keys| (LLAMA.from_gguf)(keys),
    huggingface: &[],
    gguf: &[GGUF_ROTARY, GGUF],
};

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    windows_json(keys, &mut config, true)?;
    Ok(config)
}
