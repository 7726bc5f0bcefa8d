//! What is wrong with a training set before any time is spent on it.
//!
//! One rule, one file, one line in `rules`. A finding has a stable code, so that tools can tell
//! findings apart, and a plain sentence for people.

mod answers;
mod control;
mod dropped;
mod duplicates;
mod leaks;
mod lengths;
mod masks;
mod options;
mod report;
mod rows;
mod rules;
mod setup;
mod texts;

pub use options::LintOptions;
pub use report::{Finding, LintReport, Severity};
pub use rules::lint;

#[cfg(test)]
mod tests;
