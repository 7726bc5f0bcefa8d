//! Runs every rule.

use super::repo::Repo;
use super::{code, contracts, docs, errors, functions, incidents, layering, root, sizes};
use crate::error::TaskError;

/// A rule: its name and its check.
pub(super) type Rule = (&'static str, fn(&Repo) -> Vec<String>);

/// Every rule.
pub(super) const RULES: [Rule; 14] = [
    ("crates depend as the layer table says", layering::check),
    ("ARCHITECTURE.md shows the same layer table", layering::check_document),
    ("files have at most 800 lines", sizes::check),
    ("functions have at most 70 lines", functions::check),
    ("lib.rs and mod.rs hold only docs, mod and use", code::check_module_files),
    ("the root holds listed entries only", root::check),
    ("only the binary prints, exits and reads the environment", code::check_effects),
    ("lints are expected with a reason, never allowed", code::check_allows),
    ("unsafe functions say what their callers promise", contracts::check),
    ("no markers of unfinished work", code::check_markers),
    ("every crate takes the workspace's lints", code::check_lints),
    ("every error enum has a snapshot", errors::check),
    ("the documents are there and within their limits", docs::check),
    ("docs/security.md names the tests of incidents, and all of them", incidents::check),
];

/// Prints every violation.
///
/// # Errors
/// [`TaskError::Untidy`] if there is one.
pub(crate) fn run() -> Result<(), TaskError> {
    let repo = Repo::read(&crate::process::root())?;
    let violations = violations(&repo);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: {} rules hold", RULES.len());
        return Ok(());
    }
    Err(TaskError::Untidy { count: violations.len() })
}

/// Every violation of every rule, with the rule before it.
pub(super) fn violations(repo: &Repo) -> Vec<String> {
    let broken = |(name, check): &Rule| {
        check(repo).into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(broken).collect()
}
