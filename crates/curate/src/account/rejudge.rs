//! Other rules over what was measured before: no text is read again.

use super::explain::tables;
use crate::error::CurateError;
use crate::functions::first_broken;
use crate::plan::{RuleSettings, rule_sets};
use crate::run::{read_card, read_table};
use arrow_array::cast::AsArray;
use camino::Utf8Path;
use std::collections::BTreeMap;

/// What rules say of the documents that a run read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejudged {
    /// Documents read.
    pub num_read: u64,
    /// Those that break no rule.
    pub num_passed: u64,
    /// Those that break a rule, by the first that they break.
    pub broken: BTreeMap<String, u64>,
}

/// Judges the documents read for the curated set in `folder` by `rules`, from their profiles.
///
/// # Errors
/// [`CurateError::NotCurated`]; names and thresholds that are none; a measure that the run did not
/// take, because none of its own rule sets looked at it.
pub fn rejudge(folder: &Utf8Path, rules: &RuleSettings) -> Result<Rejudged, CurateError> {
    read_card(folder)?;
    let sets = rule_sets(rules)?;
    let mut judged = Rejudged::default();
    for path in tables(&folder.join("attributes"))? {
        for batch in read_table(&path)? {
            let batch = batch?;
            let profiles = batch.column_by_name("profile");
            let profiles =
                profiles.ok_or_else(|| CurateError::NotMeasured { folder: folder.to_owned() })?;
            for verdict in first_broken(&sets, profiles.as_struct())? {
                judged.num_read += 1;
                match verdict {
                    Some(verdict) => *judged.broken.entry(verdict.rule).or_insert(0) += 1,
                    None => judged.num_passed += 1,
                }
            }
        }
    }
    Ok(judged)
}
