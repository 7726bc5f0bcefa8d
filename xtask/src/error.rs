//! What can go wrong in a task.

use camino::Utf8PathBuf;
use std::io;

/// An error of a task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    /// The first argument names no task.
    #[error("no task is called `{task}`; `cargo xtask help` lists them")]
    UnknownTask { task: String },
    /// A rule of the house is broken.
    #[error("tidy found {count} violation(s)")]
    Untidy { count: usize },
    /// A needed program is missing and this user may not install it.
    #[error("missing: {missing}\n\nhint: {command}")]
    MissingPrograms { missing: String, command: String },
    /// A program is older than needed.
    #[error("`{program}` is {found}, at least {needed} is needed\n\nhint: {hint}")]
    OldProgram { program: &'static str, found: String, needed: &'static str, hint: String },
    /// There is no compiler for Arm here, and it cannot be fetched.
    #[error(
        "cannot fetch a compiler for 64-bit Arm: {cause}\n\nhint: http://deb.debian.org must be \
         reachable (a proxy is set in http_proxy, or for apt); if a signature is refused, update the \
         package debian-archive-keyring"
    )]
    NoCompiler { cause: Box<TaskError> },
    /// A variable a task needs is not set.
    #[error("{variable} is not set; for example: {example}")]
    Unset { variable: &'static str, example: &'static str },
    /// A program could not be started.
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    /// A program ended with an error.
    #[error("`{command}` ended with {status}")]
    Command { command: String, status: String, code: u8 },
    /// A file could not be used.
    #[error("cannot use `{path}`: {source}")]
    File { path: Utf8PathBuf, source: io::Error },
    /// `cargo metadata` failed.
    #[error("cannot read the workspace: {0}")]
    Metadata(#[from] cargo_metadata::Error),
}

impl TaskError {
    /// Exit code, as the product documents its own: 1 the answer is no, 2 usage, 3 environment;
    /// a program's own code is passed on.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Untidy { .. } => 1,
            Self::UnknownTask { .. } | Self::Unset { .. } => 2,
            Self::Command { code, .. } => *code,
            Self::MissingPrograms { .. }
            | Self::OldProgram { .. }
            | Self::NoCompiler { .. }
            | Self::Start { .. }
            | Self::File { .. }
            | Self::Metadata(_) => 3,
        }
    }

    pub(crate) fn file(path: impl Into<Utf8PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
