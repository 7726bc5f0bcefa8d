//! What documents are called that are known by their numbers among those that rules let pass.

use super::judge::Means;
use super::table::{column, read_columns};
use super::threads::map_each;
use super::work::Work;
use crate::documents::schema::{ID, PLACE, VERDICT, VERDICT_STEP};
use crate::error::CurateError;
use arrow_array::{Array, RecordBatch};
use camino::Utf8Path;

/// The id and the place of a document.
pub(super) type Name = [String; 2];

/// The names of the documents `numbers`, which are in ascending order.
pub(super) fn names_of(
    work: &Work,
    numbers: &[usize],
    means: &Means<'_>,
) -> Result<Vec<Name>, CurateError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let attributes = |at: usize| work.files(&work.parts[at]).attributes;
    let (count, threads) = (work.parts.len(), means.threads);
    let passed = map_each(count, threads, |at| num_passed(&attributes(at)))?;
    let mut firsts = vec![0];
    for (at, passed) in passed.into_iter().enumerate() {
        firsts.push(firsts[at] + passed);
    }
    let names = map_each(count, threads, |at| {
        let place = |end: usize| numbers.partition_point(|number| *number < end);
        let wanted = &numbers[place(firsts[at])..place(firsts[at + 1])];
        names_in(&attributes(at), firsts[at], wanted, means)
    })?;
    Ok(names.into_iter().flatten().collect())
}

/// Which documents of a batch of attributes rules let pass.
pub(super) fn passed(batch: &RecordBatch) -> impl Iterator<Item = usize> + '_ {
    let verdicts = batch.column_by_name(VERDICT).expect("attributes have it");
    (0..batch.num_rows()).filter(|row| verdicts.is_null(*row))
}

fn num_passed(attributes: &Utf8Path) -> Result<usize, CurateError> {
    let mut count = 0;
    for batch in read_columns(attributes, &[VERDICT_STEP])? {
        count += passed(&batch?).count();
    }
    Ok(count)
}

/// The names of the documents `wanted` of one part, whose first has the number `first`.
fn names_in(
    attributes: &Utf8Path,
    first: usize,
    wanted: &[usize],
    means: &Means<'_>,
) -> Result<Vec<Name>, CurateError> {
    let (mut number, mut wanted, mut names) = (first, wanted.iter().peekable(), Vec::new());
    if wanted.peek().is_none() {
        return Ok(names);
    }
    for batch in read_columns(attributes, &[ID, PLACE, VERDICT_STEP])? {
        if means.cancel.is_cancelled() {
            return Err(CurateError::Interrupted);
        }
        let batch = batch?;
        let columns = [ID, PLACE].map(|name| column(&batch, name));
        for row in passed(&batch) {
            if wanted.next_if(|one| **one == number).is_some() {
                names.push(columns.map(|column| column.value(row).to_owned()));
            }
            number += 1;
        }
    }
    Ok(names)
}
