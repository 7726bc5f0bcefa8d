//! The second step of a run: which of the documents that stayed repeat an earlier one.
//!
//! Copies have the same [`Sample`](catena_corpus::Sample). Near copies have the same shape, which
//! holds all that their words do not tell, and about the same words.

use super::judge::Means;
use super::table::{column, read_columns, write_table};
use super::texts::for_each_text;
use super::work::Work;
use crate::documents::schema::{ID, KEY, PLACE, SHAPE, VERDICT};
use crate::error::CurateError;
use crate::functions::read_key;
use crate::plan::{CleaningPlan, near_config};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, Float32Array, RecordBatch, StringArray};
use catena_corpus::{NearDedup, Scratch, first_of_each};
use std::collections::HashMap;
use std::sync::Arc;

/// A document that repeats an earlier one. Documents are numbered through all parts, those that
/// were dropped before left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Repeat {
    /// The earlier one, which is kept.
    pub(crate) of: u32,
    /// Whether it is the same sample, case and white space aside.
    pub(crate) exact: bool,
    /// Jaccard similarity of their shingles.
    pub(crate) similarity: f32,
}

/// The repeats among the documents that stayed, by their number.
#[derive(Debug, Default)]
pub(crate) struct Repeats(pub(crate) Vec<Option<Repeat>>);

impl Repeats {
    /// Whether the document `number` is dropped.
    pub(crate) fn drops(&self, number: usize) -> bool {
        self.0.get(number).is_some_and(Option::is_some)
    }
}

/// Finds the repeats and writes them to `duplicates.parquet`.
pub(crate) fn find(
    work: &Work,
    plan: &CleaningPlan,
    means: &Means<'_>,
) -> Result<Repeats, CurateError> {
    let scratch = work.scratch(means.threads);
    let mut repeats = Repeats::default();
    if plan.dedup.exact {
        repeats = exact(work, &scratch, means)?;
    }
    if let Some(config) = near_config(&plan.dedup)? {
        let mut near = NearDedup::new(&config, &scratch)?;
        let mut numbers = Vec::new();
        means.progress.begin("comparing documents", None, "documents");
        for_each_text(
            work,
            means,
            |part| work.files(part).documents,
            |first, batch, texts| {
                let shapes = batch.column_by_name(SHAPE).expect("a file of ours has its columns");
                let shapes = shapes.as_primitive::<UInt64Type>().values().iter().copied();
                let all = (first..).zip(texts.iter().copied().zip(shapes));
                let (left, texts): (Vec<usize>, Vec<(&str, u64)>) =
                    all.filter(|(number, _)| !repeats.drops(*number)).unzip();
                near.add_in_groups(&texts, means.cancel)?;
                numbers.extend(left.into_iter().map(number32));
                means.progress.update(numbers.len() as u64);
                Ok(())
            },
        )?;
        means.progress.end();
        let found = near.finish(means.progress, means.cancel)?;
        if let Some(last) = numbers.last() {
            repeats.0.resize(repeats.0.len().max(*last as usize + 1), None);
        }
        for (at, number) in numbers.iter().enumerate() {
            if let Some(one) = found.get(at) {
                let of = numbers[usize::try_from(one.of).expect("numbers fit")];
                let repeat = Repeat { of, exact: false, similarity: one.similarity };
                repeats.0[*number as usize] = Some(repeat);
            }
        }
    }
    write(work, &repeats)?;
    Ok(repeats)
}

fn exact(work: &Work, scratch: &Scratch, means: &Means<'_>) -> Result<Repeats, CurateError> {
    let mut keys: Vec<u128> = Vec::new();
    means.progress.begin("finding exact copies", None, "documents");
    for part in &work.parts {
        for batch in read_columns(&work.files(part).attributes, &[KEY, VERDICT])? {
            if means.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            let batch = batch?;
            let verdicts = batch.column_by_name(VERDICT).expect("attributes have it");
            let found = column(&batch, KEY).iter().enumerate();
            let stay = found.filter(|(row, _)| verdicts.is_null(*row));
            keys.extend(stay.map(|(_, key)| read_key(key.unwrap_or_default())));
            means.progress.update(keys.len() as u64);
        }
    }
    means.progress.end();
    let first = first_of_each(keys, scratch, means.cancel)?;
    let mut repeats = Vec::new();
    for (number, first) in first.enumerate() {
        let of = number32(usize::try_from(first?).expect("numbers fit"));
        let repeat = Repeat { of, exact: true, similarity: 1.0 };
        repeats.push((of as usize != number).then_some(repeat));
    }
    Ok(Repeats(repeats))
}

fn number32(number: usize) -> u32 {
    u32::try_from(number).expect("a run has less than 2^32 documents")
}

/// Writes the repeats with the ids of both documents, and the place of the one that goes, since
/// ids may occur more than once.
fn write(work: &Work, repeats: &Repeats) -> Result<(), CurateError> {
    let mut names: HashMap<u32, [String; 2]> = HashMap::new();
    for (number, repeat) in repeats.0.iter().enumerate() {
        if let Some(repeat) = repeat {
            names.insert(number32(number), <[String; 2]>::default());
            names.insert(repeat.of, <[String; 2]>::default());
        }
    }
    let mut number = 0;
    for part in &work.parts {
        for batch in read_columns(&work.files(part).documents, &[ID, PLACE])? {
            let batch = batch?;
            for (id, place) in column(&batch, ID).iter().zip(column(&batch, PLACE)) {
                if let Some(name) = names.get_mut(&number) {
                    *name = [id, place].map(|text| text.unwrap_or_default().to_owned());
                }
                number += 1;
            }
        }
    }
    let found = || repeats.0.iter().enumerate().filter_map(|(at, one)| Some((at, (*one)?)));
    let text = |value: &dyn Fn((usize, Repeat)) -> String| -> ArrayRef {
        Arc::new(found().map(|one| Some(value(one))).collect::<StringArray>())
    };
    let kind = |exact: bool| if exact { "exact" } else { "near" };
    let columns = [
        ("id", text(&|(number, _)| names[&number32(number)][0].clone())),
        ("place", text(&|(number, _)| names[&number32(number)][1].clone())),
        ("duplicate_of", text(&|(_, one)| names[&one.of][0].clone())),
        ("kind", text(&|(_, one)| kind(one.exact).to_owned())),
        (
            "similarity",
            Arc::new(found().map(|one| Some(one.1.similarity)).collect::<Float32Array>())
                as ArrayRef,
        ),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    write_table(&work.folder.join("duplicates.parquet"), &batch, work.sync)
}
