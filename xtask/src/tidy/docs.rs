//! The documents of the house.

use super::repo::Repo;
use crate::layers::LAYERS;

/// Most lines of each document that has a limit.
const LIMITS: [(&str, usize); 3] =
    [("ARCHITECTURE.md", 300), ("README.md", 200), ("README.zh-CN.md", 200)];

/// Documents that must be there.
const REQUIRED: [&str; 8] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "deny.toml",
    "docs/log.md",
];

pub(super) fn check(repo: &Repo) -> Vec<String> {
    let missing = REQUIRED.iter().filter(|path| repo.text(path).is_none_or(str::is_empty));
    let mut wrong: Vec<String> = missing.map(|path| format!("{path}: missing")).collect();
    for (path, limit) in LIMITS {
        let lines = repo.text(path).unwrap_or_default().lines().count();
        if lines > limit {
            wrong.push(format!("{path}: {lines} lines, at most {limit}"));
        }
    }
    let architecture = repo.text("ARCHITECTURE.md").unwrap_or_default();
    for layer in LAYERS {
        if !architecture.contains(&format!("### `{}`", layer.name)) {
            wrong.push(format!("ARCHITECTURE.md: no section for `{}`", layer.name));
        }
    }
    wrong
}
