//! A document as a row.

use super::options::Layout;
use crate::json_text::JsonObject;
use crate::source::{Place, SourceDocument, own_id};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Fields that Dolma and DataTrove have beside `metadata`.
const BESIDE: [&str; 3] = ["added", "created", "media"];
/// Where the attributes of Dolma stand in a document.
const ATTRIBUTES: &str = "attributes";
/// Names of a flat row that its metadata cannot have, as JSON has them.
const TAKEN: [&str; 3] = ["\"id\":", "\"text\":", "\"source\":"];

/// What of a document is written.
#[derive(Clone, Copy, Debug)]
pub struct DocumentRow<'d> {
    /// Its id.
    pub id: &'d str,
    /// Its text.
    pub text: &'d str,
    /// Where it is from.
    pub source: &'d str,
    /// What else its row said.
    pub metadata: Metadata<'d>,
    /// Whether the text joins turns, and the metadata is the row as it was.
    pub turns: bool,
}

impl DocumentRow<'_> {
    /// The document, which stands at no place of its own.
    pub fn to_document(&self) -> SourceDocument {
        SourceDocument {
            id: self.id.to_owned(),
            text: self.text.to_owned(),
            markup: None,
            source: self.source.to_owned(),
            place: Place { file: "".into(), start: 0, row: 0 },
            metadata: self.metadata.fields().into_owned(),
            turns: self.turns,
        }
    }
}

/// The metadata of a document.
#[derive(Clone, Copy, Debug)]
pub enum Metadata<'d> {
    /// Name by name.
    Fields(&'d Map<String, Value>),
    /// As the object of JSON that `serde_json` writes of the fields.
    Json(&'d str),
}

impl<'d> Metadata<'d> {
    /// Name by name.
    pub fn fields(self) -> Cow<'d, Map<String, Value>> {
        match self {
            Self::Fields(fields) => Cow::Borrowed(fields),
            Self::Json(json) => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
        }
    }

    fn json(self) -> Cow<'d, str> {
        match self {
            Self::Fields(fields) => {
                serde_json::to_string(fields).expect("metadata is plain data").into()
            }
            Self::Json(json) => json.into(),
        }
    }
}

impl<'d> From<&'d SourceDocument> for DocumentRow<'d> {
    fn from(document: &'d SourceDocument) -> Self {
        let SourceDocument { id, text, source, metadata, turns, .. } = document;
        Self { id, text, source, metadata: Metadata::Fields(metadata), turns: *turns }
    }
}

/// Adds a document as an object of JSON.
pub(super) fn push_row(out: &mut Vec<u8>, document: &DocumentRow<'_>, layout: Layout) {
    let mut row = JsonObject::begin(out);
    let DocumentRow { id, text, source, metadata, turns } = *document;
    if turns && layout == Layout::Flat {
        push_turns(&mut row, id, &metadata.fields());
        return row.end();
    }
    row.text("id", id);
    row.text("text", text);
    row.text("source", source);
    match layout {
        Layout::Flat => push_beside(&mut row, metadata),
        Layout::Nested | Layout::Dolma => push_below(&mut row, &metadata.fields(), layout),
    }
    row.end();
}

/// A row of turns as it was. Read again, it is to have the id that its account knows it by.
fn push_turns(row: &mut JsonObject<'_>, id: &str, fields: &Map<String, Value>) {
    let is_named = own_id(fields).is_some_and(|(_, own)| own == id);
    if !is_named {
        row.text("id", id);
    }
    for (key, value) in fields {
        match (is_named || key != "id", value.is_null()) {
            (true, _) => row.value(key, value),
            (false, true) => {}
            (false, false) => row.value("_id", value),
        }
    }
}

/// The metadata beside `id`, `text` and `source`.
fn push_beside(row: &mut JsonObject<'_>, metadata: Metadata<'_>) {
    let is_free = |json: &str| TAKEN.iter().all(|name| !json.contains(name));
    if let Metadata::Json(json) = metadata
        && let Some(members) = json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))
        && is_free(members)
    {
        return row.members(members);
    }
    for (key, value) in metadata.fields().iter() {
        let taken = matches!(key.as_str(), "id" | "text" | "source");
        let name = if taken { &format!("_{key}") } else { key };
        row.value(name, value);
    }
}

/// The metadata as DataTrove and Dolma have them.
fn push_below(row: &mut JsonObject<'_>, fields: &Map<String, Value>, layout: Layout) {
    for key in BESIDE {
        if let Some(value) = fields.get(key) {
            row.value(key, value);
        }
    }
    let aside = layout == Layout::Dolma && attributes(fields).is_some();
    let apart = |key: &str| BESIDE.contains(&key) || aside && key == ATTRIBUTES;
    row.name("metadata");
    push_object(row.out(), fields.iter().filter(|(key, _)| !apart(key)));
}

/// The attributes of a document that are an object, as Dolma's readers leave them.
fn attributes(metadata: &Map<String, Value>) -> Option<&Map<String, Value>> {
    metadata.get(ATTRIBUTES).and_then(Value::as_object)
}

/// Adds a document's line in a sidecar.
pub(super) fn push_sidecar_row(out: &mut Vec<u8>, document: &DocumentRow<'_>) {
    let fields = document.metadata.fields();
    let attributes = attributes(&fields).cloned().unwrap_or_default();
    let row = json!({"id": document.id, "attributes": attributes});
    serde_json::to_writer(out, &row).expect("attributes are plain data");
}

/// Adds fields as an object of JSON.
pub(super) fn push_object<'d>(
    out: &mut Vec<u8>,
    fields: impl Iterator<Item = (&'d String, &'d Value)>,
) {
    let mut object = JsonObject::begin(out);
    fields.for_each(|(key, value)| object.value(key, value));
    object.end();
}

/// A document's fields in a table of texts, the last one a JSON object.
pub(super) fn cells<'d>(document: &DocumentRow<'d>) -> [Cow<'d, str>; 4] {
    let DocumentRow { id, text, source, metadata, .. } = *document;
    [id.into(), text.into(), source.into(), metadata.json()]
}

/// The columns of [`cells`].
pub(super) const CELLS: [Cow<'static, str>; 4] = [
    Cow::Borrowed("id"),
    Cow::Borrowed("text"),
    Cow::Borrowed("source"),
    Cow::Borrowed("metadata"),
];
