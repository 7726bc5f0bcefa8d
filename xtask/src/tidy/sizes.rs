//! File lengths.

use super::repo::Repo;

const MAX_LINES: usize = 800;
const CODE: [&str; 6] = ["rs", "ts", "tsx", "mjs", "css", "py"];

/// Files that may be longer, each with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

pub(super) fn check(repo: &Repo) -> Vec<String> {
    let code = repo.files.iter().filter(|f| f.path.extension().is_some_and(|e| CODE.contains(&e)));
    let long = code.filter(|file| !EXCEPTIONS.iter().any(|(path, _)| file.path == *path));
    long.map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect()
}
