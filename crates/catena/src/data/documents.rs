//! Documents of the commands that need them one by one or all at once.

use super::failure::curate_failure;
use super::output::Output;
use crate::failure::Failure;
use crate::progress::say;
use camino::Utf8Path;
use catena_corpus::{CorpusError, ReadOptions, Row, SourceDocument, plan_shards};
use catena_curate::{CurateError, ObjectFiles, document_writer};
use std::sync::Arc;

/// How the commands read: files here and in object stores.
pub(super) fn read_options(goal: &str) -> Result<ReadOptions, Failure> {
    let files = ObjectFiles::new().map_err(|error| curate_failure(goal, error))?;
    Ok(ReadOptions { opener: Arc::new(files), ..ReadOptions::default() })
}

/// Gives every document of `inputs` to `take`; rows that are none are counted and told.
pub(super) fn for_each(
    goal: &str,
    inputs: &[String],
    mut take: impl FnMut(SourceDocument) -> Result<(), CorpusError>,
) -> Result<(), Failure> {
    let options = read_options(goal)?;
    let mut num_bad = 0;
    let mut read = || -> Result<(), CorpusError> {
        for shard in plan_shards(inputs, &options)? {
            for row in shard.open(&options)? {
                match row? {
                    Row::Document(document) => take(document)?,
                    Row::Bad(_) => num_bad += 1,
                }
            }
        }
        Ok(())
    };
    read().map_err(|error| failed(goal, error))?;
    if num_bad > 0 {
        say(&format!("  {num_bad} rows without a text are left out"));
    }
    Ok(())
}

/// Writes documents into `folder`.
pub(super) fn write<'d>(
    goal: &str,
    folder: &Utf8Path,
    format: &str,
    documents: impl Iterator<Item = &'d SourceDocument>,
) -> Result<(), Failure> {
    let output = Output::new(folder)?;
    let writer = document_writer(format, &output.folder, "train");
    let mut writer = writer.map_err(|error| curate_failure(goal, error))?;
    for document in documents {
        writer.write(document).map_err(|error| failed(goal, error))?;
    }
    let files = writer.finish().map_err(|error| failed(goal, error))?;
    for file in files {
        say(&format!("  {}: {} documents, {} bytes", file.path, file.documents, file.bytes));
    }
    output.finish(goal)
}

/// An operator's error as a failed command that wanted `goal`.
pub(super) fn failed(goal: &str, error: CorpusError) -> Failure {
    curate_failure(goal, CurateError::from(error))
}
