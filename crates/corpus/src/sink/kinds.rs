//! The types of a table's columns, and how they are learned.

use super::row::DocumentRow;
use crate::source::{is_turn_column, is_turn_part};
use arrow_schema::{DataType, Field, Fields};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Columns that every table has, whatever else is in the rows.
const OWN: [&str; 4] = ["id", "text", "source", "metadata"];
/// Fields of one object of a column; one with more is a map rather than a record.
const MAX_FIELDS: usize = 64;
/// Fields of turns, beside their parts, whose objects may lack what others have.
const CALLS: [&str; 3] = ["tool_calls", "function", "function_call"];

/// The type of a table's column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers.
    Number,
    /// Truth values.
    Truth,
    /// Lists, such as turns.
    List(Box<ColumnKind>),
    /// Objects, such as one turn; a field that one of them lacks is null in it.
    Struct(Vec<Column>),
    /// Any values, as JSON: what has other fields in each row, such as the arguments of calls.
    Json,
}

/// A field of the metadata that has its own column in tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type; a value of another type stays in the column `metadata`.
    pub kind: ColumnKind,
}

impl ColumnKind {
    /// Whether `value` is of the type, and comes back as it is.
    pub(super) fn fits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Json, Value::Array(_) | Value::Object(_))
            | (Self::Text, Value::String(_))
            | (Self::Truth, Value::Bool(_)) => true,
            (Self::Integer, Value::Number(number)) => number.is_i64(),
            // A whole number that has no equal among the floating ones keeps its digits.
            (Self::Number, Value::Number(number)) => {
                number.as_i64().is_none_or(|whole| whole.unsigned_abs() <= 1 << 53)
                    && number.as_u64().is_none_or(|whole| whole <= 1 << 53)
            }
            (Self::List(inner), Value::Array(values)) => {
                values.iter().all(|value| value.is_null() || inner.fits(value))
            }
            (Self::Struct(columns), Value::Object(fields)) => fields.iter().all(|(name, value)| {
                let column = columns.iter().find(|column| column.name == *name);
                value.is_null() || column.is_some_and(|column| column.kind.fits(value))
            }),
            _ => false,
        }
    }

    /// The same for Arrow.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Truth => DataType::Boolean,
            Self::List(inner) => DataType::List(item(inner)),
            Self::Struct(columns) => DataType::Struct(fields(columns)),
        }
    }

    /// The same for the `datasets` library, in the form that all its versions read.
    pub(super) fn feature(&self) -> Value {
        let plain = |dtype: &str| json!({"dtype": dtype, "_type": "Value"});
        match self {
            Self::Text | Self::Json => plain("string"),
            Self::Integer => plain("int64"),
            Self::Number => plain("float64"),
            Self::Truth => plain("bool"),
            Self::List(inner) => json!([inner.feature()]),
            Self::Struct(columns) => {
                let features = columns.iter().map(|one| (one.name.clone(), one.kind.feature()));
                Value::Object(features.collect())
            }
        }
    }
}

/// The values of a list.
pub(super) fn item(kind: &ColumnKind) -> Arc<Field> {
    Arc::new(Field::new("item", kind.data_type(), true))
}

/// The fields of an object.
pub(super) fn fields(columns: &[Column]) -> Fields {
    columns.iter().map(|one| Field::new(&one.name, one.kind.data_type(), true)).collect()
}

/// The columns that fields of documents need in a table, learned document by document.
#[derive(Clone, Debug, Default)]
pub struct ColumnTypes {
    seen: Vec<(String, Seen)>,
    /// Whether some document is no row of turns.
    has_texts: bool,
}

/// What values were seen.
#[derive(Clone, Debug, Default, PartialEq)]
enum Seen {
    /// None but null.
    #[default]
    Nothing,
    Text,
    Integer,
    Number,
    Truth,
    List(Box<Seen>),
    Objects(Objects),
    /// Lists and objects.
    Json,
    /// Texts or numbers and something else, which no column holds.
    Mixed,
}

/// Objects that were seen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Objects {
    fields: Vec<(String, Seen)>,
    /// Whether some had other fields than others.
    differ: bool,
    count: u64,
}

