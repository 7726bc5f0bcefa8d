//! The families that we run.

use super::family::Family;
use super::{bert, modern_bert, roberta};
use crate::ModelError;
use crate::config::GgufKeys;
use camino::Utf8Path;

/// All families.
pub(in crate::encoder) static FAMILIES: &[&Family] =
    &[&bert::FAMILY, &roberta::FAMILY, &modern_bert::FAMILY];

/// The families that we run, each with its names in `config.json`.
pub fn encoder_families() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FAMILIES.iter().map(|family| (family.name, family.model_types))
}

/// The family of a `model_type`.
pub(in crate::encoder) fn find(
    model_type: &str,
    file: &Utf8Path,
) -> Result<&'static Family, ModelError> {
    let known = FAMILIES.iter().find(|family| family.model_types.contains(&model_type));
    known.copied().ok_or_else(|| {
        let relative = FAMILIES.iter().find(|family| family.relatives.contains(&model_type));
        ModelError::UnsupportedArchitecture {
            found: model_type.to_owned(),
            nearest: relative.map(|family| family.model_types[0].to_owned()),
            known: FAMILIES.iter().flat_map(|family| family.model_types).copied().collect(),
            file: file.to_owned(),
        }
    })
}

/// The family of a GGUF file, by its architecture and, where families share one, its vocabulary.
pub(in crate::encoder) fn find_gguf(keys: &GgufKeys<'_>) -> Result<&'static Family, ModelError> {
    let found = keys.architecture();
    let families = || FAMILIES.iter().filter(|family| family.gguf.architecture == found);
    if families().next().is_none() {
        let relative = FAMILIES.iter().find(|family| family.relatives.contains(&found));
        let mut known: Vec<_> = FAMILIES.iter().map(|family| family.gguf.architecture).collect();
        known.dedup();
        return Err(ModelError::UnsupportedArchitecture {
            found: found.to_owned(),
            nearest: relative.map(|family| family.gguf.architecture.to_owned()),
            known,
            file: keys.path().to_owned(),
        });
    }
    let vocabulary = keys.vocabulary()?;
    families().find(|family| family.gguf.vocabularies.contains(&vocabulary)).copied().ok_or_else(
        || {
            let reason = "supported are bert, gpt2, t5 for bert and gpt2 for modern-bert";
            keys.refuse("tokenizer.ggml.model", vocabulary.to_owned(), reason)
        },
    )
}
