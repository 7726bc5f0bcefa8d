//! Log-probabilities under the reference model: computed once, before the first step, and kept in
//! the run's folder.

use super::api::{Preparation, check_cancel};
use super::row::{Sample, batch_of};
use crate::error::TrainError;
use crate::run::groups;
use crate::trainable::Trainable;
use camino::Utf8Path;
use catena_model::safetensors::{Dtype, SafetensorsFile, TensorSpec, write_safetensors};
use catena_protocol::Cancel;
use std::borrow::Cow;

/// Names in the file that is kept.
const LOGPS: &str = "logps";
const FINGERPRINT: &str = "fingerprint";

/// Sums of the log-probabilities of each row's supervised tokens.
pub(super) fn row_logps(
    model: &mut dyn Trainable,
    rows: &[&Sample],
    max_tokens: usize,
    cancel: Option<&Cancel>,
    mut told: impl FnMut(u64),
) -> Result<Vec<f64>, TrainError> {
    let lens: Vec<usize> = rows.iter().map(|row| row.tokens.len()).collect();
    let mut logps = Vec::with_capacity(rows.len());
    for group in groups(&lens, max_tokens) {
        check_cancel(cancel)?;
        let rows = &rows[group.clone()];
        let losses = model.losses(&batch_of(rows.iter().copied()))?;
        logps.extend(sums_of_rows(rows, losses).map(|nll| -nll));
        told(group.end as u64);
    }
    Ok(logps)
}

/// The losses of a batch, row by row.
pub(super) fn sums_of_rows<'a>(
    rows: &'a [&'a Sample],
    losses: &'a [f64],
) -> impl Iterator<Item = f64> + 'a {
    let mut first = 0;
    rows.iter().map(move |row| {
        let end = first + row.num_supervised();
        let sum = losses[first..end].iter().sum();
        first = end;
        sum
    })
}

/// The rows' log-probabilities under the model as it is before training: from the folder if they
/// are there, else computed and kept.
///
/// The model must not have been changed yet. Adapters that are new are left out; one that the model
/// went on from is a part of what it was.
pub(super) fn reference_logps(
    model: &mut dyn Trainable,
    rows: &[&Sample],
    max_tokens: usize,
    name: &str,
    preparation: &Preparation<'_>,
) -> Result<Vec<f64>, TrainError> {
    let path = preparation.dir.join(format!("reference-{}-{name}.safetensors", preparation.set));
    if let Some(saved) = read(&path, preparation.fingerprint, rows.len())? {
        return Ok(saved);
    }
    let progress = preparation.progress;
    progress.begin("reference", Some(rows.len() as u64), "rows");
    model.set_reference(true);
    let logps = row_logps(model, rows, max_tokens, Some(preparation.cancel), |done| {
        progress.update(done);
    });
    model.set_reference(false);
    let logps = logps?;
    progress.end();
    let spec = TensorSpec { name: LOGPS.to_owned(), dtype: Dtype::F64, shape: vec![logps.len()] };
    let metadata = [(FINGERPRINT, preparation.fingerprint)];
    write_safetensors(&path, &[spec], &metadata, |_| {
        Ok(Cow::Owned(logps.iter().flat_map(|logp| logp.to_le_bytes()).collect()))
    })?;
    Ok(logps)
}

/// What is kept at `path` for this fingerprint.
fn read(path: &Utf8Path, fingerprint: &str, rows: usize) -> Result<Option<Vec<f64>>, TrainError> {
    if !path.exists() {
        return Ok(None);
    }
    let corrupt = |reason: String| TrainError::CorruptCheckpoint { path: path.to_owned(), reason };
    let file = SafetensorsFile::open(path)?;
    let kept_for = file.metadata().and_then(|metadata| metadata.get(FINGERPRINT));
    if kept_for.is_none_or(|kept_for| kept_for != fingerprint) {
        return Ok(None);
    }
    let logps = file.tensor(LOGPS)?;
    if logps.dtype != Dtype::F64 || logps.shape != [rows] {
        return Err(corrupt(format!("it holds {:?} {:?}", logps.dtype, logps.shape)));
    }
    let words = logps.bytes.as_chunks::<8>().0;
    Ok(Some(words.iter().map(|word| f64::from_le_bytes(*word)).collect()))
}
