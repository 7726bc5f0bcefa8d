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
use catena_data::{LintOptions, LintReport, SampleRow, Severity, lint, preview_sample};
use catena_protocol::{Cancel, TrainingSample};

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
    if report.has_errors() { Err(refused(&report, Exit::No)) } else { Ok(()) }
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
    if report.has_errors() { Err(refused(&report, Exit::Usage)) } else { Ok(()) }
}

fn look(
    settings: &TrainSettings,
    base: &BaseModel,
    samples: &Samples,
) -> Result<LintReport, Failure> {
    // Samples of another stage are refused by their kind, not for what they lack.
    let known = samples.train.iter().all(|sample| learns(settings.stage, sample));
    let options = LintOptions {
        tokenizer: known.then_some(&base.tokenizer),
        template: base.template.as_ref(),
        eval: &samples.eval,
        read: &samples.reports,
        max_truncated_share: settings.max_truncated_share,
        ..LintOptions::new(options(settings, base))
    };
    lint(&samples.train, &options)
        .map_err(|error| Failure::new(Exit::Usage, "cannot look over the samples", error))
}

/// Whether the tokens of a sample can be looked at as the stage has them.
fn learns(stage: TrainStage, sample: &TrainingSample) -> bool {
    match stage {
        TrainStage::Sft | TrainStage::Preference | TrainStage::Kto | TrainStage::Reward => true,
        TrainStage::Pretrain => matches!(sample, TrainingSample::Text(_)),
        TrainStage::Classify => matches!(sample, TrainingSample::Classification(_)),
        TrainStage::Tag => matches!(sample, TrainingSample::TokenLabels(_)),
        TrainStage::Embed => matches!(sample, TrainingSample::Embedding(_)),
        TrainStage::Rerank => matches!(sample, TrainingSample::Rerank(_)),
    }
}

fn refused(report: &LintReport, exit: Exit) -> Failure {
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let first = errors.clone().next().map(|finding| finding.message.clone()).unwrap_or_default();
    let cause = format!("{} errors, the first: {first}", errors.count());
    Failure::new(exit, "these samples would spoil the run", cause)
        .hint("mend the data, or set `ignore_lint = true` if it is what you mean")
}

/// One sample with what is trained on between `«` and `»`, or with its labels.
fn show(
    settings: &TrainSettings,
    base: &BaseModel,
    samples: &Samples,
    index: usize,
) -> Result<(), Failure> {
    let goal = || format!("cannot show sample {index}");
    let Some(sample) = samples.train.get(index) else {
        let cause = format!("there are {} samples", samples.train.len());
        return Err(Failure::new(Exit::Usage, goal(), cause));
    };
    let mut options = options(settings, base);
    if settings.stage == TrainStage::Pretrain {
        // Texts are packed, not cut.
        options.max_tokens = usize::MAX;
    }
    let name = format!("sample {index}");
    let rows = preview_sample(&base.tokenizer, base.template.as_ref(), &options, &name, sample)
        .map_err(|error| Failure::new(Exit::Usage, goal(), error))?;
    for row in rows {
        let SampleRow { title, text, num_tokens, num_trained, num_lost } = row;
        let colon = if title.is_empty() { "" } else { ": " };
        print_line(&format!("{title}{colon}{text}"));
        print_line(&format!(
            "{num_tokens} tokens, {num_trained} trained on, {num_lost} did not fit"
        ));
    }
    Ok(())
}
