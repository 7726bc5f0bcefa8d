//! Rows of JSON that need no map: names and values side by side, in buffers that are used again.
//!
//! This is what [`document`](super::shape::document) makes of most rows, several times as fast. A
//! row that is out of the ordinary is left to it: one that is bad, has turns instead of a text, or
//! a name twice, beside its metadata or within it.

use super::document::LentDocument;
use super::options::ReadOptions;
use super::scan::{Cell, scan};
use super::shape::{first_text, id_column};
use crate::json_text::JsonObject;
use serde_json::Value;
use std::ops::Range;

/// Fields beyond which a row is not tried: each is compared with all others.
const MAX_FIELDS: usize = 64;
/// Rows in a row that were not for us, after which the next ones are not tried.
const MAX_MISSES: u32 = 4;
/// How many are not tried then.
const PAUSE: u32 = 256;

/// A row, and what of it is the document.
#[derive(Debug, Default)]
pub(super) struct FlatRow {
    /// Names and texts, one after the other.
    held: String,
    fields: Vec<Field>,
    text: Range<usize>,
    id: Option<Range<usize>>,
    source: Option<Range<usize>>,
    metadata: String,
    misses: u32,
    pause: u32,
}

#[derive(Debug)]
struct Field {
    name: Range<usize>,
    value: Cell,
}

impl FlatRow {
    /// Reads the row that `json` is; false if it is not for us.
    pub(super) fn read(&mut self, json: &str, options: &ReadOptions) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let is_read = self.scan(json).and_then(|()| self.choose(options)).is_some();
        self.misses = if is_read { 0 } else { self.misses + 1 };
        if self.misses >= MAX_MISSES {
            self.pause = PAUSE;
        }
        is_read
    }

    /// The document that was read, which stands at `place` in `file`.
    pub(super) fn document<'r>(&'r self, file: &'r str, place: &'r str) -> LentDocument<'r> {
        let text = |range: &Range<usize>| &self.held[range.clone()];
        LentDocument {
            id: self.id.as_ref().map_or(place, text),
            text: text(&self.text),
            markup: None,
            source: self.source.as_ref().map_or(file, text),
            place,
            metadata: &self.metadata,
            turns: false,
        }
    }

    fn scan(&mut self, json: &str) -> Option<()> {
        let Self { held, fields, .. } = self;
        held.clear();
        fields.clear();
        scan(json, held, |name, value| fields.push(Field { name, value }))
    }

    /// Tells the columns apart, as [`document`](super::shape::document) does.
    fn choose(&mut self, options: &ReadOptions) -> Option<()> {
        let Self { held, fields, .. } = self;
        let name = |field: &Field| &held[field.name.clone()];
        let is_twice = |at: usize| fields[..at].iter().any(|one| name(one) == name(&fields[at]));
        if fields.len() > MAX_FIELDS || (1..fields.len()).any(is_twice) {
            return None;
        }
        let find = |wanted: &str| fields.iter().position(|field| name(field) == wanted);
        let text_of = |wanted: &str| match &fields[find(wanted)?].value {
            Cell::Text(text) => Some(text.clone()),
            Cell::Other(_) => None,
        };
        let text = first_text(options, |name| text_of(name).is_some())?;
        let mut taken = [find(text), None, None];
        self.text = text_of(text)?;
        if held[self.text.clone()].trim().is_empty() {
            return None;
        }
        let is_number = |name: &str| {
            let at = find(name);
            at.is_some_and(|at| matches!(fields[at].value, Cell::Other(Value::Number(_))))
        };
        let is_told = |name: &str| text_of(name).is_some_and(|text| !text.is_empty());
        let is_id = |name: &str| name != text && (is_told(name) || is_number(name));
        let id = id_column(options, is_id);
        taken[1] = id.and_then(find);
        let is_source = is_told("source") && text != "source" && id != Some("source");
        self.source = is_source.then(|| text_of("source")).flatten();
        taken[2] = find("source").filter(|_| is_source);
        let mut nested = find("metadata").filter(|at| !taken.contains(&Some(*at)));
        match nested.map(|at| &fields[at].value) {
            Some(Cell::Other(Value::Object(inner))) => {
                let is_beside = |at: &usize| Some(*at) != nested && !taken.contains(&Some(*at));
                let mut beside = (0..fields.len()).filter(is_beside);
                if beside.any(|at| inner.contains_key(name(&fields[at]))) {
                    return None;
                }
            }
            // It may be an object that is written as a text.
            Some(Cell::Text(_)) => return None,
            Some(Cell::Other(_)) | None => nested = None,
        }
        self.id = id.and_then(text_of);
        if let Some(Cell::Other(number)) = taken[1].map(|at| &fields[at].value) {
            let start = held.len();
            held.push_str(&number.to_string());
            self.id = Some(start..held.len());
        }
        self.write_metadata(&taken, nested);
        Some(())
    }

    /// Writes the columns that are nothing else, those within the column `nested` first.
    fn write_metadata(&mut self, taken: &[Option<usize>; 3], nested: Option<usize>) {
        let mut json = std::mem::take(&mut self.metadata).into_bytes();
        json.clear();
        let mut object = JsonObject::begin(&mut json);
        if let Some(Cell::Other(Value::Object(inner))) = nested.map(|at| &self.fields[at].value) {
            for (name, value) in inner {
                object.value(name, value);
            }
        }
        for (at, Field { name, value }) in self.fields.iter().enumerate() {
            let name = &self.held[name.clone()];
            match value {
                _ if taken.contains(&Some(at)) || nested == Some(at) => {}
                Cell::Text(text) => object.text(name, &self.held[text.clone()]),
                Cell::Other(value) => object.value(name, value),
            }
        }
        object.end();
        self.metadata = String::from_utf8(json).expect("JSON is text");
    }
}
