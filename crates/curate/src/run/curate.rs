//! A whole run.

use super::judge::{Means, judge};
use super::work::{Claim, Work};
use super::{duplicates, passages, splits, write};
use crate::account::{Card, Summary, input_sets};
use crate::error::CurateError;
use crate::plan::{CleaningPlan, PlanFunctions};
use camino::Utf8Path;
use catena_corpus::ReadOptions;
use catena_protocol::{Cancel, Progress};
use std::fs;
use tokio::runtime::Runtime;

/// What is to be curated, and where the result goes.
#[derive(Clone, Debug)]
pub struct Curation<'a> {
    /// Files, folders and globs.
    pub inputs: &'a [String],
    /// What is done to them.
    pub plan: &'a CleaningPlan,
    /// The folder of the curated set.
    pub folder: &'a Utf8Path,
    /// Threads that work.
    pub threads: usize,
    /// Whether other work in the folder may be replaced.
    pub overwrite: bool,
    /// How input is read; what the plan says about reading is added.
    pub options: ReadOptions,
    /// Whether every file is on the disk before it counts. Else the system brings them there in
    /// its own time, and what a loss of power leaves is found torn or whole by the next run.
    pub sync: bool,
}

/// Runs the plan: reads and judges every document, finds those that repeat others, writes those
/// that stay, and accounts for all of them.
///
/// The result depends on the inputs and the plan alone. A run that was interrupted or killed goes
/// on where it was when it is started again; one that was done answers with its card. Both only as
/// long as nothing has changed: inputs are known by path, length and time of the last change (or
/// entity tag), files that the plan names by their SHA-256.
///
/// Memory: a few megabytes for each thread, the working memory of comparing, and about 50 bytes a
/// document. Disk: what is kept, once more, until the end.
///
/// # Errors
/// Those of [`CurateError`]; the work done so far stays on disk.
pub fn curate(
    curation: &Curation<'_>,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Card, CurateError> {
    let Curation { inputs, plan, folder, threads, overwrite, sync, .. } = *curation;
    plan.check()?;
    let options = plan.read.options(&curation.options);
    let functions = PlanFunctions::new(plan, &curation.options)?;
    let claim = Claim { overwrite, sync, cancel };
    let work = Work::open(folder, plan, inputs, &options, claim)?;
    if work.is_done() {
        return read_card(folder);
    }
    let runtime = Runtime::new().map_err(CurateError::io("start threads for", folder))?;
    let means = Means { threads, runtime: &runtime, progress, cancel };
    judge(&work, &functions, &options, &means)?;
    let repeats = duplicates::find(&work, plan, &means)?;
    let cuts = passages::cut(&work, &plan.dedup, &repeats, &means)?;
    let summary = Summary::of(&work, &repeats, &cuts)?;
    check_any_kept(&summary)?;
    let (splits, split) = splits::splits(&work, &plan.split, (&repeats, &cuts), &means)?;
    let files = write::write(&work, plan, (&repeats, &cuts), &splits, &means)?;
    let card = Card {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        fingerprint: work.fingerprint.clone(),
        inputs: work.inputs(),
        input_sets: input_sets(inputs, &options)?,
        side_files: work.side_files.clone(),
        plan: plan.clone(),
        rules: functions.versions(),
        summary,
        pii_audit: work.audit()?,
        split,
        files,
    };
    if let Some(audit) = &card.pii_audit {
        let json = serde_json::to_vec_pretty(audit).expect("an audit is plain data");
        work.write("pii_audit.json", &json)?;
    }
    work.write("README.md", card.readme().as_bytes())?;
    work.write("report.html", card.report().as_bytes())?;
    let json = serde_json::to_vec_pretty(&card).expect("a card is plain data");
    work.write("card.json", &json)?;
    work.tidy()?;
    Ok(card)
}

/// An empty result is nearly always a mistake in the plan.
fn check_any_kept(summary: &Summary) -> Result<(), CurateError> {
    if summary.num_read == 0 {
        let (num_bad, worst) = (summary.num_rejected(), summary.worst_rejected());
        return Err(CurateError::NoDocuments { num_bad, worst });
    }
    match summary.worst() {
        Some(by) if summary.num_kept == 0 => {
            Err(CurateError::AllDropped { count: summary.num_read, by })
        }
        _ => Ok(()),
    }
}

/// The card of the curated set in `folder`.
///
/// # Errors
/// [`CurateError::NotCurated`].
pub fn read_card(folder: &Utf8Path) -> Result<Card, CurateError> {
    let not_curated = || CurateError::NotCurated { folder: folder.to_owned(), file: "card.json" };
    let bytes = fs::read(folder.join("card.json")).map_err(|_| not_curated())?;
    serde_json::from_slice(&bytes).map_err(|_| not_curated())
}
