//! Documents as they are read, and rows that cannot be.

use super::reason::BadReason;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;

/// Where a row stands in the input.
///
/// Displayed, and used as the id of a document that has none, as `file:row`, or `file@start:row`
/// in a later part of a file. A file that is one text has its name as id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The file's name below the input, with `/` between folders.
    #[serde(serialize_with = "write_name", deserialize_with = "read_name")]
    pub file: Arc<str>,
    /// Byte where the part of the file begins from which `row` counts; zero for a whole file.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start: u64,
    /// The line in files of lines, else the row, sheet or record; from 1.
    pub row: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.start {
            0 => write!(f, "{}:{}", self.file, self.row),
            start => write!(f, "{}@{start}:{}", self.file, self.row),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn write_name<S: serde::Serializer>(name: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(name)
}

fn read_name<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(from).map(Arc::from)
}

/// The markup of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Markup {
    /// A page of the web, whole.
    Html,
    /// Markdown.
    Markdown,
}

/// One text with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDocument {
    /// The row's own id, else its [`Place`]; the name of a file that is one text.
    pub id: String,
    /// The text, with its [`Markup`].
    pub text: String,
    /// What markup the text has by the kind of its file or record, whatever its columns say.
    pub markup: Option<Markup>,
    /// The row's own `source`, else the name of its file.
    pub source: String,
    /// Where it stands.
    pub place: Place,
    /// The other columns of the row. The fields of a nested `metadata` object, as Dolma and
    /// DataTrove write it, stand among them.
    pub metadata: Map<String, Value>,
    /// Whether the row has no column of text: `text` joins the turns of a conversation, a
    /// preference or an instruction, and `metadata` holds the row as it was.
    pub turns: bool,
}

/// A document that its reader lends until it goes on; as [`SourceDocument`] has it, but for its
/// place and its metadata, which are texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LentDocument<'r> {
    /// Its id.
    pub id: &'r str,
    /// The text.
    pub text: &'r str,
    /// The markup of the text.
    pub markup: Option<Markup>,
    /// Where it is from.
    pub source: &'r str,
    /// Where it stands, as [`Place`] is displayed.
    pub place: &'r str,
    /// The metadata as the object of JSON that `serde_json` writes of it.
    pub metadata: &'r str,
    /// Whether the text joins turns.
    pub turns: bool,
}

/// A row that is no document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub reason: BadReason,
    /// Its beginning, at most [`Self::SAMPLE_CHARS`] characters, bad bytes replaced.
    pub sample: String,
}

impl BadRow {
    /// Characters of a bad row that are kept.
    pub const SAMPLE_CHARS: usize = 200;
}

/// What a shard yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A document.
    Document(SourceDocument),
    /// A row that is none: it is counted and kept aside by the caller.
    Bad(BadRow),
}

/// What a reader of documents has come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A document, which the reader lends.
    Document,
    /// A row that is none.
    Bad(BadRow),
}

/// The named values of one row, before anything is made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldRow {
    /// Where it stands.
    pub place: Place,
    /// Its length in the decompressed file; about that in columnar files.
    pub bytes: u64,
    /// Its values.
    pub fields: Map<String, Value>,
    /// What markup its text has by the kind of its record.
    pub markup: Option<Markup>,
}
