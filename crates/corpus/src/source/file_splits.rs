//! Splits and configurations of inputs that are no folders: files, and what patterns find.

use super::opener::PathKind;
use super::options::ReadOptions;
use super::plan::{check_split, io};
use super::splits::splits_of;
use crate::error::CorpusError;
use std::collections::HashSet;

/// Those of `inputs` that are files of other splits than the one asked for. Files that are named
/// one by one are a set together: their names below the folder that they share tell the splits, as
/// those of a set without a card do.
pub(super) fn files_of_others<'i>(
    inputs: &'i [String],
    options: &ReadOptions,
) -> Result<HashSet<&'i str>, CorpusError> {
    let Some(wanted) = &options.split else { return Ok(HashSet::new()) };
    let mut files = Vec::new();
    for input in inputs {
        if let PathKind::File(_) = options.opener.kind(input).map_err(io(input))? {
            files.push(input.as_str());
        }
    }
    let folder = shared_folder(&files);
    let names: Vec<&str> = files.iter().map(|file| &file[folder.len()..]).collect();
    let splits = splits_of(&names);
    let set = match files[..] {
        [] => return Ok(HashSet::new()),
        [file] => file,
        _ if folder.is_empty() => ".",
        _ => folder.trim_end_matches('/'),
    };
    check_split(set, wanted, splits.iter().flatten())?;
    let others = files.into_iter().zip(splits).filter(|(_, split)| split.as_ref() != Some(wanted));
    Ok(others.map(|(file, _)| file).collect())
}

/// Refuses a configuration by name of what is no folder, and so has one alone.
pub(super) fn check_no_config(input: &str, options: &ReadOptions) -> Result<(), CorpusError> {
    match options.config.as_deref() {
        None | Some("default") => Ok(()),
        Some(name) => {
            let (path, name, known) = (input.into(), name.to_owned(), vec!["default".to_owned()]);
            Err(CorpusError::UnknownConfig { path, name, known })
        }
    }
}

/// The folder that all `files` are below, with the slash at its end; empty if there is none.
fn shared_folder<'f>(files: &[&'f str]) -> &'f str {
    let above = |path: &'f str| path.rfind('/').map_or("", |at| &path[..=at]);
    let mut folder = files.first().map_or("", |file| above(file));
    while !files.iter().all(|file| file.starts_with(folder)) {
        folder = above(folder.trim_end_matches('/'));
    }
    folder
}
