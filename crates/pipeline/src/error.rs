//! What can go wrong between a project's folder and its results.

use camino::Utf8PathBuf;
use catena_store::StoreError;
use std::error::Error;
use thiserror::Error as ThisError;

/// An error of a project or its pipeline.
#[derive(Debug, ThisError)]
pub enum PipelineError {
    // Fix the input.
    /// There is no `catena.toml`.
    #[error("`{path}` does not exist")]
    NoProject {
        /// Where it was looked for.
        path: Utf8PathBuf,
    },
    /// A key is not known.
    #[error("line {line}: unknown key `{key}`")]
    UnknownKey {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The most similar known key, if one is close.
        nearest: Option<String>,
        /// All keys known there.
        known: Vec<String>,
    },
    /// The file is not valid TOML or a value has the wrong type.
    #[error("line {line}: {reason}")]
    InvalidToml {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A value is out of its range.
    #[error("{}`{key}` is {value}, it must be {range}", line_prefix(*line))]
    InvalidValue {
        /// The key with its section.
        key: &'static str,
        /// Line of the value, from 1; `None` for a default.
        line: Option<usize>,
        /// What was given.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A stage failed.
    #[error("stage `{stage}` did not finish")]
    Stage {
        /// The stage.
        stage: &'static str,
        /// What it says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    // Fix the machine.
    /// A file operation failed.
    #[error("cannot read or write `{path}`")]
    Io {
        /// The file or folder.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The project's state cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record in the database cannot be read.
    #[error("a finished stage's `{column}` in the project's database is not readable")]
    CorruptRecord {
        /// The column.
        column: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    // Retry.
    /// The run was asked to stop; finished work is kept.
    #[error("interrupted in stage `{stage}`; what is finished is kept")]
    Interrupted {
        /// The stage that was running or about to.
        stage: &'static str,
    },
}

fn line_prefix(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!("line {line}: "))
}
