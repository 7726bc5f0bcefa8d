//! Why a row is no document.

use serde::Serialize;

/// Why a row is no document. None is fatal unless the caller asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum BadReason {
    /// The line or element does not parse.
    #[error("not JSON: {message}")]
    NotJson {
        /// The parser's word.
        message: String,
    },
    /// A JSON value of another kind.
    #[error("a row is {found}, expected an object")]
    NotAnObject {
        /// What stands there.
        found: &'static str,
    },
    /// A table's row of another length than its header.
    #[error("a row of {found} fields below a header of {expected}")]
    Fields {
        /// Fields of the row.
        found: u64,
        /// Columns of the header.
        expected: u64,
    },
    /// No column of text, and no turns that could be joined.
    #[error("no column holds text (columns: {columns})")]
    NoText {
        /// The columns there are, separated by commas, cut to 200 characters.
        columns: String,
    },
    /// The column of the text holds something else, as where its type changes between rows.
    #[error("the text column `{column}` holds {found}")]
    TextType {
        /// The column.
        column: String,
        /// What stands there.
        found: &'static str,
    },
    /// Nothing but white space, or a PDF without a text layer.
    #[error("there is no text in it")]
    Empty,
    /// Longer than allowed; skipped without being held in memory.
    #[error("it has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Its length, as far as it was read.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Bytes that the encoding does not have.
    #[error("not {encoding} text (first bad byte at offset {offset})")]
    Encoding {
        /// The encoding of the file, as it was detected or given.
        encoding: &'static str,
        /// Offset of the first bad byte in the row.
        offset: u64,
    },
    /// A text file that is none.
    #[error("binary data (byte {value:#04x} at offset {offset})")]
    Binary {
        /// Offset of the first byte that no text has.
        offset: u64,
        /// That byte.
        value: u8,
    },
    /// Compressed data that ends too early; what came before was read.
    #[error("the compressed data ends too early")]
    Truncated,
    /// Compressed data that is damaged; what came before was read.
    #[error("the compressed data is damaged: {message}")]
    Compression {
        /// The decoder's word.
        message: String,
    },
    /// A decompression bomb; what came before was read.
    #[error("the compressed data grows to more than {ratio} times its size")]
    Bomb {
        /// The limit.
        ratio: u64,
    },
    /// A file of a known format that cannot be understood.
    #[error("not readable as {format}: {message}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// The reader's word.
        message: String,
    },
    /// A file that only opens with a password.
    #[error("protected by a password")]
    Encrypted,
    /// A file of no known format.
    #[error("a file of no known format")]
    UnknownFormat,
    /// A line of an attribute sidecar that belongs to another document.
    #[error("the line of attributes `{attributes}` belongs to `{found}`")]
    Attributes {
        /// The name of the attributes.
        attributes: String,
        /// The id in the sidecar, or why there is none.
        found: String,
    },
}

impl BadReason {
    /// A short name to count by: the same as the field `reason` of its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotJson { .. } => "not_json",
            Self::NotAnObject { .. } => "not_an_object",
            Self::Fields { .. } => "fields",
            Self::NoText { .. } => "no_text",
            Self::TextType { .. } => "text_type",
            Self::Empty => "empty",
            Self::TooLong { .. } => "too_long",
            Self::Encoding { .. } => "encoding",
            Self::Binary { .. } => "binary",
            Self::Truncated => "truncated",
            Self::Compression { .. } => "compression",
            Self::Bomb { .. } => "bomb",
            Self::Damaged { .. } => "damaged",
            Self::Encrypted => "encrypted",
            Self::UnknownFormat => "unknown_format",
            Self::Attributes { .. } => "attributes",
        }
    }

    /// One thing to try, where there is one that is always right.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotJson { .. } => Some("rows are JSON objects: a list of them, or one a line"),
            Self::NotAnObject { .. } => Some("write each row as an object of named values"),
            Self::Fields { .. } => Some("quote values that hold commas, quotes or line ends"),
            Self::NoText { .. } | Self::TextType { .. } => Some("name the column of the text"),
            Self::TooLong { .. } => Some("cut the row, or raise the limit"),
            Self::Encoding { .. } => {
                Some("convert the file, for example: iconv -f GB18030 -t UTF-8")
            }
            Self::Binary { .. } | Self::UnknownFormat => Some("move the file out of the input"),
            Self::Truncated | Self::Compression { .. } => Some("fetch or compress the file again"),
            Self::Bomb { .. } => Some("decompress the file first, if it is to be trusted"),
            Self::Damaged { .. } => Some("write or fetch the file again"),
            Self::Encrypted => Some("save the file without a password"),
            Self::Empty | Self::Attributes { .. } => None,
        }
    }
}
