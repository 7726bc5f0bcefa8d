//! Words for schemas of answers.

use serde_json::{Map, Value, json};

/// A text.
pub(crate) fn text() -> Value {
    json!({"type": "string"})
}

/// This text.
pub(crate) fn word(word: &str) -> Value {
    json!({"const": word})
}

/// One of these texts.
pub(crate) fn words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

/// A number that counts something.
pub(crate) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

/// A number.
pub(crate) fn number() -> Value {
    json!({"type": "number"})
}

/// True or false.
pub(crate) fn flag() -> Value {
    json!({"type": "boolean"})
}

/// Whatever JSON has.
pub(crate) fn anything() -> Value {
    json!({})
}

/// Nothing.
pub(crate) fn null() -> Value {
    json!({"type": "null"})
}

/// A list.
pub(crate) fn list(item: Value) -> Value {
    with("array", "items", item)
}

/// A list that is not empty.
pub(crate) fn some(item: Value) -> Value {
    let mut list = list(item);
    list["minItems"] = json!(1);
    list
}

/// Any of these.
pub(crate) fn either<const N: usize>(shapes: [Value; N]) -> Value {
    let shapes = shapes.into_iter().collect();
    Value::Object(Map::from_iter([("anyOf".to_owned(), shapes)]))
}

/// This or null.
pub(crate) fn nullable(shape: Value) -> Value {
    either([shape, null()])
}

/// An object whose members have names of their own.
pub(crate) fn map(member: Value) -> Value {
    with("object", "additionalProperties", member)
}

fn with(kind: &str, key: &str, value: Value) -> Value {
    let pairs = [("type".to_owned(), json!(kind)), (key.to_owned(), value)];
    Value::Object(Map::from_iter(pairs))
}

/// An object with these members; a name that ends with `?` may be missing.
pub(crate) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, shape) in members {
        let bare = name.trim_end_matches('?');
        if bare == name {
            required.push(name);
        }
        properties.insert(bare.to_owned(), shape);
    }
    json!({"type": "object", "properties": properties, "required": required})
}
