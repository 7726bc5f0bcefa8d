//! Data sets by their names in the file.

use super::entry::EntryReader;
use super::select::{draw, split_range};
use crate::error::DataError;
use crate::files::read_text;
use crate::formats::format_named;
use crate::rows::{RowLimits, read_rows};
use crate::samples::{SampleSet, convert};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{BadReason, TextBy, nearest};
use serde_json::{Map, Value};

/// Name of the file in a folder of data sets.
const FILE: &str = "dataset_info.json";
/// Largest file read; LLaMA-Factory's own has 18 kB.
const MAX_BYTES: u64 = 16 << 20;

/// The names of all data sets in a `dataset_info.json`, or in the folder that holds one.
///
/// # Errors
/// If the file cannot be read or is not a JSON object.
pub fn read_dataset_names(path: &Utf8Path) -> Result<Vec<String>, DataError> {
    Ok(read_info(&info_path(path))?.keys().cloned().collect())
}

/// Reads the data set called `name` in LLaMA-Factory's `dataset_info.json`, or in the folder that
/// holds one, with that system's semantics.
///
/// Text files give one sample a line. `num_samples` draws with `seed`; every row comes once before
/// any comes again.
///
/// # Errors
/// An unknown name or key, each with the nearest known one; a wrong value;
/// [`DataError::RemoteDataset`] for a set on a hub; and all that
/// [`read_samples`](crate::read_samples) has.
pub fn read_dataset(
    path: &Utf8Path,
    name: &str,
    limits: &RowLimits,
    seed: u64,
) -> Result<SampleSet, DataError> {
    let path = info_path(path);
    let info = read_info(&path)?;
    let unknown = || DataError::UnknownName {
        what: "data set",
        name: name.to_owned(),
        place: format!(" in {path}"),
        nearest: nearest(name, info.keys().map(String::as_str)),
        known: format!("{} names", info.len()),
    };
    let bad = |key: &str, found: &str, expected: &'static str| DataError::BadValue {
        key: key.to_owned(),
        place: format!(" of data set `{name}` in {path}"),
        found: found.to_owned(),
        expected,
    };
    let value = info.get(name).ok_or_else(unknown)?;
    let map = value.as_object().ok_or_else(|| bad(name, &value.to_string(), "an object"))?;
    let entry = EntryReader { path: &path, dataset: name, map }.read()?;
    let file = path.parent().unwrap_or(Utf8Path::new("")).join(&entry.file_name);
    let mut rows = read_rows(&file, limits, TextBy::Line)?;
    let part = split_range(&entry.split, rows.rows.len());
    let expected = "`train`, the one split of a local file, or a part such as `train[:10%]`";
    let part = part.ok_or_else(|| bad("split", &entry.split, expected))?;
    rows.rows = rows.rows.drain(part).collect();
    if rows.rows.is_empty() {
        return Err(DataError::NoRows { path: file });
    }
    if let Some(wanted) = entry.num_samples {
        if wanted > limits.max_rows {
            let (what, limit) = ("`num_samples`", limits.max_rows as u64);
            return Err(DataError::TooLarge { path: file, what, limit });
        }
        rows.rows = draw(rows.rows, wanted, seed);
    }
    let reason = format!("`{name}` in {path}");
    let mut set = convert(&file, rows, format_named(&entry.format)?, &entry.layout, reason)?;
    set.report.notes = entry.notes;
    Ok(set)
}

fn info_path(path: &Utf8Path) -> Utf8PathBuf {
    if path.is_dir() { path.join(FILE) } else { path.to_owned() }
}

fn read_info(path: &Utf8Path) -> Result<Map<String, Value>, DataError> {
    if !path.exists() {
        return Err(DataError::NotFound { path: path.to_owned() });
    }
    let text = read_text(path, MAX_BYTES)?;
    serde_json::from_str(&text).map_err(|source| {
        let reason = BadReason::NotJson { message: source.to_string() };
        DataError::BadRow { path: path.to_owned(), line: source.line(), reason }
    })
}
