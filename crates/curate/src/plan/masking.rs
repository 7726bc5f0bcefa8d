//! What masks personal data.

use super::settings::{PiiSettings, PiiStyle};
use crate::error::CurateError;
use crate::functions::{Note, Operator};
use camino::Utf8Path;
use catena_corpus::{
    BadRow, CorpusError, PiiMatch, PiiRule, PseudonymStyle, Pseudonyms, find_pii, mask,
};
use std::borrow::Cow;
use std::fs;

/// `mask_pii` as the plan wants it; none if nothing is masked.
///
/// # Errors
/// Unknown kinds; pseudonyms without a secret that can be read.
pub(super) fn masking(pii: &PiiSettings) -> Result<Option<Operator>, CurateError> {
    let kinds = kinds(pii)?;
    if kinds.is_empty() { Ok(None) } else { mask_pii(pii, kinds).map(Some) }
}

/// Masks the sample of a row that was refused. Half a value at the end of a sample is not known
/// for what it is, so what may be one goes.
pub(crate) fn mask_sample(masking: &Operator, row: &mut BadRow) {
    let is_cut = row.sample.chars().count() >= BadRow::SAMPLE_CHARS;
    let mut masked = masking.apply(&row.sample).0.into_owned();
    if is_cut {
        let is_part = |ch: char| ch.is_alphanumeric() || "@._+-%/()".contains(ch);
        let mut end = masked.trim_end_matches(is_part).len();
        // Numbers are written in groups.
        loop {
            let rest = masked[..end].trim_end();
            let group = rest.trim_end_matches(is_part).len();
            if !rest[group..].contains(char::is_numeric) {
                break;
            }
            end = group;
        }
        masked.truncate(end);
    }
    row.sample = masked;
}

/// The kinds that are masked.
///
/// # Errors
/// Unknown kinds.
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

fn mask_pii(pii: &PiiSettings, kinds: Vec<PiiRule>) -> Result<Operator, CurateError> {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    let settings = format!("{:?} {}", pii.style, names.join(" "));
    let style = match pii.style {
        PiiStyle::Placeholder => return Ok(mask_with_placeholders(settings, kinds)),
        PiiStyle::Pseudonym => PseudonymStyle::Tag,
        PiiStyle::Realistic => PseudonymStyle::Realistic,
    };
    let key = match &pii.key_file {
        None => return Err(CurateError::NoKey),
        Some(path) => {
            let path = Utf8Path::new(path);
            fs::read(path).map_err(CurateError::io("read", path))?
        }
    };
    let pseudonyms = Pseudonyms::new(key.trim_ascii()).with_style(style);
    Ok(Operator::new("mask_pii", settings, move |text| {
        let (masked, matches) = pseudonyms.replace(text, &kinds);
        if matches.is_empty() {
            return (Cow::Borrowed(text), None);
        }
        (Cow::Owned(masked), Some(counts(&matches)))
    }))
}

/// `mask_pii(text)` with the kinds as placeholders.
pub(crate) fn mask_with_placeholders(settings: String, kinds: Vec<PiiRule>) -> Operator {
    Operator::new("mask_pii", settings, move |text| {
        // Most texts hold nothing, and need no copy.
        let found = find_pii(text, &kinds);
        if found.is_empty() {
            return (Cow::Borrowed(text), None);
        }
        let note = counts(&found);
        (Cow::Owned(mask(text, &kinds).text), Some(note))
    })
}

fn counts(found: &[PiiMatch]) -> Note {
    Note::counting(found.iter().map(|one| one.rule.name()))
}
