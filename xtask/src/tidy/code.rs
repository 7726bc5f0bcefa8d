//! What code may say where.

use super::repo::{Repo, SourceFile};

/// Crates that may print, exit and read the environment: the composer and this tool.
const COMPOSERS: [&str; 2] = ["crates/catena/", "xtask/"];

/// Calls that only a composer may make.
const EFFECTS: [&str; 9] = [
    "println!",
    "print!(",
    "eprint",
    "process::exit",
    "std::env",
    "env::var",
    "env::args",
    "env::set_var",
    "dbg!(",
];

/// Words of unfinished work; none may stay.
const MARKERS: [&str; 4] =
    [concat!("TO", "DO"), concat!("XX", "X"), concat!("HA", "CK"), concat!("to", "do!(")];
/// A wrong result that a test pins; allowed in tests only.
const PINNED: &str = concat!("FIX", "ME");

pub(super) fn check_effects(repo: &Repo) -> Vec<String> {
    let libraries = repo.rust().filter(|file| {
        file.path.file_name() != Some("build.rs")
            && !COMPOSERS.iter().any(|folder| file.path.as_str().starts_with(folder))
    });
    libraries.flat_map(effects).collect()
}

pub(super) fn effects(file: &SourceFile) -> Vec<String> {
    find(file, file.product_lines(), &EFFECTS)
}

pub(super) fn check_allows(repo: &Repo) -> Vec<String> {
    let needles = [concat!("#[", "allow("), concat!("#![", "allow(")];
    repo.rust().flat_map(|file| find(file, all_lines(file), &needles)).collect()
}

pub(super) fn check_markers(repo: &Repo) -> Vec<String> {
    repo.rust().flat_map(markers).collect()
}

pub(super) fn markers(file: &SourceFile) -> Vec<String> {
    let mut wrong = find(file, all_lines(file), &MARKERS);
    let tests = file.text.lines().position(|line| line == "#[cfg(test)]");
    let product_end = if file.is_test() { 0 } else { tests.unwrap_or(usize::MAX) };
    wrong.extend(find(file, all_lines(file).take(product_end), &[PINNED]));
    wrong
}

pub(super) fn check_module_files(repo: &Repo) -> Vec<String> {
    let modules = repo.rust().filter(|file| {
        ["lib.rs", "mod.rs"].contains(&file.path.file_name().unwrap_or_default()) && !file.is_test()
    });
    modules.flat_map(items).collect()
}

/// Items that a module file should leave to its modules.
pub(super) fn items(file: &SourceFile) -> Vec<String> {
    let words = ["fn ", "struct ", "enum ", "impl", "trait ", "const ", "static ", "unsafe "];
    let starts = |line: &str| {
        let visible = ["pub(crate) ", "pub(super) ", "pub "];
        let item = visible.iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
        words.iter().any(|word| item.starts_with(word))
    };
    let wrong = file.product_lines().filter(|(_, line)| starts(line));
    wrong.map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim())).collect()
}

pub(super) fn check_lints(repo: &Repo) -> Vec<String> {
    let manifests = repo.files.iter().filter(|file| {
        file.path.file_name() == Some("Cargo.toml") && file.path.components().count() > 1
    });
    let bare = manifests.filter(|file| !file.text.contains("[lints]\nworkspace = true"));
    bare.map(|file| format!("{}: lacks `[lints] workspace = true`", file.path)).collect()
}

fn all_lines(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn find<'a>(
    file: &SourceFile,
    lines: impl Iterator<Item = (usize, &'a str)>,
    needles: &[&str],
) -> Vec<String> {
    lines
        .filter_map(|(number, line)| {
            let needle = needles.iter().find(|needle| line.contains(**needle))?;
            Some(format!("{}:{number}: `{needle}`", file.path))
        })
        .collect()
}
