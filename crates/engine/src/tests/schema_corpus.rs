//! JSON schemas such as clients send, and a validator of the keywords they use.

use regex::Regex;
use serde_json::{Value, json};

/// Schemas of single values.
fn values() -> Vec<Value> {
    vec![
        json!({"type": "boolean"}),
        json!({"type": "null"}),
        json!({"type": "integer"}),
        json!({"type": "integer", "minimum": 1, "maximum": 10}),
        json!({"type": "integer", "minimum": -273, "maximum": 5000}),
        json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 100}),
        json!({"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 995}),
        json!({"type": "number"}),
        json!({"type": "number", "minimum": 0, "maximum": 1}),
        json!({"type": "number", "minimum": -90.5, "maximum": 90.5}),
        json!({"type": "number", "exclusiveMinimum": 0}),
        json!({"type": "string"}),
        json!({"type": "string", "maxLength": 12}),
        json!({"type": "string", "minLength": 3, "maxLength": 40}),
        json!({"type": "string", "minLength": 5, "maxLength": 5}),
        json!({"type": "string", "pattern": "^[A-Z]{2}[0-9]{4}$"}),
        json!({"type": "string", "pattern": "^(visa|sepa|cash)-[a-z]{1,8}$"}),
        json!({"type": "string", "pattern": "^\\d{3}-\\d{2}$"}),
        json!({"type": "string", "format": "date"}),
        json!({"type": "string", "format": "time"}),
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "string", "format": "ipv4"}),
        json!({"type": "string", "format": "email"}),
        json!({"enum": ["low", "medium", "high"]}),
        json!({"type": "string", "enum": ["EUR", "USD", "CNY", "元"]}),
        json!({"enum": [1, 2.5, "three", null, true, [4], {"five": 5}]}),
        json!({"const": "fixed"}),
        json!({"const": {"kind": "a", "list": [1, 2]}}),
        json!({"type": ["string", "null"], "maxLength": 9}),
        json!({"type": ["integer", "boolean"], "minimum": 3, "maximum": 7}),
        json!({"anyOf": [{"type": "integer", "minimum": 5, "maximum": 6}, {"type": "null"}]}),
        json!({"anyOf": [{"const": "a"}, {"enum": ["b", "c"]}, {"type": "boolean"}]}),
        json!({"allOf": [{"type": "integer", "minimum": 3}, {"maximum": 12}]}),
        json!({"type": "array", "items": {"type": "boolean"}, "maxItems": 4}),
        json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9},
               "minItems": 2, "maxItems": 5}),
        json!({"type": "array", "prefixItems": [{"const": "x"}, {"type": "integer", "minimum": 0,
               "maximum": 99}], "items": false, "minItems": 2}),
        json!({"type": "array", "prefixItems": [{"type": "boolean"}], "items": {"enum": ["y", "z"]},
               "minItems": 1, "maxItems": 4}),
        json!({"type": "array", "items": {"type": "array", "items": {"type": "null"},
               "maxItems": 2}, "minItems": 1, "maxItems": 3}),
        json!({"type": "object", "properties": {}, "additionalProperties": false}),
        json!({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0,
               "maximum": 9}}),
        json!({"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"const": 2}},
               "required": ["b"], "additionalProperties": false}),
    ]
}

/// An object with these fields and no others.
#[expect(clippy::needless_pass_by_value, reason = "so that a schema reads without marks")]
fn closed(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required,
           "additionalProperties": false})
}

fn text() -> Value {
    json!({"type": "string", "maxLength": 60})
}

fn amount() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 100_000})
}

fn day() -> Value {
    json!({"type": "string", "format": "date"})
}

