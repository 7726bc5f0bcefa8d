//! A large file under the whole usual plan.

use super::corpus::Corpus;
use super::measure::DATATROVE;
use super::run::{Figures, Run, failed, scratch_in};
use crate::failure::Failure;
use catena_curate::CleaningPlan;
use catena_pipeline::memory::peak_bytes;
use catena_protocol::Cancel;

/// Megabytes of the file in a second, and the peak of this process in megabytes: the usual plan
/// (repair, language, personal data, exact and near duplicates) with DataTrove's rule sets.
pub(super) fn clean(corpus: &Corpus, threads: usize, cancel: &Cancel) -> Result<Figures, Failure> {
    let mut plan = CleaningPlan::default();
    plan.rules.sets = Vec::from(DATATROVE.map(str::to_owned));
    let beside = corpus.path.parent().ok_or_else(|| failed("the file stands in no folder"))?;
    // Temporary files may lie in memory; there is room for the result where there is for the file.
    let run = Run::new(corpus, &plan, scratch_in(beside, ""), threads, cancel)?;
    Ok(Figures::from([
        ("data/clean".to_owned(), corpus.file_bytes as f64 / 1e6 / run.seconds),
        ("data/clean/memory".to_owned(), peak_bytes() as f64 / 1e6),
    ]))
}
