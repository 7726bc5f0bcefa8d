//! `catena train lint`: what would spoil a run, and what is trained on.

use super::encode::options;
use super::model::{BaseModel, base_path};
use super::read::RunFile;
use super::samples::{self, Samples};
use super::settings::{TrainSettings, TrainStage};
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use catena_data::{Encoder, LintOptions, LintReport, Severity, lint, preview, preview_text};
use catena_protocol::Cancel;

/// Runs `catena train lint`.
pub(super) fn run(
    file: &RunFile,
    sample: Option<usize>,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let settings = &file.settings;
    let progress = for_stderr();
    let finder = Finder { project: &file.folder, progress: progress.as_ref(), cancel };
    let path = base_path(file, &finder)?;
    let base = BaseModel::open(&path, settings, &pool(threads))?;
    let samples = samples::read(file)?;
    if let Some(index) = sample {
        return show(settings, &base, &samples, index);
    }
    let report = look(settings, &base, &samples)?;
    for finding in &report.findings {
        let kind = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = finding.sample.map(|index| format!(" sample {index}:")).unwrap_or_default();
        print_line(&format!("{kind} {}:{place} {}", finding.code, finding.message));
    }
    if report.num_left_out > 0 {
        print_line(&format!("{} more findings of the same rules", report.num_left_out));
    }
    print_line(&format!(
        "{} samples, {} tokens, {} of them trained on, {} samples cut",
        report.num_samples, report.num_tokens, report.num_trained, report.num_truncated
    ));
    if report.has_errors() { Err(refused(&report)) } else { Ok(()) }
}

/// Refuses a run whose data have errors; warnings are told.
pub(super) fn gate(
    settings: &TrainSettings,
    base: &BaseModel,
    samples: &Samples,
) -> Result<(), Failure> {
    let report = look(settings, base, samples)?;
    for finding in report.findings.iter().take(10) {
        let place = finding.sample.map(|index| format!("sample {index}: ")).unwrap_or_default();
        say(&format!("  lint {}: {place}{}", finding.code, finding.message));
    }
    if report.findings.len() > 10 {
        let rest = report.findings.len() - 10 + report.num_left_out;
        say(&format!("  and {rest} more; `catena train lint` shows all"));
    }
    if report.has_errors() { Err(refused(&report)) } else { Ok(()) }
}

fn look(
    settings: &TrainSettings,
    base: &BaseModel,
    samples: &Samples,
) -> Result<LintReport, Failure> {
    let chat = matches!(
        settings.stage,
        TrainStage::Sft | TrainStage::Preference | TrainStage::Kto | TrainStage::Reward
    );
    let options = LintOptions {
        tokenizer: chat.then_some(&base.tokenizer),
        template: base.template.as_ref(),
        eval: &samples.eval,
        read: samples.reports.first(),
        max_truncated_share: settings.max_truncated_share,
        ..LintOptions::new(options(settings, base))
    };
    lint(&samples.train, &options)
        .map_err(|error| Failure::new(Exit::Usage, "cannot look over the samples", error))
}

fn refused(report: &LintReport) -> Failure {
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let first = errors.clone().next().map(|finding| finding.message.clone()).unwrap_or_default();
    let cause = format!("{} errors, the first: {first}", errors.count());
    Failure::new(Exit::Usage, "these samples would spoil the run", cause)
        .hint("mend the data, or set `ignore_lint = true` if it is what you mean")
}

/// One sample with what is trained on between `«` and `»`.
fn show(
    settings: &TrainSettings,
    base: &BaseModel,
    samples: &Samples,
    index: usize,
) -> Result<(), Failure> {
    let Some(sample) = samples.train.get(index) else {
        let cause = format!("there are {} samples", samples.train.len());
        return Err(Failure::new(Exit::Usage, format!("cannot show sample {index}"), cause));
    };
    let encoder = Encoder::new(&base.tokenizer, base.template.as_ref(), options(settings, base));
    let row = encoder
        .encode(&format!("sample {index}"), sample)
        .map_err(|error| Failure::new(Exit::Usage, format!("cannot show sample {index}"), error))?;
    print_line(&preview_text(&preview(&base.tokenizer, &row)));
    print_line(&format!(
        "{} tokens, {} trained on, {} did not fit",
        row.tokens.len(),
        row.num_supervised(),
        row.lost_tokens
    ));
    Ok(())
}
