//! The first thing a visitor sees.

use super::repo::Repo;
use std::collections::BTreeSet;

/// What the root of the checkout may hold.
const ENTRIES: [&str; 23] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "README.zh-CN.md",
    "bench",
    "clients",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "examples",
    "fuzz",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
];

pub(super) fn check(repo: &Repo) -> Vec<String> {
    let first = |path: &camino::Utf8PathBuf| path.components().next().map(|c| c.to_string());
    let found: BTreeSet<String> = repo.files.iter().filter_map(|file| first(&file.path)).collect();
    let unknown = found.iter().filter(|entry| !ENTRIES.contains(&entry.as_str()));
    unknown.map(|entry| format!("{entry}: not a listed entry")).collect()
}
