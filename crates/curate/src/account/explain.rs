//! Why a document was kept, changed or dropped.

use super::card::Card;
use super::decisions::{decisions, story};
use crate::documents::schema::{ID, PLACE, SOURCE, VERDICT};
use crate::error::CurateError;
use crate::functions::VERDICT_COLUMNS;
use crate::run::{column, read_card, read_columns, read_table};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, UInt64Type};
use arrow_array::{Array, RecordBatch};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

/// Places of documents with the same id that are told.
const MAX_OTHERS: usize = 3;

/// One line of an explanation: the step, and what it found or did.
pub type Step = (String, String);

/// What happened to one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Its id.
    pub id: String,
    /// Whether it is in the set.
    pub kept: bool,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What was measured, by name.
    pub profile: Vec<(String, f64)>,
}

/// Explains the document of the curated set in `folder`, or of a folder of a command that chooses
/// documents, that has this id, or else stands at this place. Where several have it, the first is
/// explained and the places of others are told.
///
/// # Errors
/// [`CurateError::NotCurated`], [`CurateError::UnknownId`], and errors of the disk.
pub fn explain(folder: &Utf8Path, id: &str) -> Result<Explanation, CurateError> {
    let card = match read_card(folder) {
        Ok(card) => card,
        Err(error) => return story(folder, id)?.ok_or(error),
    };
    let (found, others) = find(folder, id)?;
    let unknown = || CurateError::UnknownId { folder: folder.to_owned(), id: id.to_owned() };
    let mut story = of_row(folder, &card, &found.ok_or_else(unknown)?)?;
    if !others.is_empty() {
        let places = others[..others.len().min(MAX_OTHERS)].join(", ");
        let text = format!("{} more have this id and are known by place: {places}", others.len());
        story.steps.push(step("others", text));
    }
    Ok(story)
}

/// The row of attributes of the first document with this id, or else of the one at this place, and
/// the places of the others with the id.
fn find(folder: &Utf8Path, id: &str) -> Result<(Option<RecordBatch>, Vec<String>), CurateError> {
    let (mut matches, mut there) = (Vec::new(), None);
    for path in tables(&folder.join("attributes"))? {
        let mut row = 0;
        for batch in read_columns(&path, &[ID, PLACE])? {
            let batch = batch?;
            for (own, place) in column(&batch, ID).iter().zip(column(&batch, PLACE)) {
                if own == Some(id) {
                    matches.push((path.clone(), row, place.unwrap_or_default().to_owned()));
                } else if place == Some(id) {
                    there = Some((path.clone(), row));
                }
                row += 1;
            }
        }
    }
    let first = matches.first().map(|(path, row, _)| (path.clone(), *row));
    let Some((path, row)) = first.or(there) else { return Ok((None, Vec::new())) };
    let found = row_of(&path, row)?;
    Ok((found, matches.into_iter().skip(1).map(|(_, _, place)| place).collect()))
}

/// A row of a file of attributes.
fn row_of(path: &Utf8Path, row: usize) -> Result<Option<RecordBatch>, CurateError> {
    let mut before = 0;
    for batch in read_table(path)? {
        let batch = batch?;
        if row < before + batch.num_rows() {
            return Ok(Some(batch.slice(row - before, 1)));
        }
        before += batch.num_rows();
    }
    Ok(None)
}

