//! Training records.

use crate::error::DataError;
use crate::files::{from_json_lines, read_text, to_json_lines, write_atomically};
use camino::Utf8Path;
use catena_protocol::{Message, Span};
use serde::{Deserialize, Serialize};

/// Largest file of records read.
const MAX_RECORD_FILE_BYTES: u64 = 4 << 30;

/// Which part of the data a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The model learns from it.
    Train,
    /// The model is measured on it and never sees it in training.
    Heldout,
}

/// One passage shown in a record's prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPassage {
    /// Its number in the prompt, from 1.
    pub number: usize,
    /// The document it comes from.
    pub document_id: String,
    /// The chunk.
    pub chunk_id: String,
    /// The document's title.
    pub title: String,
    /// The chunk's text.
    pub text: String,
    /// Where the chunk stands in the document's content.
    pub span: Span,
}

/// One question with its passages and its grounded answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Unique in its set.
    pub id: String,
    /// The document that answers the question.
    pub document_id: String,
    /// Its part of the data.
    pub split: Split,
    /// What is asked.
    pub question: String,
    /// The passages of the prompt, by number.
    pub passages: Vec<RecordPassage>,
    /// The prompt as the model is asked in serving, without the answer.
    pub messages: Vec<Message>,
    /// The reference answer with its citation mark.
    pub answer: String,
    /// Number of the passage that the answer quotes.
    pub citation: usize,
}

/// Writes one record a line, beside the file first and then renamed over it.
///
/// # Errors
/// [`DataError::Io`].
pub fn write_records(path: &Utf8Path, records: &[Record]) -> Result<(), DataError> {
    write_atomically(path, &to_json_lines(records))
}

/// Reads what [`write_records`] wrote; an empty file gives no records.
///
/// # Errors
/// File, encoding and JSON errors that name the file and line.
pub fn read_records(path: &Utf8Path) -> Result<Vec<Record>, DataError> {
    from_json_lines(path, &read_text(path, MAX_RECORD_FILE_BYTES)?)
}
