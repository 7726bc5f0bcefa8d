//! Reading request bodies: what is refused and what is ignored.

use crate::error::ApiError;
use crate::ignored::{Ignored, find};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// Up to here, every whole number has a float of its own.
const MAX_WHOLE: f64 = (1_u64 << 53) as f64;

/// A request body and the fields of it that we do not know.
pub(crate) struct Parsed<T> {
    pub(crate) value: T,
    pub(crate) ignored: Ignored,
}

/// A request type that says which of its foreign fields change the meaning of the answer.
pub(crate) trait ApiRequest: DeserializeOwned + JsonSchema + 'static {
    /// Fields read by this type.
    const KNOWN: &'static [&'static str];
    /// Further ones that it shares with other types.
    const SHARED: &'static [&'static str] = &[];
    /// Fields that are refused unless their value has no effect.
    const REFUSED: &'static [Refused];
    /// Further ones that it shares with other types.
    const SHARED_REFUSED: &'static [Refused] = &[];
    /// Objects among its fields that types of their own read.
    const APART: &'static [&'static str] = &[];

    /// Names fields that it reads and that have no effect where they stand.
    fn tell_idle(&self, _: &mut Ignored) {}
}

/// A field we refuse.
pub(crate) struct Refused {
    /// Its name.
    pub(crate) field: &'static str,
    /// Whether a value asks for nothing, so that it may pass.
    pub(crate) is_neutral: fn(&Value) -> bool,
    /// What to do instead, starting with a separator; may be empty.
    pub(crate) hint: &'static str,
}

/// Values that ask for nothing: nothing, `false`, 0, and whatever is empty.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Nothing or `true`.
pub(crate) fn is_true(value: &Value) -> bool {
    value.is_null() || *value == true
}

/// Nothing or the number 1.
pub(crate) fn is_one(value: &Value) -> bool {
    value.is_null() || value.as_f64() == Some(1.0)
}

/// Parses a body.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::Json`], [`ApiError::Unsupported`].
pub(crate) fn parse<T: ApiRequest>(
    body: Result<Bytes, BytesRejection>,
    limit: usize,
) -> Result<Parsed<T>, ApiError> {
    read(object(body, limit)?)
}

/// The fields of a body.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::Json`].
pub(crate) fn object(
    body: Result<Bytes, BytesRejection>,
    limit: usize,
) -> Result<Map<String, Value>, ApiError> {
    let bytes = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge { limit },
        _ => ApiError::Json { reason: rejection.body_text() },
    })?;
    serde_json::from_slice(&bytes).map_err(|error| invalid(&error))
}

fn invalid(error: &serde_json::Error) -> ApiError {
    ApiError::Json { reason: error.to_string() }
}

/// Reads a request from the fields of a body, or of an object in it.
///
/// # Errors
/// [`ApiError::Json`], [`ApiError::Unsupported`].
pub(crate) fn read<T: ApiRequest>(mut fields: Map<String, Value>) -> Result<Parsed<T>, ApiError> {
    // Clients write null for "not given".
    fields.retain(|_, value| !value.is_null());
    for refused in T::REFUSED.iter().chain(T::SHARED_REFUSED) {
        if fields.remove(refused.field).is_some_and(|value| !(refused.is_neutral)(&value)) {
            return Err(ApiError::Unsupported { field: refused.field, hint: refused.hint });
        }
    }
    let is_known = |field: &str| T::KNOWN.contains(&field) || T::SHARED.contains(&field);
    let mut ignored = find::<T>(&fields, is_known, T::APART);
    fields.retain(|field, _| is_known(field));
    fields.values_mut().for_each(whole);
    let value: T =
        serde_json::from_value(Value::Object(fields)).map_err(|error| invalid(&error))?;
    value.tell_idle(&mut ignored);
    Ok(Parsed { value, ignored })
}

/// Writes whole numbers without a fraction: JSON knows one kind of number, so 8.0 counts as 8 does.
fn whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0);
            if let Some(float) = float.filter(|float| float.abs() < MAX_WHOLE) {
                #[expect(clippy::cast_possible_truncation, reason = "whole, and below 2^53")]
                let integer = float as i64;
                *value = Value::from(integer);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Reads `T` from an object. A struct by itself would also be read from a list of its members' values.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn from_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<T, D::Error> {
    let fields = Map::<String, Value>::deserialize(input)?;
    serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)
}

/// The same where it may be left out.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn from_some_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<Option<T>, D::Error> {
    let fields = Option::<Map<String, Value>>::deserialize(input)?;
    let read = |fields| serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom);
    fields.map(read).transpose()
}
