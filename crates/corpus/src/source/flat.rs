//! Rows of JSON that need no map: names and values side by side, in buffers that are used again.
//!
//! This is what [`document`](super::shape::document) makes of most rows, several times as fast. A
//! row that is out of the ordinary is left to it: one that is bad, has turns instead of a text, a
//! name twice, or metadata within its metadata.

use super::document::LentDocument;
use super::options::ReadOptions;
use super::shape::{first_text, id_column};
use crate::json_text::JsonObject;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
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

#[derive(Debug)]
enum Cell {
    Text(Range<usize>),
    Other(Value),
}

impl FlatRow {
    /// Reads the row that `json` is; false if it is not for us.
    pub(super) fn read(&mut self, json: &str, options: &ReadOptions) -> bool {
        if self.pause > 0 {
            self.pause -= 1;
            return false;
        }
        let is_read = self.parse(json).is_ok() && self.choose(options).is_some();
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

    fn parse(&mut self, json: &str) -> serde_json::Result<()> {
        self.held.clear();
        self.fields.clear();
        let mut json = serde_json::Deserializer::from_str(json);
        json.deserialize_map(Row { held: &mut self.held, fields: &mut self.fields })?;
        json.end()
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
        let nested = find("metadata").filter(|at| !taken.contains(&Some(*at)));
        if nested.is_some_and(|at| {
            matches!(fields[at].value, Cell::Text(_) | Cell::Other(Value::Object(_)))
        }) {
            return None;
        }
        self.id = id.and_then(text_of);
        if let Some(Cell::Other(number)) = taken[1].map(|at| &fields[at].value) {
            let start = held.len();
            held.push_str(&number.to_string());
            self.id = Some(start..held.len());
        }
        self.write_metadata(&taken);
        Some(())
    }

    /// Writes the columns that are nothing else.
    fn write_metadata(&mut self, taken: &[Option<usize>; 3]) {
        let mut json = std::mem::take(&mut self.metadata).into_bytes();
        json.clear();
        let mut object = JsonObject::begin(&mut json);
        for (at, Field { name, value }) in self.fields.iter().enumerate() {
            let name = &self.held[name.clone()];
            match value {
                _ if taken.contains(&Some(at)) => {}
                Cell::Text(text) => object.text(name, &self.held[text.clone()]),
                Cell::Other(value) => object.value(name, value),
            }
        }
        object.end();
        self.metadata = String::from_utf8(json).expect("JSON is text");
    }
}

/// Takes the fields of an object.
struct Row<'r> {
    held: &'r mut String,
    fields: &'r mut Vec<Field>,
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { held, fields } = self;
        while let Some(name) = map.next_key_seed(Text(held))? {
            let value = map.next_value_seed(Held(held))?;
            fields.push(Field { name, value });
        }
        Ok(())
    }
}

/// Adds a text to those that are held.
struct Text<'h>(&'h mut String);

impl Text<'_> {
    fn push(self, text: &str) -> Range<usize> {
        let start = self.0.len();
        self.0.push_str(text);
        start..self.0.len()
    }
}

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Text<'_> {
    type Value = Range<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.push(text))
    }
}

/// Takes one value; a text is held.
struct Held<'h>(&'h mut String);

impl<'de> DeserializeSeed<'de> for Held<'_> {
    type Value = Cell;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cell, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Held<'_> {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(Text(self.0).push(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Other(Value::Null))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Cell, E> {
        Ok(Cell::Other(truth.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Other(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
        Ok(Cell::Other(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Cell, E> {
        Ok(Cell::Other(number.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Cell, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Cell, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Cell::Other)
    }
}
