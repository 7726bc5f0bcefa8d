//! Personal data: what is masked, and what stands in its place.

use super::functions::noted;
use super::settings::{PiiSettings, PiiStyle};
use super::titles::change_titles;
use crate::error::CurateError;
use crate::functions::{Changed, change};
use camino::Utf8Path;
use catena_corpus::{CorpusError, PiiRule, PseudonymStyle, Pseudonyms, find_pii, mask};
use datafusion::logical_expr::ScalarUDF;
use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

/// The kinds that a plan names.
pub(super) fn kinds(pii: &PiiSettings) -> Result<Vec<PiiRule>, CurateError> {
    if pii.mask.iter().any(|name| name == "all") {
        return Ok(PiiRule::usual());
    }
    let rule = |name: &String| {
        let names = PiiRule::ALL.iter().map(|rule| rule.name());
        let unknown = || CorpusError::unknown("kind of personal data", name, names).into();
        PiiRule::from_name(name).ok_or_else(unknown)
    };
    pii.mask.iter().map(rule).collect()
}

/// Masks texts and titles in the same way.
#[derive(Clone)]
pub(super) struct Masker {
    settings: String,
    kinds: Vec<PiiRule>,
    /// What makes pseudonyms; without it the kind stands for a value.
    pseudonyms: Option<Pseudonyms>,
}

impl Masker {
    /// Masks `kinds` in the style of the plan.
    ///
    /// # Errors
    /// A missing secret.
    pub(super) fn new(pii: &PiiSettings, kinds: Vec<PiiRule>) -> Result<Self, CurateError> {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let settings = format!("{:?} {}", pii.style, names.join(" "));
        let pseudonyms = match pii.style {
            PiiStyle::Placeholder => None,
            PiiStyle::Pseudonym => Some(pseudonyms(pii, PseudonymStyle::Tag)?),
            PiiStyle::Realistic => Some(pseudonyms(pii, PseudonymStyle::Realistic)?),
        };
        Ok(Self { settings, kinds, pseudonyms })
    }

    /// The function for texts.
    pub(super) fn of_texts(self) -> Arc<ScalarUDF> {
        change("mask_pii", self.settings.clone(), move |text| self.mask(text))
    }

    /// The function for the titles in metadata.
    pub(super) fn of_titles(self) -> Arc<ScalarUDF> {
        change_titles("mask_title", self.settings.clone(), move |title| self.mask(title))
    }

    fn mask<'t>(&self, text: &'t str) -> Changed<'t> {
        match &self.pseudonyms {
            None => with_placeholders(text, &self.kinds),
            Some(pseudonyms) => {
                let (masked, matches) = pseudonyms.replace(text, &self.kinds);
                noted(text, Cow::Owned(masked), || counts(matches.iter().map(|one| one.rule)))
            }
        }
    }
}

fn pseudonyms(pii: &PiiSettings, style: PseudonymStyle) -> Result<Pseudonyms, CurateError> {
    let path = Utf8Path::new(pii.key_file.as_ref().ok_or(CurateError::NoKey)?);
    let key = fs::read(path).map_err(CurateError::io("read", path))?;
    Ok(Pseudonyms::new(key.trim_ascii()).with_style(style))
}

/// `mask_pii(text)` with the kinds as placeholders.
pub(crate) fn mask_with_placeholders(settings: String, kinds: Vec<PiiRule>) -> Arc<ScalarUDF> {
    change("mask_pii", settings, move |text| with_placeholders(text, &kinds))
}

fn with_placeholders<'t>(text: &'t str, kinds: &[PiiRule]) -> Changed<'t> {
    // Most texts hold nothing, and need no copy.
    let found = find_pii(text, kinds);
    if found.is_empty() {
        return (Cow::Borrowed(text), None);
    }
    let note = counts(found.iter().map(|one| one.rule));
    (Cow::Owned(mask(text, kinds).text), Some(note))
}

/// `email=2 phone=1`.
fn counts(rules: impl Iterator<Item = PiiRule>) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for rule in rules {
        *counts.entry(rule.name()).or_insert(0) += 1;
    }
    let one = |(name, count): (&&str, &i32)| format!("{name}={count}");
    counts.iter().map(one).collect::<Vec<_>>().join(" ")
}
