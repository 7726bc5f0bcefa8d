//! The second step of a run: which of the documents that stayed repeat an earlier one.
//!
//! Copies have the same [`Sample`](catena_corpus::Sample). Near copies have the same shape, which
//! holds all that their words do not tell, and about the same words.

use super::judge::Means;
use super::names::{names_of, passed};
use super::table::{column, read_columns, write_table};
use super::texts::for_each_text;
use super::threads::map_each;
use super::work::Work;
use crate::documents::schema::{KEY, SHAPE, VERDICT_STEP};
use crate::error::CurateError;
use crate::functions::read_key;
use crate::plan::{CleaningPlan, near_config};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use catena_corpus::{NearDedup, Scratch, first_of_each};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    write(work, &repeats, means)?;
    Ok(repeats)
}

fn exact(work: &Work, scratch: &Scratch, means: &Means<'_>) -> Result<Repeats, CurateError> {
    means.progress.begin("finding exact copies", None, "documents");
    let done = AtomicU64::new(0);
    let keys = map_each(work.parts.len(), means.threads, |at| {
        let mut keys: Vec<u128> = Vec::new();
        let attributes = work.files(&work.parts[at]).attributes;
        for batch in read_columns(&attributes, &[KEY, VERDICT_STEP])? {
            if means.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            let batch = batch?;
            let (found, before) = (column(&batch, KEY), keys.len());
            keys.extend(passed(&batch).map(|row| read_key(found.value(row))));
            let new = (keys.len() - before) as u64;
            means.progress.update(done.fetch_add(new, Ordering::Relaxed) + new);
        }
        Ok(keys)
    })?;
    means.progress.end();
    let first = first_of_each(keys.into_iter().flatten(), scratch, means.cancel)?;
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
fn write(work: &Work, repeats: &Repeats, means: &Means<'_>) -> Result<(), CurateError> {
    let found: Vec<(usize, Repeat)> =
        repeats.0.iter().enumerate().filter_map(|(at, one)| Some((at, (*one)?))).collect();
    let mut numbers: Vec<usize> =
        found.iter().flat_map(|(number, one)| [*number, one.of as usize]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let names = names_of(work, &numbers, means)?;
    let name = |number: usize| &names[numbers.binary_search(&number).expect("it was asked for")];
    let text = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
    let part = |of: fn(&(usize, Repeat)) -> usize, at: usize| {
        text(found.iter().map(|one| name(of(one))[at].as_str()).collect())
    };
    let kind = |one: &(usize, Repeat)| if one.1.exact { "exact" } else { "near" };
    let similarity: Float32Array = found.iter().map(|(_, one)| Some(one.similarity)).collect();
    let columns = [
        ("id", part(|(number, _)| *number, 0)),
        ("place", part(|(number, _)| *number, 1)),
        ("duplicate_of", part(|(_, one)| one.of as usize, 0)),
        ("kind", text(found.iter().map(kind).collect())),
        ("similarity", Arc::new(similarity) as ArrayRef),
    ];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    write_table(&work.folder.join("duplicates.parquet"), &batch, work.sync)
}
