//! The one error of this crate.

use crate::formats::DropReason;
use camino::Utf8PathBuf;
use catena_corpus::{BadReason, CorpusError, perhaps};
use std::fmt;

/// What two splits must not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakKind {
    /// A held-out document is the source, or among the passages, of a training record.
    Document,
    /// The same question.
    Question,
    /// The same sentence in the answers.
    AnswerSentence,
}

impl fmt::Display for LeakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Document => "a document",
            Self::Question => "a question",
            Self::AnswerSentence => "an answer sentence",
        })
    }
}

/// What can go wrong with data.
///
/// Grouped by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    // Fix the input.
    /// The path does not exist.
    #[error("there is no file or folder {path}")]
    NotFound {
        /// The path.
        path: Utf8PathBuf,
    },
    /// The file holds bytes that no text has.
    #[error("{path} is a binary file (byte {value:#04x} at offset {offset})")]
    Binary {
        /// The file.
        path: Utf8PathBuf,
        /// Offset of the first byte that no text has.
        offset: u64,
        /// That byte.
        value: u8,
    },
    /// The file is not UTF-8.
    #[error("{path} is not UTF-8 text (first bad byte at offset {offset})")]
    NotUtf8 {
        /// The file.
        path: Utf8PathBuf,
        /// Offset of the first byte that breaks the encoding.
        offset: u64,
    },
    /// A path in the folder is not UTF-8.
    #[error("folder {folder} holds a name that is not UTF-8")]
    PathNotUtf8 {
        /// The folder.
        folder: Utf8PathBuf,
    },
    /// A JSON file or line does not have the expected shape.
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
    /// A compressed file is damaged, or grows too much.
    #[error("cannot decompress {path}")]
    Compressed {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        #[source]
        reason: BadReason,
    },
    /// A file of a known format cannot be understood.
    #[error("cannot read {path}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        #[source]
        reason: BadReason,
    },
    /// A row of a data file is bad.
    #[error("{path}, line {line}: {reason}")]
    BadRow {
        /// The file.
        path: Utf8PathBuf,
        /// Line, from 1; in columnar files the row.
        line: usize,
        /// What is wrong with it.
        reason: BadReason,
    },
    /// The file's ending names no kind of data file.
    #[error("{path} is of no known kind of data file (known: {known})")]
    UnknownDataFile {
        /// The file.
        path: Utf8PathBuf,
        /// The endings that are read.
        known: &'static str,
    },
    /// A folder of data files holds files of two kinds.
    #[error("{first} and {other} are of two kinds, and one data set has files of one kind")]
    MixedDataFiles {
        /// The first file.
        first: Utf8PathBuf,
        /// One of another kind.
        other: Utf8PathBuf,
    },
    /// There are no rows.
    #[error("{path} holds no rows")]
    NoRows {
        /// The file or folder.
        path: Utf8PathBuf,
    },
    /// The columns fit no format.
    #[error(
        "the columns of {path} fit no known format: {} (formats: {})",
        columns.join(", "), known.join(", ")
    )]
    UnknownShape {
        /// The file or folder.
        path: Utf8PathBuf,
        /// Its columns.
        columns: Vec<String>,
        /// Names of all formats.
        known: Vec<&'static str>,
    },
    /// Columns are named for a format that is not.
    #[error("columns are named for {path}, but no format whose parts they hold")]
    ColumnsWithoutFormat {
        /// The file or folder.
        path: Utf8PathBuf,
    },
    /// A name that nobody knows.
    #[error("unknown {what} `{name}`{place}{} (known: {known})", perhaps(nearest.as_ref()))]
    UnknownName {
        /// What it should name.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it stands, with a space before, or nothing.
        place: String,
        /// The known name that is most like it, if one is.
        nearest: Option<String>,
        /// The known names.
        known: String,
    },
    /// A value of a settings file is not what its key wants.
    #[error("`{key}`{place} is `{found}`, expected {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// Where it stands, with a space before, or nothing.
        place: String,
        /// Its value.
        found: String,
        /// What is allowed, in words.
        expected: &'static str,
    },
    /// A data set lies elsewhere.
    #[error("data set `{dataset}` is not here: its `{key}` is {address}")]
    RemoteDataset {
        /// Its name.
        dataset: String,
        /// The key that says where it lies.
        key: &'static str,
        /// Where it lies.
        address: String,
    },
    /// No row fits.
    #[error(
        "none of the {count} rows of {path} fits the format `{format}`; the first, in line \
         {line}: {reason}"
    )]
    AllRowsDropped {
        /// The file.
        path: Utf8PathBuf,
        /// Rows read.
        count: usize,
        /// The format.
        format: &'static str,
        /// Line of the first row dropped.
        line: usize,
        /// What is wrong with it.
        reason: DropReason,
    },
    /// A limit is exceeded.
    #[error("{path}: {what} exceeds the limit of {limit}")]
    TooLarge {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What is too large, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// An operator of `corpus` refuses its setting or cannot read a file.
    #[error(transparent)]
    Corpus(CorpusError),
    /// The splits share something.
    #[error("records `{train}` (train) and `{heldout}` (held out) share {kind}: {value:?}")]
    Leak {
        /// What is shared.
        kind: LeakKind,
        /// Its text or id.
        value: String,
        /// Id of the training record.
        train: String,
        /// Id of the held-out record.
        heldout: String,
    },
    /// Nothing of a record's answer fits.
    #[error(
        "the answer of record `{record}` was cut off entirely: its prompt has {prompt_tokens} \
         tokens, the limit is {max_tokens}"
    )]
    AnswerCutOff {
        /// Id of the record.
        record: String,
        /// Tokens before the answer.
        prompt_tokens: usize,
        /// Limit of the record.
        max_tokens: usize,
    },
    /// The chat template rewrites the prompt when an answer follows.
    #[error(
        "the chat template renders the prompt of record `{record}` differently once the answer \
         follows (first difference at byte {offset})"
    )]
    TemplatePrefix {
        /// Id of the record.
        record: String,
        /// Where the two renderings part.
        offset: usize,
    },
    /// A conversation, and no template to render it with.
    #[error("`{record}` is a conversation, and the model has no chat template")]
    NoTemplate {
        /// Name of the sample.
        record: String,
    },
    /// The template's marks do not tell one turn from another.
    #[error(
        "the chat template marks {marks} parts of `{record}` as generated, which has {turns} turns \
         of the assistant, so that single turns cannot be chosen"
    )]
    MarkedTurns {
        /// Name of the sample.
        record: String,
        /// Parts marked.
        marks: usize,
        /// Turns of the assistant.
        turns: usize,
    },
    /// The sample is of another kind than is encoded here.
    #[error("`{record}` is a sample of kind `{found}`, expected {expected}")]
    WrongSample {
        /// Name of the sample.
        record: String,
        /// Its kind.
        found: &'static str,
        /// Kinds that are encoded here.
        expected: &'static str,
    },
    /// A label that the classes do not have.
    #[error("`{record}` has the label `{label}`, which is none of the {count} classes")]
    UnknownLabel {
        /// Name of the sample.
        record: String,
        /// Its label.
        label: String,
        /// Number of classes.
        count: usize,
    },
    /// Tokenizer or template refused a record.
    #[error("cannot encode record `{record}`")]
    Encode {
        /// Id of the record.
        record: String,
        /// The tokenizer's or template's word.
        #[source]
        source: catena_text::TextError,
    },

    // Fix the machine.
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// `read`, `write`, `create` or `rename`.
        action: &'static str,
        /// The file or folder.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },

    // Stopped.
    /// The caller asked the work to stop.
    #[error("data preparation was interrupted")]
    Interrupted,
}

