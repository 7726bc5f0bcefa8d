//! Documents that an answer is taken from, and where it says so.

use crate::assistant::chars_before;
use crate::error::ApiError;
use catena_knowledge::Cited;
use catena_protocol::{Chunk, Passage, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A document of a request: a text, or fields of which one is the text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "CohereChatDocument")]
pub(super) enum Document {
    Text(#[schemars(length(min = 1))] String),
    Object { id: Option<String>, data: Data },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "CohereDocumentData")]
pub(super) enum Data {
    Text(#[schemars(length(min = 1))] String),
    Fields(Map<String, Value>),
}

/// Whether an answer says what it is taken from.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "CohereCitationOptions")]
pub(super) struct CitationOptions {
    mode: Option<Mode>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "CohereCitationMode")]
enum Mode {
    /// It does; there is one way to find out.
    Enabled,
    Accurate,
    Fast,
    /// It does not.
    Disabled,
    Off,
}

impl CitationOptions {
    /// Whether citations are wanted.
    pub(super) fn are_on(&self) -> bool {
        !matches!(self.mode, Some(Mode::Off | Mode::Disabled))
    }
}

/// The passages that `documents` are.
///
/// # Errors
/// [`ApiError::InvalidField`] if there are more than `limit`, or one says nothing.
pub(super) fn passages(documents: Vec<Document>, limit: usize) -> Result<Vec<Passage>, ApiError> {
    let invalid = |reason| ApiError::InvalidField { field: "documents", reason };
    let count = documents.len();
    if count > limit {
        return Err(invalid(format!("{count} documents were sent, at most {limit} are taken")));
    }
    let passage = |(idx, document): (usize, Document)| {
        let passage = document.read(idx);
        let is_empty = passage.chunk.text.trim().is_empty();
        if is_empty { Err(invalid(format!("document {idx} is empty"))) } else { Ok(passage) }
    };
    documents.into_iter().enumerate().map(passage).collect()
}

impl Document {
    /// The document that stands at `idx`.
    fn read(self, idx: usize) -> Passage {
        let (id, data) = match self {
            Self::Text(text) => (None, Data::Text(text)),
            Self::Object { id, data } => (id, data),
        };
        let id = id.unwrap_or_else(|| format!("doc:{idx}"));
        let (title, text) = match data {
            Data::Text(text) => (String::new(), text),
            Data::Fields(fields) => read_fields(fields),
        };
        let span = Span { start: 0, end: text.len() };
        let chunk = Chunk { id: format!("{id}#0"), document_id: id, title, text, span };
        Passage { chunk, score: 0.0 }
    }
}

/// Title and text. Without a field that is the text, all of them are, by their names.
fn read_fields(mut fields: Map<String, Value>) -> (String, String) {
    let title = fields.remove("title").map(plain).unwrap_or_default();
    let text = ["text", "snippet", "content"].into_iter().find_map(|name| fields.remove(name));
    let text = text.map_or_else(
        || {
            let lines = fields.into_iter().map(|(name, value)| format!("{name}: {}", plain(value)));
            lines.collect::<Vec<_>>().join("\n")
        },
        plain,
    );
    (title, text)
}

fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// The citations of `text`: each statement with its sources among `passages`.
pub(super) fn citations(text: &str, cited: &[Cited], passages: &[Passage]) -> Vec<Value> {
    let mut statements: Vec<(Span, Vec<Value>)> = Vec::new();
    for Cited { statement, citation } in
        cited.iter().filter(|one| one.statement.start < one.statement.end)
    {
        let source = source(citation.number, passages);
        match statements.last_mut().filter(|(last, _)| last == statement) {
            Some((_, sources)) => sources.push(source),
            None => statements.push((*statement, vec![source])),
        }
    }
    let citation = |(span, sources): (Span, Vec<Value>)| {
        json!({
            "start": chars_before(text, span.start),
            "end": chars_before(text, span.end),
            "text": text[span.start..span.end],
            "sources": sources,
            "type": "TEXT_CONTENT",
        })
    };
    statements.into_iter().map(citation).collect()
}

fn source(number: usize, passages: &[Passage]) -> Value {
    let chunk = passages.get(number - 1).map(|passage| &passage.chunk);
    let id = chunk.map(|chunk| chunk.document_id.as_str());
    let document = chunk
        .map(|chunk| json!({"id": chunk.document_id, "title": chunk.title, "text": chunk.text}));
    json!({"type": "document", "id": id, "document": document})
}
