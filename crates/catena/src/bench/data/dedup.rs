//! Duplicates, as a user finds them: a file is read, what stays is written.

use super::corpus::Corpus;
use crate::failure::{Exit, Failure};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::ReadOptions;
use catena_curate::{CleaningPlan, CurateError, Curation, curate, query};
use catena_protocol::{Cancel, NoProgress};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Instant;

/// Figures by the names of their cells.
pub(super) type Figures = Vec<(&'static str, f64)>;

/// Similarity from which pairs are near duplicates.
const THRESHOLD: f64 = 0.8;

/// Exact copies: megabytes of the file in a second.
pub(super) fn exact(corpus: &Corpus, threads: usize, cancel: &Cancel) -> Result<Figures, Failure> {
    let mut plan = CleaningPlan::unchanged();
    plan.dedup.exact = true;
    let run = Run::new(corpus, &plan, threads, cancel)?;
    Ok(vec![("data/exact", corpus.file_bytes as f64 / 1e6 / run.seconds)])
}

/// Near copies, exact ones among them: seconds, and which of the planted pairs are found.
pub(super) fn minhash(
    corpus: &Corpus,
    threads: usize,
    cancel: &Cancel,
) -> Result<Figures, Failure> {
    let mut plan = CleaningPlan::unchanged();
    "catena".clone_into(&mut plan.dedup.near);
    plan.dedup.near_threshold = Some(THRESHOLD);
    let run = Run::new(corpus, &plan, threads, cancel)?;
    let mut figures = vec![("data/minhash", run.seconds)];
    let truth = corpus.path.with_extension("truth.jsonl");
    if truth.exists() {
        let (recall, precision) = run.compare(&truth, cancel)?;
        figures.extend([("data/minhash/recall", recall), ("data/minhash/precision", precision)]);
    }
    Ok(figures)
}

/// A finished run; its folder goes away with it.
struct Run {
    folder: Utf8PathBuf,
    seconds: f64,
}

/// A planted pair.
#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    jaccard: f64,
}

/// A pair that was found.
#[derive(Deserialize)]
struct Found {
    id: String,
    duplicate_of: String,
}

impl Run {
    fn new(
        corpus: &Corpus,
        plan: &CleaningPlan,
        threads: usize,
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let name = format!("catena-bench-{}", std::process::id());
        let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir().join(name));
        let folder = folder.map_err(|path| {
            failed(format!("the folder for temporary files {} is not UTF-8", path.display()))
        })?;
        let mut run = Self { folder, seconds: 0.0 };
        let inputs = [corpus.path.to_string()];
        let curation = Curation {
            inputs: &inputs,
            plan,
            folder: &run.folder,
            threads,
            overwrite: true,
            options: ReadOptions::default(),
        };
        let start = Instant::now();
        curate(&curation, &NoProgress, cancel).map_err(interrupted_or_failed)?;
        run.seconds = start.elapsed().as_secs_f64();
        Ok(run)
    }

    /// Recall of the planted pairs that are similar enough, and precision of all pairs found.
    fn compare(&self, truth: &Utf8Path, cancel: &Cancel) -> Result<(f64, f64), Failure> {
        let text = std::fs::read_to_string(truth).map_err(failed)?;
        let mut planted = HashMap::new();
        for line in text.lines() {
            let pair: Pair = serde_json::from_str(line).map_err(failed)?;
            planted.insert(ordered(pair.a, pair.b), pair.jaccard);
        }
        let wanted = planted.values().filter(|jaccard| **jaccard >= THRESHOLD).count();
        let on = [self.folder.to_string()];
        let options = ReadOptions::default();
        let asked = "SELECT id, duplicate_of FROM duplicates";
        let found = query(asked, &on, &options, 1, &self.folder, cancel)
            .and_then(|answer| answer.json_lines())
            .map_err(interrupted_or_failed)?;
        let (mut all, mut right) = (0_usize, 0_usize);
        for line in found.lines() {
            let pair: Found = serde_json::from_str(line).map_err(failed)?;
            all += 1;
            let jaccard = planted.get(&ordered(pair.id, pair.duplicate_of));
            right += usize::from(jaccard.is_some_and(|jaccard| *jaccard >= THRESHOLD));
        }
        let share = |whole: usize| right as f64 / whole.max(1) as f64;
        Ok((share(wanted), share(all)))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn ordered(a: String, b: String) -> (String, String) {
    if a < b { (a, b) } else { (b, a) }
}

fn failed(cause: impl Into<crate::models::BoxError>) -> Failure {
    Failure::new(Exit::Environment, "cannot measure", cause)
}

fn interrupted_or_failed(error: CurateError) -> Failure {
    if matches!(error, CurateError::Interrupted) {
        return crate::bench::peers::interrupted();
    }
    failed(error)
}
