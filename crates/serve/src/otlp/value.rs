//! Values in OTLP's JSON form.
//!
//! # Source
//! OpenTelemetry protocol 1.x, JSON encoding: 64-bit integers are texts.

use serde_json::{Value, json};
use std::time::Duration;

/// An attribute that is a text.
pub(crate) fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// An attribute that is a whole number.
pub(crate) fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// An attribute that is a number with a fraction.
pub(crate) fn decimal(key: &str, value: f64) -> Value {
    json!({"key": key, "value": {"doubleValue": value}})
}

/// The point in time `since` 1970, in nanoseconds.
pub(crate) fn nanos(since: Duration) -> String {
    since.as_nanos().to_string()
}
