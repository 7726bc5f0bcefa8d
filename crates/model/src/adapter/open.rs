//! An adapter in either of its forms.

use camino::Utf8Path;

use super::gguf::read_gguf_adapter;
use super::peft::PeftAdapter;
use crate::ModelConfig;
use crate::error::ModelError;

/// Reads an adapter for a base of this configuration: a folder in PEFT's format, or a GGUF file.
///
/// # Errors
/// As [`PeftAdapter::read`] of a folder, as [`read_gguf_adapter`] of a file.
pub fn open_adapter(path: &Utf8Path, config: &ModelConfig) -> Result<PeftAdapter, ModelError> {
    if path.is_file() { read_gguf_adapter(path, config) } else { PeftAdapter::read(path) }
}