/// Schemas of whole tools and answers.
fn tools() -> Vec<Value> {
    vec![
        closed(
            json!({"city": text(), "unit": {"enum": ["celsius", "fahrenheit"]},
                   "days": {"type": "integer", "minimum": 1, "maximum": 14}}),
            &["city"],
        ),
        closed(
            json!({"from_account": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{10}$"},
                   "to_account": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{10}$"},
                   "amount": amount(), "currency": {"enum": ["EUR", "USD", "CNY"]}, "note": text()}),
            &["from_account", "to_account", "amount", "currency"],
        ),
        closed(
            json!({"query": text(), "top_k": {"type": "integer", "minimum": 1, "maximum": 50},
                   "filters": closed(
                       json!({"language": {"enum": ["en", "zh"]}, "since": day()}), &[])}),
            &["query"],
        ),
        closed(
            json!({"title": text(), "attendees": {"type": "array", "items": {"type": "string",
                   "format": "email"}, "minItems": 1, "maxItems": 3},
                   "start": {"type": "string", "format": "date-time"},
                   "minutes": {"type": "integer", "multipleOf": 15, "minimum": 15,
                   "maximum": 240}}),
            &["title", "start", "minutes"],
        ),
        closed(
            json!({"answer": text(), "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                   "citations": {"type": "array", "maxItems": 3, "items": closed(
                       json!({"document": text(), "page": {"type": "integer", "minimum": 1,
                              "maximum": 999}}), &["document"])}}),
            &["answer", "confidence", "citations"],
        ),
        closed(
            json!({"label": {"enum": ["positive", "negative", "neutral"]}, "spans": {
                "type": "array", "maxItems": 4, "items": {"type": "array", "prefixItems": [
                    {"type": "integer", "minimum": 0, "maximum": 500},
                    {"type": "integer", "minimum": 0, "maximum": 500}], "items": false,
                    "minItems": 2}}}),
            &["label", "spans"],
        ),
    ]
}

