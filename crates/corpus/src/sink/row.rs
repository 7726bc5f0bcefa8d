//! A document as a row.

use super::options::{Column, ColumnKind, Layout};
use crate::source::{SourceDocument, own_id};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Fields that Dolma and DataTrove have beside `metadata`.
const BESIDE: [&str; 3] = ["added", "created", "media"];
/// Where the attributes of Dolma stand in a document.
const ATTRIBUTES: &str = "attributes";

/// A document that becomes a JSON object without being copied.
pub(super) struct JsonRow<'d> {
    pub(super) document: &'d SourceDocument,
    pub(super) layout: Layout,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SourceDocument { id, text, source, metadata, turns, .. } = self.document;
        let mut map = serializer.serialize_map(None)?;
        if *turns && self.layout == Layout::Flat {
            // Read again, the row is to have the id that its account knows it by.
            let is_named = own_id(metadata).is_some_and(|(_, own)| own == *id);
            if !is_named {
                map.serialize_entry("id", id)?;
            }
            for (key, value) in metadata {
                match (is_named || key != "id", value.is_null()) {
                    (true, _) => map.serialize_entry(key, value)?,
                    (false, true) => {}
                    (false, false) => map.serialize_entry("_id", value)?,
                }
            }
            return map.end();
        }
        map.serialize_entry("id", id)?;
        map.serialize_entry("text", text)?;
        map.serialize_entry("source", source)?;
        match self.layout {
            Layout::Flat => {
                for (key, value) in metadata {
                    let taken = matches!(key.as_str(), "id" | "text" | "source");
                    let name = if taken { &format!("_{key}") } else { key };
                    map.serialize_entry(name, value)?;
                }
            }
            Layout::Nested | Layout::Dolma => {
                for key in BESIDE {
                    if let Some(value) = metadata.get(key) {
                        map.serialize_entry(key, value)?;
                    }
                }
                let aside = self.layout == Layout::Dolma && attributes(metadata).is_some();
                let apart = |key: &str| BESIDE.contains(&key) || aside && key == ATTRIBUTES;
                let rest = metadata.iter().filter(|(key, _)| !apart(key));
                map.serialize_entry("metadata", &Pairs(rest.collect()))?;
            }
        }
        map.end()
    }
}

/// The attributes of a document that are an object, as Dolma's readers leave them.
fn attributes(metadata: &Map<String, Value>) -> Option<&Map<String, Value>> {
    metadata.get(ATTRIBUTES).and_then(Value::as_object)
}

/// A document's line in a sidecar.
pub(super) fn sidecar_row(document: &SourceDocument) -> Value {
    let attributes = attributes(&document.metadata).cloned().unwrap_or_default();
    json!({"id": document.id, "attributes": attributes})
}

/// A document's fields in a table of texts, the last one a JSON object.
pub(super) fn cells(document: &SourceDocument) -> [Cow<'_, str>; 4] {
    let metadata = serde_json::to_string(&document.metadata).expect("metadata is plain data");
    let SourceDocument { id, text, source, .. } = document;
    [id.into(), text.into(), source.into(), metadata.into()]
}

/// The columns of [`cells`].
pub(super) const CELLS: [Cow<'static, str>; 4] = [
    Cow::Borrowed("id"),
    Cow::Borrowed("text"),
    Cow::Borrowed("source"),
    Cow::Borrowed("metadata"),
];

pub(super) struct Pairs<'d>(pub(super) Vec<(&'d String, &'d Value)>);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// The document as the object that its line of JSON holds.
///
/// # Panics
/// Never: a document is plain data.
pub fn row_of(document: &SourceDocument, layout: Layout) -> Map<String, Value> {
    match serde_json::to_value(JsonRow { document, layout }) {
        Ok(Value::Object(row)) => row,
        other => unreachable!("a document became {other:?}"),
    }
}

/// The fields of the documents' metadata that hold values of one simple type wherever they hold
/// any, in the order of their names: columns for tables.
pub fn infer_columns(documents: &[SourceDocument]) -> Vec<Column> {
    let mut kinds: BTreeMap<&str, Option<ColumnKind>> = BTreeMap::new();
    for (name, value) in documents.iter().flat_map(|document| &document.metadata) {
        if value.is_null() {
            continue;
        }
        let kind = kind_of(value);
        let known = kinds.entry(name).or_insert(kind);
        *known = match (*known, kind) {
            (Some(ColumnKind::Integer), Some(ColumnKind::Number))
            | (Some(ColumnKind::Number), Some(ColumnKind::Integer)) => Some(ColumnKind::Number),
            (known, kind) if known == kind => known,
            _ => None,
        };
    }
    let taken = |name: &str| matches!(name, "id" | "text" | "source" | "metadata");
    let kinds = kinds.into_iter().filter(|(name, _)| !taken(name));
    kinds.filter_map(|(name, kind)| Some(Column { name: name.to_owned(), kind: kind? })).collect()
}

fn kind_of(value: &Value) -> Option<ColumnKind> {
    match value {
        Value::String(_) => Some(ColumnKind::Text),
        Value::Bool(_) => Some(ColumnKind::Truth),
        Value::Number(number) if number.is_i64() => Some(ColumnKind::Integer),
        Value::Number(_) => Some(ColumnKind::Number),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
