//! The run's report: assembled from the stages' results, stored, and printed as a short summary.

use crate::doctor::mib;
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use crate::stages::{METRICS_FILE, PROFILE_FILE};
use camino::Utf8Path;
use catena_pipeline::Finished;
use catena_protocol::{
    LossPoint, QualityMetrics, RetrievalReport, RunReport, StageReport, StageStatus,
};
use catena_store::write_atomic;
use catena_train::StepMetrics;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Name of the report in a project's state folder.
pub(crate) const REPORT_FILE: &str = "report.json";

/// Assembles the report of a finished run and stores it in `state_dir`.
pub(crate) fn assemble(
    project: &str,
    finished: &Finished,
    state_dir: &Utf8Path,
) -> Result<RunReport, Failure> {
    let path = state_dir.join(REPORT_FILE);
    build(project, finished, &path)
        .and_then(|report| {
            store(&report, &path)?;
            Ok(report)
        })
        .map_err(write_failure)
}

/// The report could not be stored.
pub(crate) fn write_failure(error: BoxError) -> Failure {
    Failure::new(Exit::Environment, "cannot write the run's report", error)
}

/// Stores a report beside the project's results.
pub(crate) fn store(report: &RunReport, path: &Utf8Path) -> Result<(), BoxError> {
    Ok(write_atomic(path, &serde_json::to_vec_pretty(report)?)?)
}

fn build(project: &str, finished: &Finished, path: &Utf8Path) -> Result<RunReport, BoxError> {
    let quality = |stage| figures::<QualityMetrics>(finished, stage);
    let profile = finished.outputs["data"].join(PROFILE_FILE);
    Ok(RunReport {
        project: project.to_owned(),
        stages: finished.stages.clone(),
        before: quality("evaluate-base")?,
        after: quality("evaluate-tuned")?,
        quantized: quality("evaluate-quantized")?,
        retrieval: figures::<RetrievalReport>(finished, "retrieval")?,
        loss_curve: loss_curve(&finished.outputs["train"].join(METRICS_FILE))?,
        data_profile: serde_json::from_slice(&std::fs::read(profile)?)?,
        answer: None,
        report: path.to_string(),
    })
}

/// A stage's summary read as the figures it consists of.
fn figures<T: DeserializeOwned>(finished: &Finished, stage: &str) -> Result<T, BoxError> {
    let report = finished
        .stages
        .iter()
        .find(|report| report.name == stage)
        .expect("every stage of the list has a report");
    Ok(serde_json::from_value(Value::Object(report.summary.clone()))?)
}

fn loss_curve(path: &Utf8Path) -> Result<Vec<LossPoint>, BoxError> {
    let text = std::fs::read_to_string(path)?;
    let points = text.lines().map(|line| {
        let metrics: StepMetrics = serde_json::from_str(line)?;
        Ok(LossPoint {
            step: metrics.step,
            loss: metrics.loss,
            learning_rate: metrics.learning_rate,
            grad_norm: metrics.grad_norm,
        })
    });
    points.collect()
}

/// What a person wants to know at the end of a run.
pub(crate) fn summary(report: &RunReport) -> String {
    let mut text = format!("\n{}\n", report.project);
    for stage in &report.stages {
        text.push_str(&stage_line(stage));
    }
    let seconds: f64 = report.stages.iter().map(|stage| stage.seconds).sum();
    let peak = report.stages.iter().map(|stage| stage.peak_bytes).max().unwrap_or(0);
    text.push_str(&format!("  {:<20} {:>7.1} s  {:>9}\n\n", "all", seconds, mib(peak)));
    text.push_str(&quality_table(report));
    text.push('\n');
    text.push_str(&retrieval_table(&report.retrieval));
    text.push_str(&format!("\n  report: {}\n", report.report));
    text
}

fn stage_line(stage: &StageReport) -> String {
    let status = match stage.status {
        StageStatus::Ran => "ran",
        StageStatus::Cached => "up to date",
    };
    let (name, seconds, peak) = (&stage.name, stage.seconds, mib(stage.peak_bytes));
    format!("  {name:<20} {seconds:>7.1} s  {peak:>9}  {status:<10}  {}\n", highlights(stage))
}

/// The counts of a stage's summary, in one line.
fn highlights(stage: &StageReport) -> String {
    let chosen: &[&str] = match stage.name.as_str() {
        "data" => &["documents_read", "documents_kept", "rows_refused"],
        "index" => &["documents", "chunks"],
        "synth" => &["questions", "train_records", "heldout_records"],
        "train" => &["steps", "tokens", "first_loss", "last_loss"],
        _ => &[],
    };
    let figures = chosen.iter().filter_map(|key| {
        let value = stage.summary.get(*key)?;
        let shown = match value.as_f64() {
            Some(number) if !value.is_u64() => format!("{number:.3}"),
            _ => value.to_string(),
        };
        Some(format!("{} {shown}", key.replace('_', " ")))
    });
    figures.collect::<Vec<_>>().join(", ")
}

fn quality_table(report: &RunReport) -> String {
    let mut text =
        format!("  {:<20} {:>9} {:>9} {:>9}\n", "held-out answers", "before", "after", "quantized");
    let figures = |m: &QualityMetrics| [m.answer_loss, m.token_f1, m.citation_accuracy];
    let names = ["answer loss", "token F1", "citation accuracy"];
    let columns = [&report.before, &report.after, &report.quantized].map(figures);
    for (row, name) in names.into_iter().enumerate() {
        let [before, after, quantized] = columns.map(|column| column[row]);
        text.push_str(&format!("  {name:<20} {before:>9.3} {after:>9.3} {quantized:>9.3}\n"));
    }
    text
}

fn retrieval_table(retrieval: &RetrievalReport) -> String {
    let mut text = format!(
        "  {:<20} {:>9} {:>9} {:>9} {:>9}\n",
        "retrieval", "recall@5", "recall@10", "recall@20", "MRR"
    );
    let rows = [
        ("keyword", &retrieval.keyword),
        ("dense", &retrieval.dense),
        ("hybrid", &retrieval.hybrid),
    ];
    for (name, metrics) in rows {
        text.push_str(&format!(
            "  {name:<20} {:>9.3} {:>9.3} {:>9.3} {:>9.3}\n",
            metrics.recall_at_5, metrics.recall_at_10, metrics.recall_at_20, metrics.mrr
        ));
    }
    text
}
