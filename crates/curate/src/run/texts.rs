//! The texts that stayed, in order, through all parts of a run.

use super::judge::Means;
use super::spool::read_spool;
use super::table::column;
use super::work::Work;
use crate::documents::Part;
use crate::documents::schema::TEXT;
use crate::error::CurateError;
use arrow_array::RecordBatch;
use camino::Utf8PathBuf;

/// Gives the texts in the file that `path` names for each part, in order, with the number of the
/// first of each batch, and the batch. Documents are numbered through all parts, those that rules dropped left
/// out.
pub(crate) fn for_each_text(
    work: &Work,
    means: &Means<'_>,
    path: impl Fn(&Part) -> Utf8PathBuf,
    mut take: impl FnMut(usize, &RecordBatch, &[&str]) -> Result<(), CurateError>,
) -> Result<(), CurateError> {
    let mut number = 0;
    for part in &work.parts {
        for batch in read_spool(&path(part))? {
            if means.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            let batch = batch?;
            let texts = column(&batch, TEXT);
            let texts: Vec<&str> = texts.iter().map(Option::unwrap_or_default).collect();
            take(number, &batch, &texts)?;
            number += texts.len();
        }
    }
    Ok(())
}
