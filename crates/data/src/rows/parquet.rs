//! Parquet files.

use super::sink::Sink;
use crate::error::DataError;
use crate::files::io;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Every row of the file; lists and structures become JSON's.
///
/// The library trusts lengths that a damaged file may state wrongly and can then panic; that is
/// the file's fault and an error like any other.
pub(super) fn read(sink: &mut Sink<'_>) -> Result<(), DataError> {
    let path = sink.path.to_owned();
    let (file, limit) = (File::open(&path).map_err(io("read", &path))?, sink.limits.max_file_bytes);
    let bytes = file.metadata().map_err(io("read", &path))?.len();
    if bytes > limit {
        return Err(DataError::TooLarge { path, what: "bytes of one file", limit });
    }
    let broken = || ParquetError::General("the reader stopped".to_owned());
    let fail = |source| DataError::ParquetRead { path: path.clone(), source };
    catch_unwind(AssertUnwindSafe(|| rows(file, sink))).map_err(|_| fail(broken()))?
}

fn rows(file: File, sink: &mut Sink<'_>) -> Result<(), DataError> {
    let path = sink.path.to_owned();
    let fail = |source| DataError::ParquetRead { path: path.clone(), source };
    let reader = SerializedFileReader::new(file).map_err(fail)?;
    let mut total = 0u64;
    for (index, row) in reader.get_row_iter(None).map_err(fail)?.enumerate() {
        let fields = object(&row.map_err(fail)?);
        let bytes = fields.iter().map(|(key, value)| key.len() + size(value)).sum::<usize>();
        sink.check(index + 1, bytes)?;
        total = total.saturating_add(bytes as u64);
        if total > sink.limits.max_total_bytes {
            let (what, limit) = ("bytes of all rows", sink.limits.max_total_bytes);
            return Err(DataError::TooLarge { path, what, limit });
        }
        sink.push(index + 1, fields);
    }
    Ok(())
}

fn object(row: &Row) -> Map<String, Value> {
    row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect()
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::Bool(*flag),
        Field::Byte(number) => (*number).into(),
        Field::Short(number) => (*number).into(),
        Field::Int(number) | Field::Date(number) | Field::TimeMillis(number) => (*number).into(),
        Field::Long(number)
        | Field::TimeMicros(number)
        | Field::TimestampMillis(number)
        | Field::TimestampMicros(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::ULong(number) => (*number).into(),
        Field::Float(number) => f64::from(*number).into(),
        Field::Double(number) => (*number).into(),
        Field::Float16(number) => f64::from(f32::from(*number)).into(),
        Field::Str(text) => Value::String(text.clone()),
        Field::Bytes(bytes) => Value::String(String::from_utf8_lossy(bytes.data()).into_owned()),
        Field::Decimal(_) => Value::String(field.to_string()),
        Field::Group(row) => Value::Object(object(row)),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => {
            let key = |key: &Field| {
                let name = value(key);
                name.as_str().map_or_else(|| name.to_string(), ToOwned::to_owned)
            };
            let entries = map.entries().iter().map(|(name, field)| (key(name), value(field)));
            Value::Object(entries.collect())
        }
    }
}

/// About how many bytes a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + size(value)).sum(),
    }
}