impl ColumnTypes {
    /// Adds the fields of a row of turns; those of other documents stay metadata.
    pub fn add(&mut self, document: &DocumentRow<'_>) {
        if document.turns {
            self.add_fields(&document.metadata.fields());
        } else {
            self.has_texts = true;
        }
    }

    /// Adds the metadata of a document.
    pub(super) fn add_fields(&mut self, metadata: &Map<String, Value>) {
        let fields = metadata.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
        for (name, value) in fields {
            seen_of(&mut self.seen, name).add(value);
        }
    }

    /// The columns, in the order in which they were first seen. What has values of more than one
    /// type has none.
    pub fn columns(&self) -> Vec<Column> {
        let seen = self.seen.iter().filter(|(_, seen)| *seen != Seen::Nothing);
        let column = |(name, seen): &(String, Seen)| {
            Some(Column { name: name.clone(), kind: kind_of(name, seen)? })
        };
        seen.filter_map(column).collect()
    }

    /// Whether some document needs a column of texts: one that has no turns, or whose turns no
    /// column holds.
    pub fn has_texts(&self) -> bool {
        let mut turns = self.seen.iter().filter(|(name, _)| is_turn_column(name)).peekable();
        let none = turns.peek().is_none();
        self.has_texts || none || turns.any(|(name, seen)| kind_of(name, seen).is_none())
    }
}

/// The type of a column. One of turns that is JSON would be read as a text.
fn kind_of(name: &str, seen: &Seen) -> Option<ColumnKind> {
    let is_of_turns = is_turn_column(name);
    seen.kind(is_of_turns).filter(|kind| !is_of_turns || *kind != ColumnKind::Json)
}

/// What was seen of the field `name`.
fn seen_of<'s>(all: &'s mut Vec<(String, Seen)>, name: &str) -> &'s mut Seen {
    let at = all.iter().position(|(own, _)| own == name);
    let at = at.unwrap_or_else(|| {
        all.push((name.to_owned(), Seen::Nothing));
        all.len() - 1
    });
    &mut all[at].1
}

impl Seen {
    fn add(&mut self, value: &Value) {
        let new = match value {
            Value::Null => return,
            Value::Bool(_) => Self::Truth,
            Value::String(_) => Self::Text,
            Value::Number(number) if number.is_i64() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::Array(values) => return self.add_list(values),
            Value::Object(fields) => return self.add_object(fields),
        };
        *self = match (std::mem::take(self), new) {
            (Self::Nothing, new) => new,
            (Self::Integer | Self::Number, Self::Number) | (Self::Number, Self::Integer) => {
                Self::Number
            }
            (old, new) if old == new => old,
            _ => Self::Mixed,
        };
    }

    fn add_list(&mut self, values: &[Value]) {
        let mut inner = match std::mem::take(self) {
            Self::Nothing => Box::default(),
            Self::List(inner) => inner,
            Self::Objects(_) | Self::Json => return *self = Self::Json,
            Self::Text | Self::Integer | Self::Number | Self::Truth | Self::Mixed => {
                return *self = Self::Mixed;
            }
        };
        for value in values {
            inner.add(value);
        }
        *self = Self::List(inner);
    }

    fn add_object(&mut self, object: &Map<String, Value>) {
        let mut all = match std::mem::take(self) {
            Self::Nothing => Objects::default(),
            Self::Objects(all) => all,
            Self::List(_) | Self::Json => return *self = Self::Json,
            Self::Text | Self::Integer | Self::Number | Self::Truth | Self::Mixed => {
                return *self = Self::Mixed;
            }
        };
        let known = all.fields.len();
        for (name, value) in object {
            seen_of(&mut all.fields, name).add(value);
        }
        all.differ |= all.count > 0 && (all.fields.len() > known || object.len() < known);
        all.count += 1;
        *self = if all.fields.len() > MAX_FIELDS { Self::Json } else { Self::Objects(all) };
    }

