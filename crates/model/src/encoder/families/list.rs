//! The families that we run.

use super::family::Family;
use super::{bert, modern_bert, roberta};
use crate::ModelError;
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
