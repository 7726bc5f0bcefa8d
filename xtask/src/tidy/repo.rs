//! What the rules look at: the files git knows and the workspace cargo knows.

use crate::error::TaskError;
use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Metadata, MetadataCommand};
use std::fs;
use std::process::Command;

/// The checkout as the rules see it.
pub(super) struct Repo {
    pub(super) metadata: Metadata,
    pub(super) files: Vec<SourceFile>,
}

/// A text file with its path inside the checkout.
pub(super) struct SourceFile {
    pub(super) path: Utf8PathBuf,
    pub(super) text: String,
}

impl Repo {
    /// Reads every file that is tracked, or new and not ignored. Files that are not UTF-8 carry
    /// no rules and have empty text.
    pub(super) fn read(root: &Utf8Path) -> Result<Self, TaskError> {
        let metadata =
            MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
        let files = list(root)?
            .into_iter()
            .filter(|path| root.join(path).is_file())
            .map(|path| {
                let bytes = fs::read(root.join(&path)).map_err(TaskError::file(&path))?;
                Ok(SourceFile { path, text: String::from_utf8(bytes).unwrap_or_default() })
            })
            .collect::<Result<_, TaskError>>()?;
        Ok(Self { metadata, files })
    }

    /// Rust files.
    pub(super) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.extension() == Some("rs"))
    }

    /// The text of one file, if it is there.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

fn list(root: &Utf8Path) -> Result<Vec<Utf8PathBuf>, TaskError> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git")
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|source| TaskError::Start { program: "git".to_owned(), source })?;
    if !output.status.success() {
        return Err(TaskError::Command {
            command: "git ls-files".to_owned(),
            status: output.status.to_string(),
            code: 3,
        });
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(Utf8PathBuf::from).collect())
}

impl SourceFile {
    /// Whether the whole file is test, bench or example code.
    pub(super) fn is_test(&self) -> bool {
        let folders = ["tests", "benches", "examples", "fuzz"];
        let stem = self.path.file_stem().unwrap_or_default();
        stem == "tests"
            || stem.starts_with("test_")
            || self.path.components().any(|part| folders.contains(&part.as_str()))
    }

    /// Lines of product code with their number: no tests, no comments.
    pub(super) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> =
            if self.is_test() { Vec::new() } else { self.text.lines().collect() };
        let test_module = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        let end = test_module.unwrap_or(lines.len());
        let code = |(_, line): &(usize, &str)| !line.trim_start().starts_with("//");
        lines.into_iter().take(end).enumerate().map(|(at, line)| (at + 1, line)).filter(code)
    }
}
