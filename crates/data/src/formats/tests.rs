//! Every format against rows that others read, and rows that nobody should read.

mod detection;
mod foreign;
mod llamafactory;
mod messages;

use super::*;
use catena_protocol::TrainingSample;
use serde_json::{Map, Value};

/// The fields of a row.
fn fields(row: &Value) -> Map<String, Value> {
    row.as_object().unwrap().clone()
}

/// Reads `row` in the format found by its columns.
fn read(row: &Value) -> Result<TrainingSample, DropReason> {
    let fields = fields(row);
    let peek = Peek::new(std::iter::once(&fields));
    let (format, layout, _) = detect(camino::Utf8Path::new("rows"), &peek).unwrap();
    format.read(Fields(&fields), &layout)
}