/// The Parquet files of a folder in order.
pub(super) fn tables(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CurateError> {
    let entries = fs::read_dir(folder).map_err(CurateError::io("read", folder))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(CurateError::io("read", folder))?.path();
        if let Ok(path) = Utf8PathBuf::from_path_buf(path)
            && path.extension() == Some("parquet")
        {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn of_row(folder: &Utf8Path, card: &Card, row: &RecordBatch) -> Result<Explanation, CurateError> {
    let id = column(row, ID).value(0);
    let number = |name: &str| {
        let column = row.column_by_name(name).expect("attributes have it");
        column.as_primitive::<UInt64Type>().value(0)
    };
    let (source, place) = (column(row, SOURCE).value(0), column(row, PLACE).value(0));
    let mut steps =
        vec![step("read", format!("{} bytes from {source}, {place}", number("bytes_read")))];
    for note in super::summary::NOTES {
        let Some(notes) = row.column_by_name(note) else { continue };
        if notes.is_valid(0) {
            steps.push(step(note, notes.as_string::<i32>().value(0).to_owned()));
        }
    }
    if let Some(language) = row.column_by_name("language").filter(|one| one.is_valid(0)) {
        let language = language.as_struct();
        let code = language.column(0).as_string::<i32>().value(0);
        let score = language.column(1).as_primitive::<Float32Type>().value(0);
        steps.push(step("language", format!("{code}, score {score:.2}")));
    }
    let mut dropped = verdict(row).or(duplicate(folder, (id, place))?);
    if let Some((text, left)) = passages(folder, (id, place))? {
        match left {
            0 => dropped = Some(step("dropped", format!("by dedup: {text}, nothing is left"))),
            left => steps.push(step("passages", format!("{text}, {left} bytes are left"))),
        }
    }
    let kept = dropped.is_none();
    steps.push(dropped.unwrap_or_else(|| {
        step("kept", format!("{} bytes; files in {}", number("bytes"), folder.join("data")))
    }));
    let decided = decisions(folder, id)?.into_iter().flatten();
    steps.extend(decided.map(|decision| decision.step));
    steps.push(step("plan", format!("{} ({})", folder.join("plan.toml"), card.version)));
    Ok(Explanation { id: id.to_owned(), kept, steps, profile: profile(row) })
}

fn step(name: &str, text: String) -> Step {
    (name.to_owned(), text)
}

/// The step that dropped the row.
fn verdict(row: &RecordBatch) -> Option<Step> {
    let verdict = row.column_by_name(VERDICT)?.as_struct();
    if verdict.is_null(0) {
        return None;
    }
    let text = |name: &str| verdict.column_by_name(name).map(|one| one.as_string::<i32>().value(0));
    let [name, rule, value, expected] = VERDICT_COLUMNS;
    let values = verdict.column_by_name(value)?.as_primitive::<Float64Type>();
    let measured =
        if values.is_valid(0) { format!("measured {}, ", values.value(0)) } else { String::new() };
    let line = format!("by {}: {}: {measured}{}", text(name)?, text(rule)?, text(expected)?);
    Some(step("dropped", line))
}

/// The row of the document with this id and place. Sets of earlier versions tell the id alone.
fn position(batch: &RecordBatch, (id, place): (&str, &str)) -> Option<usize> {
    let (column_name, value) = match batch.column_by_name(PLACE) {
        Some(_) => (PLACE, place),
        None => (ID, id),
    };
    column(batch, column_name).iter().position(|one| one == Some(value))
}

/// The earlier document that a document repeats, which is known by id and place.
fn duplicate(folder: &Utf8Path, name: (&str, &str)) -> Result<Option<Step>, CurateError> {
    for batch in read_table(&folder.join("duplicates.parquet"))? {
        let batch = batch?;
        let Some(row) = position(&batch, name) else { continue };
        let similarity = batch.column_by_name("similarity").expect("duplicates have it");
        let line = format!(
            "by dedup: {} duplicate of `{}`, similarity {:.3}",
            column(&batch, "kind").value(row),
            column(&batch, "duplicate_of").value(row),
            similarity.as_primitive::<Float32Type>().value(row)
        );
        return Ok(Some(step("dropped", line)));
    }
    Ok(None)
}

/// What was cut out of a document, which is known by id and place, and the bytes that are left.
fn passages(folder: &Utf8Path, name: (&str, &str)) -> Result<Option<(String, u64)>, CurateError> {
    let path = folder.join("passages.parquet");
    if !path.exists() {
        return Ok(None);
    }
    for batch in read_table(&path)? {
        let batch = batch?;
        let Some(row) = position(&batch, name) else { continue };
        let number = |name: &str| {
            let column = batch.column_by_name(name).expect("passages have it");
            column.as_primitive::<UInt64Type>().value(row)
        };
        let (num, bytes) = (number("passages"), number("bytes_cut"));
        let text = format!("{num} passages that occurred before are cut, {bytes} bytes");
        return Ok(Some((text, number("bytes_left"))));
    }
    Ok(None)
}

fn profile(row: &RecordBatch) -> Vec<(String, f64)> {
    let Some(profile) = row.column_by_name("profile") else { return Vec::new() };
    let tokens = row.column_by_name("tokens").map(AsArray::as_primitive::<UInt64Type>);
    let tokens = tokens.filter(|tokens| tokens.is_valid(0)).map(|tokens| tokens.value(0) as f64);
    let profile = profile.as_struct();
    let values = profile.columns().iter().map(AsArray::as_primitive::<Float64Type>);
    let names = profile.column_names().into_iter();
    names
        .zip(values)
        .filter(|(_, value)| value.is_valid(0))
        .map(|(name, value)| (name.to_owned(), value.value(0)))
        .chain(tokens.map(|tokens| ("tokens".to_owned(), tokens)))
        .collect()
}
