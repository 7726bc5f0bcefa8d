//! Duplicates, as a user finds them: a file is read, what stays is written.

use super::corpus::Corpus;
use super::run::{Figures, Run, failed, interrupted_or_failed, scratch};
use crate::failure::Failure;
use camino::Utf8Path;
use catena_corpus::ReadOptions;
use catena_curate::{CleaningPlan, query};
use catena_pipeline::memory::peak_bytes;
use catena_protocol::Cancel;
use serde::Deserialize;
use std::collections::HashMap;

/// Similarity from which pairs are near duplicates.
const THRESHOLD: f64 = 0.8;

/// Exact copies: megabytes of the file in a second.
pub(super) fn exact(corpus: &Corpus, threads: usize, cancel: &Cancel) -> Result<Figures, Failure> {
    let mut plan = CleaningPlan::unchanged();
    plan.dedup.exact = true;
    let run = Run::new(corpus, &plan, scratch("")?, threads, cancel)?;
    let speed = corpus.file_bytes as f64 / 1e6 / run.seconds;
    Ok(Figures::from([("data/exact".to_owned(), speed)]))
}

/// Near copies, exact ones among them: seconds, the peak of this process in megabytes, and which of
/// the planted pairs are found.
pub(super) fn minhash(
    corpus: &Corpus,
    threads: usize,
    cancel: &Cancel,
) -> Result<Figures, Failure> {
    let mut plan = CleaningPlan::unchanged();
    "catena".clone_into(&mut plan.dedup.near);
    plan.dedup.near_threshold = Some(THRESHOLD);
    let run = Run::new(corpus, &plan, scratch("")?, threads, cancel)?;
    let mut figures = Figures::from([
        ("data/minhash".to_owned(), run.seconds),
        ("data/minhash/memory".to_owned(), peak_bytes() as f64 / 1e6),
    ]);
    let truth = corpus.path.with_extension("truth.jsonl");
    if truth.exists() {
        let (recall, precision) = compare(&run, &truth, cancel)?;
        figures.insert("data/minhash/recall".to_owned(), recall);
        figures.insert("data/minhash/precision".to_owned(), precision);
    }
    Ok(figures)
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

/// Recall of the planted pairs that are similar enough, and precision of all pairs found.
fn compare(run: &Run, truth: &Utf8Path, cancel: &Cancel) -> Result<(f64, f64), Failure> {
    let text = std::fs::read_to_string(truth).map_err(failed)?;
    let mut planted = HashMap::new();
    for line in text.lines() {
        let pair: Pair = serde_json::from_str(line).map_err(failed)?;
        planted.insert(ordered(pair.a, pair.b), pair.jaccard);
    }
    let wanted = planted.values().filter(|jaccard| **jaccard >= THRESHOLD).count();
    let on = [run.folder.to_string()];
    let options = ReadOptions::default();
    let asked = "SELECT id, duplicate_of FROM duplicates";
    let found = query(asked, &on, &options, 1, &run.folder, cancel)
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

fn ordered(a: String, b: String) -> (String, String) {
    if a < b { (a, b) } else { (b, a) }
}
