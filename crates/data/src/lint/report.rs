//! Findings.

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Training on it gives a wrong model: it must be mended.
    Error,
    /// Probably not what was meant.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the rule.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The sample, by its position; none if the finding is of the whole set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// All findings: of the whole set first, then by sample.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintReport {
    /// Samples looked at.
    pub num_samples: usize,
    /// Tokens in all rows, after cutting.
    pub num_tokens: usize,
    /// Tokens that the loss counts.
    pub num_trained: usize,
    /// Samples that lost tokens because they are too long.
    pub num_truncated: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Findings that are left out because their rule had too many.
    pub num_left_out: usize,
}

impl LintReport {
    /// Whether there is an error among the findings.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// The findings of one rule.
    pub fn of<'r>(&'r self, code: &'r str) -> impl Iterator<Item = &'r Finding> {
        self.findings.iter().filter(move |finding| finding.code == code)
    }
}
