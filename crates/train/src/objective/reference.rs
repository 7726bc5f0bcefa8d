//! Log-probabilities under the reference model: computed once, before the first step, and kept in
//! the run's folder.

use super::api::{Preparation, check_cancel};
use super::row::{Sample, batch_of};
use crate::error::TrainError;
use crate::run::groups;
use crate::trainable::Trainable;
use camino::Utf8Path;
use catena_protocol::Cancel;

/// Sums of the log-probabilities of each row's supervised tokens.
pub(super) fn row_logps(
    model: &mut dyn Trainable,
    rows: &[&Sample],
    max_tokens: usize,
    cancel: &Cancel,
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
/// The model must not have been changed yet. With adapters it is run without them.
pub(super) fn reference_logps(
    model: &mut dyn Trainable,
    rows: &[&Sample],
    max_tokens: usize,
    name: &str,
    preparation: &Preparation<'_>,
) -> Result<Vec<f64>, TrainError> {
    let path = preparation.dir.join(format!("reference-{}-{name}.json", preparation.set));
    if let Some(saved) = read(&path, rows.len())? {
        return Ok(saved);
    }
    let progress = preparation.progress;
    progress.begin("reference", Some(rows.len() as u64), "rows");
    model.set_adapted(false);
    let logps = row_logps(model, rows, max_tokens, preparation.cancel, |done| {
        progress.update(done);
    });
    model.set_adapted(true);
    let logps = logps?;
    progress.end();
    let io = |source| TrainError::Io { path: path.clone(), source };
    let partial = preparation.dir.join(format!("reference-{}-{name}.partial", preparation.set));
    // As bits: a float that went through text may lose its last one.
    let bits: Vec<u64> = logps.iter().map(|logp| logp.to_bits()).collect();
    let text = serde_json::to_string(&bits).expect("numbers serialize");
    std::fs::write(&partial, text).map_err(io)?;
    std::fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&partial, &path).map_err(io)?;
    Ok(logps)
}

fn read(path: &Utf8Path, rows: usize) -> Result<Option<Vec<f64>>, TrainError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TrainError::Io { path: path.to_owned(), source }),
    };
    let corrupt = |reason: String| TrainError::CorruptCheckpoint { path: path.to_owned(), reason };
    let bits: Vec<u64> = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
    if bits.len() != rows {
        return Err(corrupt(format!("it has {} rows, the samples have {rows}", bits.len())));
    }
    Ok(Some(bits.into_iter().map(f64::from_bits).collect()))
}
