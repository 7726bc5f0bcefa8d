//! The one error of this crate.

use crate::objects::is_object;
use arrow_schema::ArrowError;
use camino::Utf8PathBuf;
use catena_corpus::{BadReason, CorpusError, Place};
use catena_text::TextError;
use datafusion::error::DataFusionError;

/// What can go wrong with a curation.
///
/// Grouped by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum CurateError {
    // Fix the input.
    /// An operator of `corpus` refuses its setting or its input.
    #[error(transparent)]
    Corpus(CorpusError),
    /// The plan is not TOML of the known keys.
    #[error("the plan {path} is not valid")]
    Plan {
        /// The file.
        path: Utf8PathBuf,
        /// The parser's word, with the line.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A threshold is not one of a rule of the plan.
    #[error("`rules.thresholds` names no rule of the plan: `{found}`")]
    UnknownThreshold {
        /// Its key.
        found: String,
    },
    /// A sample of an evaluation set could stand in the data unseen.
    #[error("row {place} of an evaluation set cannot be looked for")]
    Benchmark {
        /// Where the row stands.
        place: Place,
        /// Why it has no text.
        #[source]
        reason: BadReason,
    },
    /// Pseudonyms without a secret would let anybody test guesses.
    #[error("pseudonyms need a secret, and `pii.key_file` names no file")]
    NoKey,
    /// Tokens are counted by nothing.
    #[error("`{key}` needs a count of tokens, and `tokens.tokenizer` names no tokenizer")]
    NoTokenizer {
        /// The key of the plan.
        key: &'static str,
    },
    /// The file of the plan's tokenizer is none.
    #[error("{path} is no tokenizer")]
    Tokenizer {
        /// The file.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: Box<TextError>,
    },
    /// A line cut out of a text cannot be found in the turns that the text joins.
    #[error("`{key}` cuts lines out of texts, and {place} holds turns instead of a text")]
    TurnsCut {
        /// The key of the plan.
        key: &'static str,
        /// Where the row stands.
        place: String,
    },
    /// The output folder holds the work of another plan or of other inputs, or of such as have
    /// changed since.
    #[error("{folder} holds the work of another plan or other inputs")]
    OtherWork {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// The folder holds no curated set.
    #[error("{folder} holds no curated data set: {file} is missing")]
    NotCurated {
        /// The folder.
        folder: Utf8PathBuf,
        /// The file that every curated set has.
        file: &'static str,
    },
    /// The set was made by a plan that measures nothing.
    #[error("no document of {folder} was measured")]
    NotMeasured {
        /// The curated set.
        folder: Utf8PathBuf,
    },
    /// No document has this id.
    #[error("no document of {folder} has the id `{id}`")]
    UnknownId {
        /// The curated set.
        folder: Utf8PathBuf,
        /// The id.
        id: String,
    },
    /// Nothing is left.
    #[error("all {count} documents were dropped (most by `{by}`)")]
    AllDropped {
        /// Documents read.
        count: u64,
        /// The step that dropped most.
        by: String,
    },
    /// The inputs hold no documents.
    #[error("the inputs hold no documents{}", refused(*num_bad, worst.as_deref()))]
    NoDocuments {
        /// Rows that could not be read.
        num_bad: u64,
        /// Why most of them could not.
        worst: Option<String>,
    },
    /// A query does not parse, names what is not there, or fails on its data.
    #[error("{message}")]
    Query {
        /// The engine's word.
        message: String,
    },

    /// The rows of a file are no table.
    #[error("a line of {input} is broken or does not have the columns of the others")]
    Rows {
        /// The file, as it was named; one of several with `or` between them.
        input: String,
    },

    // Fix the machine.
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// The engine of the plan failed.
    #[error("the cleaning plan failed")]
    Engine(#[source] Box<DataFusionError>),

    // Retry.
    /// Somebody asked to stop.
    #[error("curation was interrupted")]
    Interrupted,
}

/// What became of the rows, if there were any.
fn refused(num_bad: u64, worst: Option<&str>) -> String {
    worst.map_or_else(String::new, |worst| {
        format!("; rows or files that could not be read: {num_bad}, most of them `{worst}`")
    })
}

impl CurateError {
    /// One thing to try next, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Corpus(CorpusError::Io { path, .. }) | Self::Io { path, .. }
                if is_object(path.as_str()) =>
            {
                Some(
                    "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, AWS_ENDPOINT_URL \
                     for other stores than Amazon's, or AWS_SKIP_SIGNATURE=true for public buckets",
                )
            }
            Self::Corpus(error) => error.hint(),
            Self::Plan { .. } => Some("see `catena data plan` for every key with its default"),
            Self::UnknownThreshold { .. } => {
                Some("write SET/RULE of a set in rules.sets; see `catena data rules SET`")
            }
            Self::Benchmark {
                reason: BadReason::NoText { .. } | BadReason::TextType { .. },
                ..
            } => Some("name the column of its text: --set decontaminate.text=COLUMN"),
            Self::Benchmark { reason, .. } => reason.hint(),
            Self::NoKey => Some(
                "make one, for example: openssl rand -hex 32 > secret.key, and name it: --key-file of \
                 `mask`, `pii.key_file` of a plan",
            ),
            Self::NoTokenizer { .. } => Some("name a model or its tokenizer.json with --tokenizer"),
            Self::Tokenizer { .. } => Some("give the tokenizer.json of a Hugging Face model"),
            Self::TurnsCut { .. } => Some("set it to false, or clean rows of turns by themselves"),
            Self::OtherWork { .. } => Some("choose another --out, or add --overwrite"),
            Self::NotCurated { .. } => Some("give the folder that `catena data clean` wrote"),
            Self::NotMeasured { .. } => Some("clean it with the rule sets that are to judge it"),
            Self::UnknownId { .. } => Some(
                "list ids with: catena data sql \"SELECT id FROM attributes LIMIT 10\" --on FOLDER",
            ),
            Self::AllDropped { .. } => Some("the report shows what each rule dropped and why"),
            Self::NoDocuments { num_bad: 0, .. } => Some("add files that hold text"),
            Self::NoDocuments { .. } => Some("rejected/ in the output says why rows were refused"),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space and run again: what is done is kept")
            }
            Self::Query { .. } => Some(
                "tables are documents, rejected, rows and, of a cleaned set, attributes and \
                 duplicates",
            ),
            Self::Rows { .. } => {
                Some("ask the table documents, which leaves bad lines aside for the table rejected")
            }
            Self::Io { .. } | Self::Engine(_) | Self::Interrupted => None,
        }
    }

    /// Names `action` on `path` in an error of the system.
    pub(crate) fn io(
        action: &'static str,
        path: &camino::Utf8Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

impl From<CorpusError> for CurateError {
    fn from(error: CorpusError) -> Self {
        if matches!(error, CorpusError::Interrupted) {
            Self::Interrupted
        } else {
            Self::Corpus(error)
        }
    }
}

impl From<DataFusionError> for CurateError {
    /// An error of ours that passed through the engine comes out as itself.
    fn from(error: DataFusionError) -> Self {
        if !matches!(error.find_root(), DataFusionError::External(_)) {
            return Self::Engine(Box::new(error));
        }
        match unwrap_external(error) {
            Ok(ours) => ours,
            Err(error) => Self::Engine(Box::new(error)),
        }
    }
}

/// The error of ours that the engine carried, if it did.
#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn unwrap_external(error: DataFusionError) -> Result<CurateError, DataFusionError> {
    match error {
        DataFusionError::Context(_, inner) => unwrap_external(*inner),
        DataFusionError::External(inner) => match inner.downcast::<CurateError>() {
            Ok(ours) => Ok(*ours),
            Err(inner) => match inner.downcast::<CorpusError>() {
                Ok(ours) => Ok((*ours).into()),
                Err(inner) => Err(DataFusionError::External(inner)),
            },
        },
        other => Err(other),
    }
}

impl From<ArrowError> for CurateError {
    fn from(error: ArrowError) -> Self {
        DataFusionError::ArrowError(Box::new(error), None).into()
    }
}

impl From<CurateError> for DataFusionError {
    fn from(error: CurateError) -> Self {
        Self::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests;
