//! Every public error enum is seen as text by a snapshot test.

use super::repo::{Repo, SourceFile};
use camino::Utf8Path;

pub(super) fn check(repo: &Repo) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in repo.rust().filter(|file| !file.is_test()) {
        let Some(folder) = crate_folder(&file.path) else { continue };
        for name in error_enums(file) {
            if !has_snapshot(repo, folder) {
                wrong.push(format!("{}: `{name}` has no snapshot named `*error*`", file.path));
            }
        }
    }
    wrong
}

/// Public enums whose derive has `Error`.
pub(super) fn error_enums(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let derives = |line: &str| line.starts_with("#[derive(") && line.contains("Error");
    let name_below = |at: usize| {
        let below = lines[at..].iter().take(6).find_map(|line| line.strip_prefix("pub enum "))?;
        Some(below.trim_end_matches(" {").to_owned())
    };
    (0..lines.len()).filter(|at| derives(lines[*at])).filter_map(name_below).collect()
}

fn has_snapshot(repo: &Repo, folder: &Utf8Path) -> bool {
    repo.files.iter().any(|file| {
        file.path.starts_with(folder)
            && file.path.extension() == Some("snap")
            && file.path.file_name().is_some_and(|name| name.contains("error"))
    })
}

/// `crates/<name>` of a file in a crate's `src`.
fn crate_folder(path: &Utf8Path) -> Option<&Utf8Path> {
    let folder = path.ancestors().find(|folder| folder.parent() == Some(Utf8Path::new("crates")));
    folder.filter(|folder| path.starts_with(folder.join("src")))
}
