//! Crates and what they depend on.

use super::repo::Repo;
use crate::layers::{LAYERS, Layer};
use cargo_metadata::{DependencyKind, Package};
use std::collections::BTreeSet;

/// Compares every manifest with the table.
pub(super) fn check(repo: &Repo) -> Vec<String> {
    let mut wrong: Vec<String> = LAYERS.iter().flat_map(check_levels).collect();
    for package in repo.metadata.workspace_packages() {
        if package.name.as_str() == "xtask" {
            continue;
        }
        match LAYERS.iter().find(|layer| layer.name == short(package.name.as_str())) {
            Some(layer) => wrong.extend(check_package(layer, package)),
            None => wrong.push(format!("{}: not in the layer table", package.manifest_path)),
        }
    }
    wrong
}

/// Within the table, arrows point down or sideways to a crate that stands before.
fn check_levels(layer: &Layer) -> Vec<String> {
    let place = |name: &str| LAYERS.iter().position(|other| other.name == name);
    let below = |name: &str| place(name) < place(layer.name);
    let level = |name: &str| LAYERS.iter().find(|l| l.name == name).map_or(u8::MAX, |l| l.level);
    layer
        .may_use
        .iter()
        .filter(|used| !below(used) || level(used) > layer.level)
        .map(|used| format!("xtask/src/layers.rs: `{}` may not stand above `{used}`", layer.name))
        .collect()
}

fn check_package(layer: &Layer, package: &Package) -> Vec<String> {
    let mut wrong = Vec::new();
    for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development)
    {
        let name = dependency.name.as_str();
        let ours = dependency.path.is_some();
        if ours && !layer.may_use.contains(&short(name)) {
            wrong.push(format!("{}: `{}` may not use `{name}`", package.manifest_path, layer.name));
        }
        if name.starts_with("tokio") && !layer.tokio {
            wrong.push(format!("{}: `{}` may not use `{name}`", package.manifest_path, layer.name));
        }
    }
    wrong
}

fn short(name: &str) -> &str {
    name.strip_prefix("catena-").unwrap_or(name)
}

/// Compares the table in ARCHITECTURE.md with the one in the code.
pub(super) fn check_document(repo: &Repo) -> Vec<String> {
    let text = repo.text("ARCHITECTURE.md").unwrap_or_default();
    let told: BTreeSet<String> = text.lines().filter_map(table_row).collect();
    let meant: BTreeSet<String> = LAYERS
        .iter()
        .filter(|layer| {
            repo.metadata.workspace_packages().iter().any(|p| short(&p.name) == layer.name)
        })
        .map(|layer| {
            let used = if layer.may_use.len() + 1 == LAYERS.len() {
                "all".to_owned()
            } else {
                words(layer.may_use.iter().copied())
            };
            format!("L{} {}: {used}", layer.level, layer.name)
        })
        .collect();
    let missing = meant.difference(&told).map(|row| format!("ARCHITECTURE.md: lacks `{row}`"));
    let stale = told.difference(&meant).map(|row| format!("ARCHITECTURE.md: has `{row}`"));
    missing.chain(stale).collect()
}

/// `| L1 | `text` | … | protocol |` as `L1 text: protocol`.
fn table_row(line: &str) -> Option<String> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [level, name, .., used] = cells.as_slice() else { return None };
    let is_level = level.strip_prefix('L').is_some_and(|n| n.parse::<u8>().is_ok());
    let used = if *used == "nothing of ours" { "" } else { used };
    let used = words(used.split(',').map(str::trim).filter(|word| !word.is_empty()));
    is_level.then(|| format!("{level} {}: {used}", name.trim_matches('`')))
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let sorted: BTreeSet<&str> = words.collect();
    sorted.into_iter().collect::<Vec<_>>().join(", ")
}
