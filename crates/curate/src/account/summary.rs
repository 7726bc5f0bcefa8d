//! What a run did, in numbers.

use super::histogram::Histogram;
use crate::documents::schema::{SOURCE, VERDICT};
use crate::error::CurateError;
use crate::run::{Cuts, Repeats, Work, column, num_bad_rows, read_columns};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The sums of a curated data set. The same inputs and plan give the same summary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Documents read.
    pub num_read: u64,
    /// Bytes of their texts.
    pub bytes_read: u64,
    /// Documents kept.
    pub num_kept: u64,
    /// Bytes of their texts as written.
    pub bytes_kept: u64,
    /// Rows that were no documents, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Dropped documents by step and rule, such as `rules` and `fineweb@datatrove/line_punct`.
    pub dropped: BTreeMap<String, BTreeMap<String, u64>>,
    /// Documents changed by each operator, among those read.
    pub changed: BTreeMap<String, u64>,
    /// Masked places of texts and metadata, by kind of personal data.
    pub masked: BTreeMap<String, u64>,
    /// Documents read, by language.
    pub languages: BTreeMap<String, u64>,
    /// Documents kept, by language.
    pub languages_kept: BTreeMap<String, u64>,
    /// Documents kept, by source; at most [`MAX_SOURCES`], the rest under `…`.
    pub sources: BTreeMap<String, u64>,
    /// How long the kept texts are, in bytes.
    pub lengths: Histogram,
    /// How long the dropped texts were.
    pub lengths_dropped: Histogram,
}

/// Sources that a summary names.
const MAX_SOURCES: usize = 100;

/// Columns that are summed up, beside those of [`NOTES`].
const LOOKED_AT: [&str; 6] =
    ["bytes_read", "bytes", "verdict.step", "verdict.rule", "language.code", SOURCE];

/// Columns that say what an operator changed.
pub(super) const NOTES: [&str; 9] = [
    "repaired",
    "extracted",
    "normalized",
    "boilerplate",
    "title_repaired",
    "lines_edited",
    "lines_edited_refinedweb",
    "masked",
    "masked_metadata",
];

/// Those of them that count places by kind of personal data.
const MASKED: [&str; 2] = ["masked", "masked_metadata"];

/// The operator that cuts repeated passages.
const CUT: &str = "passages_cut";

impl Summary {
    /// Sums up the attributes of `work`; `repeats` are dropped as well,
    /// and what `cuts` leaves nothing of.
    pub(crate) fn of(work: &Work, repeats: &Repeats, cuts: &Cuts) -> Result<Self, CurateError> {
        let mut summary = Self::default();
        let mut number = 0;
        let looked_at = [&LOOKED_AT[..], &NOTES[..]].concat();
        for part in &work.parts {
            let files = work.files(part);
            for batch in read_columns(&files.attributes, &looked_at)? {
                summary.add(&batch?, repeats, cuts, &mut number);
            }
            for (reason, count) in num_bad_rows(&files.rejected)? {
                *summary.rejected.entry(reason).or_insert(0) += count;
            }
        }
        Ok(summary)
    }

    fn add(&mut self, batch: &RecordBatch, repeats: &Repeats, cuts: &Cuts, number: &mut usize) {
        let numbers = |name: &str| {
            batch.column_by_name(name).expect("attributes have it").as_primitive::<UInt64Type>()
        };
        let (before, after) = (numbers("bytes_read"), numbers("bytes"));
        let verdicts = batch.column_by_name(VERDICT).expect("attributes have it").as_struct();
        let part = |name: &str| verdicts.column_by_name(name).expect("verdicts have it");
        let (steps, rules) = (part("step").as_string::<i32>(), part("rule").as_string::<i32>());
        let language = batch.column_by_name("language").expect("attributes have it").as_struct();
        let codes = language.column_by_name("code").expect("languages have it").as_string::<i32>();
        let sources = column(batch, SOURCE);
        self.add_notes(batch);
        for row in 0..batch.num_rows() {
            self.num_read += 1;
            self.bytes_read += before.value(row);
            let code = language.is_valid(row).then(|| codes.value(row));
            if let Some(code) = code {
                count(&mut self.languages, code);
            }
            let mut length = after.value(row);
            let dropped = if verdicts.is_valid(row) {
                Some((steps.value(row), rules.value(row)))
            } else {
                *number += 1;
                let cut = cuts.of(*number - 1);
                if let Some(cut) = cut.filter(|cut| cut.left > 0) {
                    length = cut.left;
                    count(&mut self.changed, CUT);
                }
                let repeat = repeats.0.get(*number - 1).copied().flatten();
                let passages = cut.filter(|cut| cut.left == 0).map(|_| ("dedup", "passages"));
                repeat.map(|one| ("dedup", if one.exact { "exact" } else { "near" })).or(passages)
            };
            if let Some((step, rule)) = dropped {
                count(self.dropped.entry(step.to_owned()).or_default(), rule);
                self.lengths_dropped.add(after.value(row));
                continue;
            }
            self.num_kept += 1;
            self.bytes_kept += length;
            self.lengths.add(length);
            if let Some(code) = code {
                count(&mut self.languages_kept, code);
            }
            self.add_source(sources.value(row));
        }
    }

    fn add_notes(&mut self, batch: &RecordBatch) {
        for name in NOTES {
            let Some(notes) = batch.column_by_name(name) else { continue };
            let changed = notes.len() - notes.null_count();
            if changed == 0 {
                continue;
            }
            *self.changed.entry(name.to_owned()).or_insert(0) += changed as u64;
        }
        for masked in MASKED.iter().filter_map(|name| batch.column_by_name(name)) {
            let notes = masked.as_string::<i32>().iter().flatten();
            for (kind, places) in notes.flat_map(masked_places) {
                *self.masked.entry(kind.to_owned()).or_insert(0) += places;
            }
        }
    }

    fn add_source(&mut self, source: &str) {
        let known = self.sources.contains_key(source) || self.sources.len() < MAX_SOURCES;
        count(&mut self.sources, if known { source } else { "…" });
    }

    /// The step and rule that dropped most.
    pub(crate) fn worst(&self) -> Option<String> {
        let all = self.dropped.iter().flat_map(|(step, rules)| {
            rules.iter().map(move |(rule, count)| (*count, format!("{step}: {rule}")))
        });
        all.max().map(|(_, name)| name)
    }

    /// The reason for which most rows were refused.
    pub(crate) fn worst_rejected(&self) -> Option<String> {
        self.rejected.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| reason.clone())
    }

    /// Rows that were no documents.
    pub fn num_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Documents dropped.
    pub fn num_dropped(&self) -> u64 {
        self.num_read - self.num_kept
    }
}

fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// The kinds and numbers of a note such as `email=2 phone=1`.
pub(crate) fn masked_places(note: &str) -> impl Iterator<Item = (&str, u64)> {
    note.split(' ').filter_map(|one| {
        let (kind, places) = one.split_once('=')?;
        Some((kind, places.parse().ok()?))
    })
}
