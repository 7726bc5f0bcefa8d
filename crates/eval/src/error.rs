//! The one error of this crate.

use camino::Utf8PathBuf;

/// What can go wrong with an evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    // Fix the input.
    /// A scenario file is too large.
    #[error("{path} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// The largest allowed.
        limit: u64,
    },
    /// A scenario file does not have the expected shape.
    #[error("{path}, line {line}: not the expected JSON")]
    Json {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1.
        line: usize,
        /// The parser's word.
        #[source]
        source: serde_json::Error,
    },
    /// There is nothing to measure on.
    #[error("{path} holds no scenarios")]
    NoScenarios {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A scenario names no document.
    #[error("scenario `{id}` names no required document")]
    NoRequiredDocuments {
        /// The scenario.
        id: String,
    },
    /// A scenario names a document that is not in the collection.
    #[error("scenario `{id}` requires document `{document_id}`, which the collection lacks")]
    UnknownDocument {
        /// The scenario.
        id: String,
        /// The document.
        document_id: String,
    },

    // Fix the machine.
    /// A file could not be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
}

impl EvalError {
    /// One thing to try next, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } => Some("split the scenarios into smaller files"),
            Self::Json { .. } => Some(
                "scenarios are objects with `id`, `user_scenario.instructions` and \
                 `required_documents`",
            ),
            Self::NoScenarios { .. } | Self::Io { .. } => Some("check the path in catena.toml"),
            Self::NoRequiredDocuments { .. } => Some("name the documents or remove the scenario"),
            Self::UnknownDocument { .. } => {
                Some("the scenarios may belong to another set of documents")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_text() {
        let path = || Utf8PathBuf::from("tasks.json");
        let json = || serde_json::from_str::<u8>("x").unwrap_err();
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let id = || "task_001".to_owned();
        let errors = [
            EvalError::TooLarge { path: path(), limit: 64 },
            EvalError::Json { path: path(), line: 3, source: json() },
            EvalError::NoScenarios { path: path() },
            EvalError::NoRequiredDocuments { id: id() },
            EvalError::UnknownDocument { id: id(), document_id: "doc_9".to_owned() },
            EvalError::Io { path: path(), source: io() },
        ];
        let lines: Vec<String> = errors
            .iter()
            .map(|error| format!("{error}\n  hint: {}", error.hint().unwrap_or("-")))
            .collect();
        insta::assert_snapshot!("every_error", lines.join("\n"));
    }
}
