//! Plans as files.

use super::near::OFF;
use super::settings::CleaningPlan;
use crate::error::CurateError;
use camino::Utf8Path;
use catena_corpus::CorpusError;

/// Plans to start from.
const PRESETS: [(&str, &str); 4] = [
    ("fineweb", include_str!("presets/fineweb.toml")),
    ("refinedweb", include_str!("presets/refinedweb.toml")),
    ("chinese", include_str!("presets/chinese.toml")),
    ("dialogues", include_str!("presets/dialogues.toml")),
];

impl CleaningPlan {
    /// The source that documents the keys, for whoever shows them.
    pub const SOURCE: &'static str = include_str!("settings.rs");

    /// A plan that changes and drops nothing but what has no letter or digit.
    pub fn unchanged() -> Self {
        let mut plan = Self::default();
        plan.repair.mojibake = false;
        plan.repair.normalize = false;
        plan.language.detect = false;
        plan.rules.measure = false;
        plan.pii.mask.clear();
        plan.dedup.exact = false;
        OFF.clone_into(&mut plan.dedup.near);
        plan
    }

    /// Reads a plan; `path` is named in errors.
    ///
    /// # Errors
    /// [`CurateError::Plan`] with the line of an unknown key or a value of another type.
    pub fn parse(path: &Utf8Path, text: &str) -> Result<Self, CurateError> {
        toml::from_str(text)
            .map_err(|source| CurateError::Plan { path: path.to_owned(), source: Box::new(source) })
    }

    /// The text of the plan called `name`.
    ///
    /// # Errors
    /// [`CorpusError::UnknownName`].
    pub fn preset(name: &str) -> Result<String, CurateError> {
        let found = PRESETS.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| {
            let names = PRESETS.iter().map(|(known, _)| *known);
            CorpusError::unknown("plan", name, names).into()
        })
    }
}
