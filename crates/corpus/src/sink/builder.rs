//! Columns of a table that grow value by value.

use super::kinds::{Column, ColumnKind, fields, item};
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use serde_json::Value;
use std::sync::Arc;

/// One column.
pub(super) enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Truth(BooleanBuilder),
    Json(StringBuilder),
    List { kind: ColumnKind, lengths: Vec<usize>, nulls: NullBufferBuilder, values: Box<Builder> },
    Struct { columns: Vec<Column>, nulls: NullBufferBuilder, fields: Vec<Builder> },
}

/// Values that a builder of nulls begins with room for.
const CAPACITY: usize = 1024;

impl Builder {
    pub(super) fn new(kind: &ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(StringBuilder::new()),
            ColumnKind::Integer => Self::Integer(Int64Builder::new()),
            ColumnKind::Number => Self::Number(Float64Builder::new()),
            ColumnKind::Truth => Self::Truth(BooleanBuilder::new()),
            ColumnKind::Json => Self::Json(StringBuilder::new()),
            ColumnKind::List(inner) => Self::List {
                kind: (**inner).clone(),
                lengths: Vec::new(),
                nulls: NullBufferBuilder::new(CAPACITY),
                values: Box::new(Self::new(inner)),
            },
            ColumnKind::Struct(columns) => Self::Struct {
                columns: columns.clone(),
                nulls: NullBufferBuilder::new(CAPACITY),
                fields: columns.iter().map(|column| Self::new(&column.kind)).collect(),
            },
        }
    }

    /// Adds a value; one that is none, or of another type, is null.
    pub(super) fn push(&mut self, value: Option<&Value>) {
        match self {
            Self::Text(builder) => builder.append_option(value.and_then(Value::as_str)),
            Self::Integer(builder) => builder.append_option(value.and_then(Value::as_i64)),
            Self::Number(builder) => builder.append_option(value.and_then(Value::as_f64)),
            Self::Truth(builder) => builder.append_option(value.and_then(Value::as_bool)),
            Self::Json(builder) => {
                let value = value.filter(|value| !value.is_null());
                builder.append_option(value.map(Value::to_string));
            }
            Self::List { lengths, nulls, values, .. } => {
                let list = value.and_then(Value::as_array);
                nulls.append(list.is_some());
                lengths.push(list.map_or(0, Vec::len));
                list.into_iter().flatten().for_each(|value| values.push(Some(value)));
            }
            Self::Struct { columns, nulls, fields } => {
                let object = value.and_then(Value::as_object);
                nulls.append(object.is_some());
                for (column, field) in columns.iter().zip(fields) {
                    field.push(object.and_then(|object| object.get(&column.name)));
                }
            }
        }
    }

    /// The column so far; the next one begins.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) | Self::Json(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Truth(builder) => Arc::new(builder.finish()),
            Self::List { kind, lengths, nulls, values } => {
                let offsets = OffsetBuffer::from_lengths(std::mem::take(lengths));
                Arc::new(ListArray::new(item(kind), offsets, values.finish(), nulls.finish()))
            }
            Self::Struct { columns, nulls, fields: builders } => {
                let arrays = builders.iter_mut().map(Self::finish).collect();
                Arc::new(StructArray::new(fields(columns), arrays, nulls.finish()))
            }
        }
    }
}