/// Schemas that refer to others, choose, or have names that need care.
fn answers() -> Vec<Value> {
    vec![
        json!({"type": "object", "$defs": {"node": {"type": "object", "properties": {
                   "name": {"type": "string", "maxLength": 8},
                   "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}},
                   "required": ["name"], "additionalProperties": false}},
               "properties": {"root": {"$ref": "#/$defs/node"}}, "required": ["root"],
               "additionalProperties": false}),
        json!({"$defs": {"money": {"type": "object", "properties": {"units": amount(),
                   "code": {"type": "string", "pattern": "^[A-Z]{3}$"}},
                   "required": ["units", "code"], "additionalProperties": false}},
               "type": "object", "properties": {"price": {"$ref": "#/$defs/money"},
                   "tax": {"anyOf": [{"$ref": "#/$defs/money"}, {"type": "null"}]}},
               "required": ["price", "tax"], "additionalProperties": false}),
        json!({"anyOf": [
            closed(json!({"tool": {"const": "search"}, "query": text()}), &["tool", "query"]),
            closed(json!({"tool": {"const": "read"}, "page": {"type": "integer", "minimum": 1,
                   "maximum": 99}}), &["tool", "page"]),
            closed(json!({"tool": {"const": "stop"}}), &["tool"])]}),
        json!({"type": "array", "minItems": 1, "maxItems": 3, "items": closed(
            json!({"id": {"type": "string", "format": "uuid"}, "done": {"type": "boolean"},
                   "due": {"anyOf": [day(), {"type": "null"}]}}), &["id", "done", "due"])}),
        closed(
            json!({"姓名": {"type": "string", "minLength": 1, "maxLength": 10},
                   "等级": {"enum": ["普通", "金卡", "白金"]}, "is\"quoted\\": {"type": "null"}}),
            &["姓名", "等级"],
        ),
        closed(
            json!({"sql": {"type": "string", "pattern": "^SELECT [a-z_]{1,12}(, [a-z_]{1,12}){0,3} \
                   FROM [a-z_]{1,12}$"}, "limit": {"type": "integer", "minimum": 1,
                   "maximum": 1000},
                   "explain": {"type": "boolean"}}),
            &["sql"],
        ),
    ]
}

/// More than a hundred schemas: values alone, in objects beside others, and in lists; and tools.
pub(crate) fn corpus() -> Vec<Value> {
    let mut all = tools();
    all.extend(answers());
    for value in values() {
        all.push(json!({"type": "object", "properties": {"first": {"type": "boolean"},
            "value": value, "last": {"enum": ["x", "y"]}}, "required": ["value"],
            "additionalProperties": false}));
        all.push(json!({"type": "array", "items": value, "minItems": 1, "maxItems": 2}));
        all.push(value);
    }
    all
}

/// Whether `value` satisfies `schema`, for the keywords of [`corpus`]; `root` holds its `$defs`.
pub(crate) fn satisfies(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(keywords) = schema.as_object() else { return schema == &json!(true) };
    keywords.iter().all(|(keyword, wanted)| {
        let part = |schema: &Value| satisfies(value, schema, root);
        match keyword.as_str() {
            "$ref" => {
                let pointer = wanted.as_str().expect("a reference").trim_start_matches('#');
                part(root.pointer(pointer).expect("it points somewhere"))
            }
            "anyOf" => list(wanted).iter().any(part),
            "allOf" => list(wanted).iter().all(part),
            "const" => value == wanted,
            "enum" => list(wanted).contains(value),
            "type" => wanted.as_array().map_or_else(
                || is_of(value, wanted),
                |names| names.iter().any(|name| is_of(value, name)),
            ),
            "$defs" => true,
            _ => match value {
                Value::Number(number) => {
                    number_keyword(number.as_f64().expect("a number"), keyword, wanted)
                }
                Value::String(text) => text_keyword(text, keyword, wanted),
                Value::Array(items) => list_keyword(items, keyword, wanted, schema, root),
                Value::Object(_) => object_keyword(value, keyword, wanted, schema, root),
                Value::Null | Value::Bool(_) => true,
            },
        }
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn is_of(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("a name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("unknown type {other}"),
    }
}

fn number_keyword(number: f64, keyword: &str, wanted: &Value) -> bool {
    let Some(wanted) = wanted.as_f64() else { return true };
    match keyword {
        "minimum" => number >= wanted,
        "maximum" => number <= wanted,
        "exclusiveMinimum" => number > wanted,
        "exclusiveMaximum" => number < wanted,
        "multipleOf" => (number / wanted).fract() == 0.0,
        _ => true,
    }
}

fn text_keyword(text: &str, keyword: &str, wanted: &Value) -> bool {
    let length = text.chars().count() as u64;
    let matches = |pattern: &str| Regex::new(pattern).expect("a pattern").is_match(text);
    match keyword {
        "minLength" => Some(length) >= wanted.as_u64(),
        "maxLength" => Some(length) <= wanted.as_u64(),
        "pattern" => matches(wanted.as_str().expect("a pattern")),
        "format" => match wanted.as_str().expect("a name") {
            "date" => matches(r"^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])$"),
            "time" => {
                matches(r"(?i)^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$")
            }
            "date-time" => {
                matches(r"(?i)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
            }
            "uuid" => matches(r"(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"),
            "ipv4" => matches(r"^(\d{1,3}\.){3}\d{1,3}$"),
            "email" => matches(r"^[^@\s]+@[^@\s]+$"),
            other => panic!("unknown format {other}"),
        },
        _ => true,
    }
}

fn list_keyword(
    items: &[Value],
    keyword: &str,
    wanted: &Value,
    schema: &Value,
    root: &Value,
) -> bool {
    let prefix = schema.get("prefixItems").map_or(0, |prefix| list(prefix).len());
    match keyword {
        "minItems" => Some(items.len() as u64) >= wanted.as_u64(),
        "maxItems" => Some(items.len() as u64) <= wanted.as_u64(),
        "items" => items.iter().skip(prefix).all(|item| satisfies(item, wanted, root)),
        "prefixItems" => {
            items.iter().zip(list(wanted)).all(|(item, schema)| satisfies(item, schema, root))
        }
        _ => true,
    }
}

fn object_keyword(
    value: &Value,
    keyword: &str,
    wanted: &Value,
    schema: &Value,
    root: &Value,
) -> bool {
    let fields = value.as_object().expect("an object");
    let known = schema.get("properties").and_then(Value::as_object);
    match keyword {
        "required" => {
            list(wanted).iter().all(|name| fields.contains_key(name.as_str().expect("a name")))
        }
        "properties" => wanted.as_object().expect("an object").iter().all(|(name, schema)| {
            fields.get(name).is_none_or(|field| satisfies(field, schema, root))
        }),
        "additionalProperties" => fields
            .iter()
            .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
            .all(|(_, field)| satisfies(field, wanted, root)),
        _ => true,
    }
}
