//! A run of `catena data clean` that is measured.

use super::corpus::Corpus;
use crate::failure::{Exit, Failure};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::ReadOptions;
use catena_curate::{CleaningPlan, CurateError, Curation, curate};
use catena_protocol::{Cancel, NoProgress};
use std::collections::BTreeMap;
use std::time::Instant;

/// Figures by the names of their cells.
pub(super) type Figures = BTreeMap<String, f64>;

/// A finished run; its folder goes away with it.
pub(super) struct Run {
    pub(super) folder: Utf8PathBuf,
    pub(super) seconds: f64,
}

impl Run {
    /// Cleans `corpus` by `plan` into `folder`, which goes away afterwards.
    pub(super) fn new(
        corpus: &Corpus,
        plan: &CleaningPlan,
        folder: Utf8PathBuf,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let mut run = Self { folder, seconds: 0.0 };
        let inputs = [corpus.path.to_string()];
        let curation = Curation {
            inputs: &inputs,
            plan,
            folder: &run.folder,
            threads,
            overwrite: true,
            options: ReadOptions::default(),
            sync: false,
        };
        let start = Instant::now();
        curate(&curation, &NoProgress, cancel).map_err(interrupted_or_failed)?;
        run.seconds = start.elapsed().as_secs_f64();
        Ok(run)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A path of this process's own among temporary files.
pub(super) fn scratch(ending: &str) -> Result<Utf8PathBuf, Failure> {
    let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir());
    let folder = folder.map_err(|path| {
        failed(format!("the folder for temporary files {} is not UTF-8", path.display()))
    })?;
    Ok(scratch_in(&folder, ending))
}

/// A path of this process's own in `folder`.
pub(super) fn scratch_in(folder: &Utf8Path, ending: &str) -> Utf8PathBuf {
    folder.join(format!("catena-bench-{}{ending}", std::process::id()))
}

pub(super) fn failed(cause: impl Into<crate::models::BoxError>) -> Failure {
    Failure::new(Exit::Environment, "cannot measure", cause)
}

pub(super) fn interrupted_or_failed(error: CurateError) -> Failure {
    if matches!(error, CurateError::Interrupted) {
        return crate::bench::peers::interrupted();
    }
    failed(error)
}
