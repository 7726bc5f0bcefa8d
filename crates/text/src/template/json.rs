//! `tojson` as Python's `json.dumps` writes it: `", "` and `": "`, no escaping beyond JSON's.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, State, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{self, Write};

/// Deepest indentation honoured; the output limit does the rest.
const MAX_INDENT: usize = 16;

#[expect(clippy::needless_pass_by_value, reason = "the engine hands options over whole")]
/// The filter: `value | tojson(indent=none, sort_keys=false, ensure_ascii=false, separators=none)`.
pub(super) fn tojson(state: &State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let sort_keys: Option<bool> = options.get("sort_keys")?;
    let ensure_ascii: Option<bool> = options.get("ensure_ascii")?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    options.assert_all_used()?;
    let mut json = serde_json::to_value(value).map_err(cannot_write)?;
    if sort_keys == Some(true) {
        json.sort_all_objects();
    }
    let mut text = match indent {
        None => write(&json, Separated::new(separators.as_deref())?)?,
        Some(width) => {
            let indent = " ".repeat(width.min(MAX_INDENT));
            write(&json, PrettyFormatter::with_indent(indent.as_bytes()))?
        }
    };
    if ensure_ascii == Some(true) {
        text = escaped(&text);
    }
    state.consume_fuel(text.len() as u64 / 64)?;
    Ok(Value::from_safe_string(text))
}

fn write<F: Formatter>(json: &serde_json::Value, formatter: F) -> Result<String, Error> {
    let mut bytes = Vec::new();
    json.serialize(&mut Serializer::with_formatter(&mut bytes, formatter)).map_err(cannot_write)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn cannot_write(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::InvalidOperation, "value cannot be written as JSON").with_source(error)
}

/// JSON with every character beyond ASCII written as its UTF-16 units.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for ch in json.chars() {
        if ch.is_ascii() {
            text.push(ch);
            continue;
        }
        for unit in ch.encode_utf16(&mut [0; 2]) {
            text.push_str(&format!("\\u{unit:04x}"));
        }
    }
    text
}

/// One line; a space after each comma and colon unless the template names other separators.
struct Separated {
    item: String,
    key: String,
}

impl Separated {
    fn new(separators: Option<&[String]>) -> Result<Self, Error> {
        match separators {
            None => Ok(Self { item: ", ".to_owned(), key: ": ".to_owned() }),
            Some([item, key]) => Ok(Self { item: item.clone(), key: key.clone() }),
            Some(_) => {
                let message = "`separators` are two texts";
                Err(Error::new(ErrorKind::InvalidOperation, message))
            }
        }
    }
}

impl Formatter for Separated {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(self.item.as_bytes()) }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(self.item.as_bytes()) }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.key.as_bytes())
    }
}
