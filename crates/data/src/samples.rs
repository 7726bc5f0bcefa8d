//! From data files to samples, with an account of every row.

use crate::error::DataError;
use crate::formats::{
    DropReason, Fields, Format, Layout, Peek, Tags, UnknownKey, UnknownKeys, detect, format_named,
};
use crate::rows::{Row, RowLimits, RowPlace, RowSet, read_rows};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{TextBy, nearest};
use catena_protocol::TrainingSample;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows that are looked at to find the format.
const PEEK_ROWS: usize = 100;

/// How data files are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleOptions {
    /// Name of the format, one of [`sample_formats`](crate::sample_formats); found by the columns
    /// if none is given.
    pub format: Option<String>,
    /// Columns by the name of the part that they hold, where they are not the usual ones.
    pub columns: BTreeMap<String, String>,
    /// How turns of a conversation are named, where that is not seen from the first one.
    pub tags: Option<Tags>,
    /// What of a text file is one sample.
    pub text_by: TextBy,
    /// Limits on sizes.
    pub limits: RowLimits,
}

/// A row that gave no sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedRow {
    /// Where it stands.
    pub place: RowPlace,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// What became of the rows of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// The files read.
    pub files: Vec<Utf8PathBuf>,
    /// Name of the format.
    pub format: &'static str,
    /// Why this format, in words.
    pub reason: String,
    /// Rows read.
    pub num_rows: usize,
    /// Rows that gave no sample, each with its reason.
    pub dropped: Vec<DroppedRow>,
    /// Keys that nobody reads.
    pub unknown_keys: Vec<UnknownKey>,
    /// What was chosen or passed over on the way, in words.
    pub notes: Vec<String>,
}

/// Rows dropped for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DropCount {
    /// Stable name of the rule.
    pub code: &'static str,
    /// Rows that it dropped.
    pub count: usize,
    /// Where the first one stands, as `file, line n`.
    pub first: String,
    /// What was wrong with the first one.
    pub reason: String,
}

impl ReadReport {
    /// Dropped rows by rule, most first.
    pub fn drops(&self) -> Vec<DropCount> {
        let mut drops: Vec<DropCount> = Vec::new();
        for DroppedRow { place, reason } in &self.dropped {
            let code = reason.code();
            if let Some(drop) = drops.iter_mut().find(|drop| drop.code == code) {
                drop.count += 1;
                continue;
            }
            let (first, reason) = (self.place(*place), reason.to_string());
            drops.push(DropCount { code, count: 1, first, reason });
        }
        drops.sort_by_key(|drop| std::cmp::Reverse(drop.count));
        drops
    }

    /// A place in words.
    pub fn place(&self, place: RowPlace) -> String {
        let file = self.files.get(place.file).map_or("", |path| path.as_str());
        format!("{file}, line {}", place.line)
    }
}

/// The samples of a data set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleSet {
    /// The samples.
    pub samples: Vec<TrainingSample>,
    /// For each sample where its row stands.
    pub places: Vec<RowPlace>,
    /// What became of the rows.
    pub report: ReadReport,
}

/// Reads the samples of the file or folder `path`: JSON, JSON Lines, CSV, TSV or Parquet rows of
/// any known format, or text.
///
/// # Errors
/// A file that cannot be read, a size beyond the limits, an unknown format or column; and
/// [`DataError::AllRowsDropped`] if no row fits. Rows that do not fit, among others that do, are
/// no error: they stand in the report.
pub fn read_samples(path: &Utf8Path, options: &SampleOptions) -> Result<SampleSet, DataError> {
    let rows = read_rows(path, &options.limits, options.text_by)?;
    let peek = Peek::new(rows.rows.iter().take(PEEK_ROWS).map(|row| &row.fields));
    let (format, layout, reason) = choose(path, &peek, options)?;
    convert(path, rows, format, &layout, reason)
}

/// The format and layout that `options` name, or that the columns show.
fn choose(
    path: &Utf8Path,
    peek: &Peek<'_>,
    options: &SampleOptions,
) -> Result<(&'static dyn Format, Layout, String), DataError> {
    let (format, mut layout, reason) = match &options.format {
        None if options.columns.is_empty() => detect(path, peek)?,
        None => return Err(DataError::ColumnsWithoutFormat { path: path.to_owned() }),
        Some(name) => {
            let format = format_named(name)?;
            let found = format.detect(peek).map(|(layout, _)| layout);
            let layout = found.unwrap_or_else(|| format.default_layout());
            (format, layout, "named by the settings".to_owned())
        }
    };
    for (part, column) in &options.columns {
        let known = format.parts();
        if !known.contains(&part.as_str()) {
            return Err(DataError::UnknownName {
                what: "part",
                name: part.clone(),
                place: format!(" of format `{}`", format.name()),
                nearest: nearest(part, known.iter().copied()),
                known: known.join(", "),
            });
        }
        layout.columns.insert(part.clone(), column.clone());
    }
    if let Some(tags) = &options.tags {
        layout.tags = tags.clone();
    }
    Ok((format, layout, reason))
}

/// Makes samples of rows.
pub(crate) fn convert(
    path: &Utf8Path,
    rows: RowSet,
    format: &'static dyn Format,
    layout: &Layout,
    reason: String,
) -> Result<SampleSet, DataError> {
    let RowSet { files, rows } = rows;
    let mut unknown = UnknownKeys::new(format, layout);
    let report = ReadReport {
        files,
        format: format.name(),
        reason,
        num_rows: rows.len(),
        ..ReadReport::default()
    };
    let mut set = SampleSet { report, ..SampleSet::default() };
    for Row { place, fields } in rows {
        unknown.look(&fields);
        match format.read(Fields(&fields), layout) {
            Ok(sample) => {
                set.samples.push(sample);
                set.places.push(place);
            }
            Err(reason) => set.report.dropped.push(DroppedRow { place, reason }),
        }
    }
    set.report.unknown_keys = unknown.finish();
    if set.samples.is_empty()
        && let Some(DroppedRow { place, reason }) = set.report.dropped.first()
    {
        let (format, count) = (format.name(), set.report.dropped.len());
        let (line, reason) = (place.line, reason.clone());
        let path = set.report.files.get(place.file).map_or(path, |file| file.as_path()).to_owned();
        return Err(DataError::AllRowsDropped { path, count, format, line, reason });
    }
    Ok(set)
}

#[cfg(test)]
mod tests;
