//! The values of a row by name.

use super::reason::DropReason;
use catena_protocol::Label;
use serde_json::{Map, Value};

/// Spellings of truth values in CSV files.
const TRUE: [&str; 3] = ["true", "1", "yes"];
const FALSE: [&str; 3] = ["false", "0", "no"];

/// A row, read value by value. What is null is not there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'r>(pub(crate) &'r Map<String, Value>);

impl<'r> Fields<'r> {
    /// The value of `key`, if it is there.
    pub(super) fn get(self, key: &str) -> Option<&'r Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// The value of `key`.
    pub(super) fn need(self, key: &str) -> Result<&'r Value, DropReason> {
        self.get(key).ok_or_else(|| DropReason::missing(key))
    }

    /// The text of `key`, if it is there.
    pub(super) fn text(self, key: &str) -> Result<Option<&'r str>, DropReason> {
        self.get(key).map(|value| as_text(key, value)).transpose()
    }

    /// The text of `key`.
    pub(super) fn need_text(self, key: &str) -> Result<&'r str, DropReason> {
        as_text(key, self.need(key)?)
    }

    /// The texts of `key`: a list, or one text alone.
    pub(super) fn texts(self, key: &str) -> Result<Vec<String>, DropReason> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => {
                values.iter().map(|value| Ok(as_text(key, value)?.to_owned())).collect()
            }
            Some(value) => Ok(vec![as_text(key, value)?.to_owned()]),
        }
    }

    /// The truth value of `key`; CSV files spell it as text.
    pub(super) fn need_bool(self, key: &str) -> Result<bool, DropReason> {
        let value = self.need(key)?;
        let wrong = || DropReason::wrong_kind(key, value, "true or false");
        match value {
            Value::Bool(flag) => Ok(*flag),
            Value::Number(number) => match number.as_f64() {
                Some(0.0) => Ok(false),
                Some(1.0) => Ok(true),
                _ => Err(wrong()),
            },
            Value::String(text) => {
                let text = text.trim().to_ascii_lowercase();
                let known = |words: &[&str]| words.contains(&text.as_str());
                if known(&TRUE) {
                    Ok(true)
                } else if known(&FALSE) {
                    Ok(false)
                } else {
                    Err(wrong())
                }
            }
            Value::Null | Value::Array(_) | Value::Object(_) => Err(wrong()),
        }
    }

    /// The number of `key`; CSV files spell it as text.
    pub(super) fn number(self, key: &str) -> Result<Option<f64>, DropReason> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        match number.filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(DropReason::wrong_kind(key, value, "a number")),
        }
    }
}

/// `value` as a text.
pub(super) fn as_text<'v>(key: &str, value: &'v Value) -> Result<&'v str, DropReason> {
    value.as_str().ok_or_else(|| DropReason::wrong_kind(key, value, "a text"))
}

/// `value` as a list.
pub(super) fn as_list<'v>(key: &str, value: &'v Value) -> Result<&'v [Value], DropReason> {
    let list = value.as_array().map(Vec::as_slice);
    list.ok_or_else(|| DropReason::wrong_kind(key, value, "a list"))
}

/// `value` as a label: the name or number of a class, or a score.
pub(super) fn as_label(key: &str, value: &Value) -> Result<Label, DropReason> {
    match value {
        Value::String(name) => Ok(Label::Name(name.clone())),
        Value::Bool(flag) => Ok(Label::Number(f64::from(u8::from(*flag)))),
        Value::Number(number) => Ok(Label::Number(number.as_f64().unwrap_or_default())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(DropReason::wrong_kind(key, value, "a name or a number"))
        }
    }
}
