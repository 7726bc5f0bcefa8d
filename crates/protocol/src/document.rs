//! Documents, the chunks they are split into, and citations that point back into them.

use serde::{Deserialize, Serialize};

/// A half-open range `start..end` of byte offsets into a document's `content`, on character
/// boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One knowledge document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Stable identity, unique in its collection.
    pub id: String,
    /// Title as people see it; may be empty.
    pub title: String,
    /// Plain text or Markdown.
    pub content: String,
}

/// A part of a document that is indexed and retrieved as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Identity: `{document_id}#{ordinal}`.
    pub id: String,
    /// The document it comes from.
    pub document_id: String,
    /// The document's title.
    pub title: String,
    /// The text, equal to `content[span]` of the document.
    pub text: String,
    /// Where it stands in the document's content.
    pub span: Span,
}

/// A retrieved chunk with its fused score, best first in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The chunk.
    pub chunk: Chunk,
    /// Score of the method that ranked it; comparable within one list only.
    pub score: f32,
}

/// A numbered pointer from an answer into a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// The number in the answer's mark, as in `[2]`.
    pub number: usize,
    /// The cited document.
    pub document_id: String,
    /// Its title.
    pub title: String,
    /// The quoted range of the document's content.
    pub span: Span,
    /// The text of that range.
    pub quote: String,
}
