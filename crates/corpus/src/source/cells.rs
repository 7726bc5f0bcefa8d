//! Values of Arrow columns as JSON.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use catena_protocol::Date;
use serde_json::{Map, Value};

const DAY_MS: i64 = 86_400_000;

/// The row of `batch` at `row`.
pub(super) fn fields_of(batch: &RecordBatch, row: usize) -> Map<String, Value> {
    let schema = batch.schema_ref();
    let named = schema.fields().iter().zip(batch.columns());
    named.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
}

/// One value. Times become ISO 8601, bytes text with bad bytes replaced, decimals their digits;
/// what has no place in JSON, such as a number that is none, becomes null.
#[expect(clippy::wildcard_enum_match_arm, reason = "types of other libraries are many")]
pub(super) fn cell(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float16 => array.as_primitive::<Float16Type>().value(row).to_f64().into(),
        DataType::Float32 => f64::from(array.as_primitive::<Float32Type>().value(row)).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Binary => lossy(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => lossy(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => lossy(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => lossy(array.as_fixed_size_binary().value(row)),
        DataType::Decimal128(..) => {
            array.as_primitive::<Decimal128Type>().value_as_string(row).into()
        }
        DataType::Decimal256(..) => {
            array.as_primitive::<Decimal256Type>().value_as_string(row).into()
        }
        _ => time(array, row).or_else(|| nested(array, row)).unwrap_or(Value::Null),
    }
}

fn lossy(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "types of other libraries are many")]
fn nested(array: &dyn Array, row: usize) -> Option<Value> {
    let list = |values: &dyn Array| (0..values.len()).map(|at| cell(values, at)).collect();
    Some(match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let named = fields.iter().zip(columns);
            Value::Object(
                named.map(|(one, column)| (one.name().clone(), cell(column, row))).collect(),
            )
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let key = |at| match cell(keys, at) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Value::Object((0..entries.len()).map(|at| (key(at), cell(values, at))).collect())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt()?;
            let key = cell(dictionary.keys(), row).as_u64()?;
            let key = usize::try_from(key).ok()?;
            (key < dictionary.values().len()).then(|| cell(dictionary.values(), key))?
        }
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "types of other libraries are many")]
fn time(array: &dyn Array, row: usize) -> Option<Value> {
    let text = match array.data_type() {
        DataType::Date32 => {
            Date::after_1970(array.as_primitive::<Date32Type>().value(row).into()).to_string()
        }
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>().value(row).div_euclid(DAY_MS);
            Date::after_1970(days).to_string()
        }
        DataType::Timestamp(unit, zone) => {
            let (value, per_second) = match unit {
                TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().value(row), 1),
                TimeUnit::Millisecond => {
                    (array.as_primitive::<TimestampMillisecondType>().value(row), 1000)
                }
                TimeUnit::Microsecond => {
                    (array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000)
                }
                TimeUnit::Nanosecond => {
                    (array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000)
                }
            };
            let (seconds, part) = (value.div_euclid(per_second), value.rem_euclid(per_second));
            let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let zone = if zone.is_some() { "Z" } else { "" };
            format!("{}T{}{zone}", Date::after_1970(day), clock(second, part, per_second))
        }
        DataType::Time32(TimeUnit::Second) => {
            clock(array.as_primitive::<Time32SecondType>().value(row).into(), 0, 1)
        }
        DataType::Time32(_) => {
            clock_of(array.as_primitive::<Time32MillisecondType>().value(row).into(), 1000)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            clock_of(array.as_primitive::<Time64MicrosecondType>().value(row), 1_000_000)
        }
        DataType::Time64(_) => {
            clock_of(array.as_primitive::<Time64NanosecondType>().value(row), 1_000_000_000)
        }
        _ => return None,
    };
    Some(text.into())
}

fn clock_of(value: i64, per_second: i64) -> String {
    clock(value.div_euclid(per_second), value.rem_euclid(per_second), per_second)
}

/// `hh:mm:ss`, with the digits of a second where there are any.
fn clock(second: i64, part: i64, per_second: i64) -> String {
    let (hour, minute) = (second / 3600, second / 60 % 60);
    let whole = format!("{hour:02}:{minute:02}:{:02}", second % 60);
    let digits = per_second.ilog10() as usize;
    if part == 0 { whole } else { format!("{whole}.{part:0digits$}") }
}

/// About how many bytes a value takes.
pub(super) fn size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() as u64,
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => sizes(fields),
    }
}

/// About how many bytes a row takes.
pub(super) fn sizes(fields: &Map<String, Value>) -> u64 {
    fields.iter().map(|(key, value)| key.len() as u64 + size(value)).sum()
}
