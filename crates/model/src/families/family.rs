//! What a family is, and finding it.

use camino::Utf8Path;

use super::composite::composite_types;
use super::{FAMILIES, Rule};
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;
use crate::tensors::nearest_name;

/// A family of decoders: the names of its configuration and tensors in both kinds of files.
pub(crate) struct Family {
    /// What people call it.
    pub(crate) name: &'static str,
    /// The `model_type`s of transformers.
    pub(crate) model_types: &'static [&'static str],
    /// llama.cpp's architectures.
    pub(crate) architectures: &'static [&'static str],
    /// The configuration of a `config.json`, for one of the `model_types`.
    pub(crate) from_json: fn(&JsonKeys, &'static str) -> Result<ModelConfig, ModelError>,
    /// The configuration of a GGUF file.
    pub(crate) from_gguf: fn(&GgufKeys<'_>) -> Result<ModelConfig, ModelError>,
    /// Tensors of safetensors files that are not called as in the decoder.
    pub(crate) huggingface: &'static [Rule],
    /// Tensors of GGUF files, those of several architectures together.
    pub(crate) gguf: &'static [&'static [Rule]],
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Family {
    /// The family of the `model_type` of a `config.json`, and the type's name.
    pub(crate) fn of_json(keys: &JsonKeys) -> Result<(&'static Self, &'static str), ModelError> {
        let found = keys.or("model_type", String::new())?;
        let composites: Vec<_> = composite_types().collect();
        Self::find(&found, keys.path(), |family| family.model_types, &composites)
    }

    /// The family of a GGUF architecture, and the architecture's name.
    pub(crate) fn of_architecture(
        found: &str,
        file: &Utf8Path,
    ) -> Result<(&'static Self, &'static str), ModelError> {
        Self::find(found, file, |family| family.architectures, &[])
    }

    /// The family of a configuration.
    pub(crate) fn of_config(config: &ModelConfig) -> &'static Self {
        let of = |family: &&&Self| family.model_types.contains(&config.model_type);
        FAMILIES.iter().find(of).expect("a configuration is of a family")
    }

    /// The family that one of its `names` is `found`, or the refusal, which also lists `others`.
    fn find(
        found: &str,
        file: &Utf8Path,
        names: fn(&'static Self) -> &'static [&'static str],
        others: &[&'static str],
    ) -> Result<(&'static Self, &'static str), ModelError> {
        for family in FAMILIES {
            if let Some(name) = names(family).iter().find(|name| **name == found) {
                return Ok((family, name));
            }
        }
        let all = || FAMILIES.iter().flat_map(|family| names(family)).chain(others).copied();
        let mut known: Vec<_> = all().collect();
        known.sort_unstable();
        known.dedup();
        Err(ModelError::UnsupportedArchitecture {
            found: found.to_owned(),
            nearest: nearest_name(found, all()),
            known,
            file: file.to_owned(),
        })
    }
}
