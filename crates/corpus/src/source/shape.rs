//! What of a row is the text, the id and the source.

use super::document::{Place, SourceDocument};
use super::options::ReadOptions;
use super::raw::kind_of;
use super::reason::BadReason;
use super::turns::join_turns;
use serde_json::{Map, Value};

/// Columns that hold a text, surest first.
const TEXT_COLUMNS: [&str; 11] = [
    "text",
    "content",
    "body",
    "raw_content",
    "page_content",
    "document",
    "article",
    "passage",
    "contents",
    "markdown",
    "code",
];

/// Columns that hold an id, surest first.
const ID_COLUMNS: [&str; 6] = ["id", "_id", "doc_id", "document_id", "uuid", "guid"];

/// Characters of a list of columns in an error.
const MAX_COLUMN_CHARS: usize = 200;

/// The document that a row is.
pub(super) fn document(
    options: &ReadOptions,
    place: Place,
    mut fields: Map<String, Value>,
) -> Result<SourceDocument, BadReason> {
    let found = text_column(options, &fields)?;
    let (text, turns) = match found {
        Some(column) => (take_text(&mut fields, &column), false),
        None => (join_turns(&fields).ok_or_else(|| no_text(&fields))?, true),
    };
    if text.trim().is_empty() {
        return Err(BadReason::Empty);
    }
    let id = id_column(options, |name| id_in(&fields, name).is_some());
    // It stays where the row is kept as it was.
    let id = id.and_then(|name| {
        let id = id_in(&fields, name);
        if !turns {
            fields.shift_remove(name);
        }
        id
    });
    let source = match fields.get("source") {
        Some(Value::String(source)) if !source.is_empty() => Some(source.clone()),
        _ => None,
    };
    if source.is_some() && !turns {
        fields.shift_remove("source");
    }
    let metadata = if turns { fields } else { flat(fields) };
    Ok(SourceDocument {
        id: id.unwrap_or_else(|| place.to_string()),
        text,
        markup: None,
        source: source.unwrap_or_else(|| place.file.to_string()),
        place,
        metadata,
        turns,
    })
}

/// The column of the text; none if the row has turns instead.
fn text_column(
    options: &ReadOptions,
    fields: &Map<String, Value>,
) -> Result<Option<String>, BadReason> {
    let is_text = |name: &str| matches!(fields.get(name), Some(Value::String(_)));
    let wrong = |name: &str| {
        let found = fields.get(name).map(kind_of)?;
        Some(BadReason::TextType { column: name.to_owned(), found })
    };
    if let Some(name) = first_text(options, is_text) {
        return Ok(Some(name.to_owned()));
    }
    if let Some(name) = &options.text_column {
        return Err(wrong(name).unwrap_or_else(|| no_text(fields)));
    }
    match TEXT_COLUMNS.iter().find_map(|name| wrong(name)) {
        Some(reason) if join_turns(fields).is_none() => Err(reason),
        _ => Ok(None),
    }
}

/// The column of the text among those that `is_text` says hold one.
pub(super) fn first_text(options: &ReadOptions, is_text: impl Fn(&str) -> bool) -> Option<&str> {
    match &options.text_column {
        Some(name) => is_text(name).then_some(name.as_str()),
        None => TEXT_COLUMNS.into_iter().find(|name| is_text(name)),
    }
}

/// The column of the id among those that `is_id` says hold one.
pub(super) fn id_column(options: &ReadOptions, is_id: impl Fn(&str) -> bool) -> Option<&str> {
    match &options.id_column {
        Some(name) => is_id(name).then_some(name.as_str()),
        None => ID_COLUMNS.into_iter().find(|name| is_id(name)),
    }
}

fn no_text(fields: &Map<String, Value>) -> BadReason {
    let columns = fields.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    BadReason::NoText { columns: columns.chars().take(MAX_COLUMN_CHARS).collect() }
}

fn take_text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.shift_remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The id that a row has by itself, with its column.
pub(crate) fn own_id(fields: &Map<String, Value>) -> Option<(&'static str, String)> {
    ID_COLUMNS.into_iter().find_map(|name| Some((name, id_in(fields, name)?)))
}

/// The id in the column `name`, which may be a number.
fn id_in(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name)? {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// Lifts the fields of a nested `metadata` object, or of one that is written as text, among the
/// others. Where both have a name, the nested one keeps it and the other gets an underscore.
fn flat(mut fields: Map<String, Value>) -> Map<String, Value> {
    let nested = match fields.get_mut("metadata") {
        Some(Value::Object(nested)) => Some(std::mem::take(nested)),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let Some(mut nested) = nested else { return fields };
    fields.shift_remove("metadata");
    for (key, value) in fields {
        let key = if nested.contains_key(&key) { format!("_{key}") } else { key };
        nested.insert(key, value);
    }
    nested
}
