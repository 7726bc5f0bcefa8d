//! Runs every rule.

use super::options::LintOptions;
use super::report::{Finding, LintReport, Severity};
use super::{answers, control, dropped, duplicates, leaks, lengths, masks, rows, setup};
use crate::error::DataError;
use catena_protocol::TrainingSample;
use std::collections::HashMap;

/// What rules share.
pub(super) struct Context<'a> {
    pub(super) samples: &'a [TrainingSample],
    pub(super) options: &'a LintOptions<'a>,
    pub(super) report: LintReport,
    counts: HashMap<&'static str, usize>,
}

impl Context<'_> {
    /// Adds a finding, unless its rule has as many as are listed.
    pub(super) fn find(
        &mut self,
        code: &'static str,
        severity: Severity,
        sample: Option<usize>,
        message: impl Into<String>,
    ) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count > self.options.max_findings {
            self.report.num_left_out += 1;
            return;
        }
        let (code, message) = (code.to_owned(), message.into());
        self.report.findings.push(Finding { code, severity, sample, message });
    }
}

/// A rule, or a few that look at the same thing.
type Rule = fn(&mut Context<'_>);

/// One line for each file of rules.
const RULES: [Rule; 9] = [
    rows::check,
    setup::check,
    masks::check,
    lengths::check,
    answers::check,
    control::check,
    dropped::check,
    duplicates::check,
    leaks::check,
];

/// Looks for everything known to spoil a training run in `samples`.
///
/// # Errors
/// [`DataError::Config`] if the options on near duplicates are out of range. What is wrong with
/// samples is a finding, not an error.
pub fn lint(
    samples: &[TrainingSample],
    options: &LintOptions<'_>,
) -> Result<LintReport, DataError> {
    options.near_duplicates.check()?;
    let report = LintReport { num_samples: samples.len(), ..LintReport::default() };
    let mut context = Context { samples, options, report, counts: HashMap::new() };
    for rule in RULES {
        rule(&mut context);
    }
    let mut report = context.report;
    report.findings.sort_by_key(|finding| (finding.sample, finding.severity));
    Ok(report)
}