    /// The type that holds all of them. Turns, their parts and calls may lack fields that others
    /// have (`may_lack`), which then are null; other objects, such as the arguments of calls, would
    /// be filled up with nulls that mean something there, and become JSON.
    fn kind(&self, may_lack: bool) -> Option<ColumnKind> {
        Some(match self {
            Self::Nothing | Self::Text => ColumnKind::Text,
            Self::Integer => ColumnKind::Integer,
            Self::Number => ColumnKind::Number,
            Self::Truth => ColumnKind::Truth,
            Self::Json => ColumnKind::Json,
            Self::Mixed => return None,
            Self::List(inner) => {
                let inner = inner.kind(may_lack)?;
                if inner == ColumnKind::Json { inner } else { ColumnKind::List(Box::new(inner)) }
            }
            Self::Objects(all) if all.fields.is_empty() || all.differ && !may_lack => {
                ColumnKind::Json
            }
            Self::Objects(all) => {
                let column = |(name, seen): &(String, Self)| {
                    let known = is_turn_part(name) || CALLS.contains(&name.as_str());
                    let kind = seen.kind(may_lack && known)?;
                    Some(Column { name: name.clone(), kind })
                };
                ColumnKind::Struct(all.fields.iter().map(column).collect::<Option<_>>()?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: &ColumnKind) -> String {
        match kind {
            ColumnKind::Text => "Utf8".to_owned(),
            ColumnKind::List(inner) => format!("List<{}>", told(inner)),
            ColumnKind::Struct(columns) => {
                let told = |one: &Column| format!("{} {}", one.name, told(&one.kind));
                format!("Struct<{}>", columns.iter().map(told).collect::<Vec<_>>().join(", "))
            }
            ColumnKind::Integer | ColumnKind::Number | ColumnKind::Truth | ColumnKind::Json => {
                format!("{kind:?}")
            }
        }
    }

    /// The columns of some rows; whatever has a column fits it.
    fn learned(rows: &[Value]) -> String {
        let mut types = ColumnTypes::default();
        for row in rows {
            types.add_fields(row.as_object().unwrap());
        }
        let columns = types.columns();
        for row in rows {
            let fields = row.as_object().unwrap().iter();
            for (name, value) in fields.filter(|(_, value)| !value.is_null()) {
                let column = columns.iter().find(|column| column.name == *name);
                assert!(column.is_none_or(|column| column.kind.fits(value)), "{name}: {value}");
            }
        }
        let told = |column: &Column| format!("{}: {}", column.name, told(&column.kind));
        columns.iter().map(told).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn columns_are_what_all_values_fit() {
        let call = |arguments: Value| json!([{"function": {"name": "f", "arguments": arguments}}]);
        let rows = [
            json!({"id": 1, "messages": [{"role": "user", "content": [
                {"type": "image"}, {"type": "text", "text": "hi"},
            ]}], "n": 1, "odd": 1, "tools": [{"name": "f", "of": {"a": 1}}]}),
            json!({"id": 2, "messages": [
                {"role": "assistant", "content": null, "tool_calls": call(json!({"a": 1}))},
                {"role": "assistant", "content": [], "tool_calls": call(json!({"b": [2]}))},
            ], "n": 0.5, "odd": "x", "tags": [], "tools": [{"name": "g", "of": {"b": 1}}]}),
            json!({"id": 3, "messages": [], "n": null, "nothing": null, "tags": ["t"], "empty": {}}),
        ];
        insta::assert_snapshot!(learned(&rows), @r#"
        messages: List<Struct<role Utf8, content List<Struct<type Utf8, text Utf8>>, tool_calls List<Struct<function Struct<name Utf8, arguments Json>>>>>
        n: Number
        tools: List<Struct<name Utf8, of Json>>
        tags: List<Utf8>
        empty: Json
        "#);
    }

    #[test]
    fn texts_beside_lists_have_no_column() {
        let mut types = ColumnTypes::default();
        for content in [json!("hi"), json!([{"type": "text", "text": "hi"}])] {
            let row = json!({"messages": [{"role": "user", "content": content}], "k": true});
            types.add_fields(row.as_object().unwrap());
        }
        let names: Vec<String> = types.columns().into_iter().map(|column| column.name).collect();
        assert_eq!((names, types.has_texts()), (vec!["k".to_owned()], true));
    }

    #[test]
    fn numbers_that_would_change_do_not_fit() {
        let fits = |value: Value| ColumnKind::Number.fits(&value);
        assert!(fits(json!(1.5)) && fits(json!(1_u64 << 53)) && !fits(json!(u64::MAX)));
        assert!(!ColumnKind::Integer.fits(&json!(u64::MAX)));
    }
}