impl From<CorpusError> for DataError {
    fn from(error: CorpusError) -> Self {
        if matches!(error, CorpusError::Interrupted) {
            Self::Interrupted
        } else {
            Self::Corpus(error)
        }
    }
}

impl DataError {
    /// One thing to try next, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Corpus(error) => error.hint(),
            Self::NotFound { .. } => Some("check the path"),
            Self::Binary { .. } => Some("move the file out of the folder, or convert it to text"),
            Self::NotUtf8 { .. } => {
                Some("convert the file, for example: iconv -f GB18030 -t UTF-8")
            }
            Self::PathNotUtf8 { .. } => Some("rename the file"),
            Self::Json { .. } => Some("records stand one a line, as `catena up` writes them"),
            Self::TooLarge { .. } => Some("split the input into smaller files or sets"),
            Self::Leak { .. } => Some("drop one of the two records, or split by document again"),
            Self::AnswerCutOff { .. } => Some("raise `max_tokens`, or use fewer passages"),
            Self::TemplatePrefix { .. } => Some("use a template that only appends to the prompt"),
            Self::Io { .. } => Some("check that the folder exists, is writable and has space left"),
            Self::BadRow { reason, .. }
            | Self::Compressed { reason, .. }
            | Self::Damaged { reason, .. } => reason.hint(),
            Self::UnknownDataFile { .. } => Some("convert the file to JSON Lines"),
            Self::MixedDataFiles { .. } => Some("keep one data set in one folder"),
            Self::NoRows { .. } => Some("add rows to the file"),
            Self::UnknownShape { .. } | Self::ColumnsWithoutFormat { .. } => {
                Some("name the format, and the columns that hold its parts")
            }
            Self::RemoteDataset { .. } => {
                Some("download the data set and give its file in `file_name`")
            }
            Self::AllRowsDropped { .. } => Some("look at that row, or name another format"),
            Self::NoTemplate { .. } => Some("give a chat template, or train on plain text"),
            Self::MarkedTurns { .. } => Some("train on all turns, or use another chat template"),
            Self::UnknownLabel { .. } => Some("add the class, or correct the label"),
            Self::UnknownName { .. }
            | Self::BadValue { .. }
            | Self::WrongSample { .. }
            | Self::Encode { .. }
            | Self::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests;
