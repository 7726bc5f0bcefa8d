//! Schemas of requests, from the types that read them.

use crate::body::{ApiRequest, Refused};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Where schemas with a name stand in the document.
pub(super) const COMPONENTS: &str = "#/components/schemas/";

/// Makes a schema; what it refers to stays in the generator.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A generator whose schemas belong into an OpenAPI document.
pub(super) fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// A JSON object as [`crate::body::read`] reads it into `T`: null stands for "not given", and some
/// foreign fields are refused.
pub(crate) struct Fields<T>(PhantomData<T>);

impl<T: ApiRequest> JsonSchema for Fields<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("Fields<{}>", T::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        let fields = schema.ensure_object();
        let required: Vec<Value> =
            fields.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(properties) = fields.get_mut("properties").and_then(Value::as_object_mut) {
            #[cfg(test)]
            super::tests::check_table::<T>(properties);
            for (name, property) in properties {
                if !required.iter().any(|one| one == name) {
                    allow_null(property);
                }
            }
        }
        let refused: Vec<&Refused> = T::REFUSED.iter().chain(T::SHARED_REFUSED).collect();
        if !refused.is_empty() {
            fields.insert("description".to_owned(), json!(description(fields, &refused)));
        }
        schema
    }
}

/// What the type says of itself, and what it refuses.
fn description(schema: &Map<String, Value>, refused: &[&Refused]) -> String {
    let own = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let name =
        |refused: &&Refused| format!("`{}`{}", refused.field, refused.hint.replace(';', ","));
    let refused: Vec<String> = refused.iter().map(name).collect();
    format!("{own}\n\nNot supported, unless they ask for nothing:\n- {}", refused.join("\n- "))
}

fn allow_null(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    if fields.contains_key("$ref") || fields.contains_key("anyOf") || fields.contains_key("oneOf") {
        let takes_null = |one: &Value| one["type"] == "null";
        let is_there = fields.get("anyOf").and_then(Value::as_array);
        if !is_there.is_some_and(|all| all.iter().any(takes_null)) {
            let inner = schema.take();
            *schema = json!({"anyOf": [inner, {"type": "null"}]});
        }
        return;
    }
    match fields.get_mut("type") {
        Some(Value::String(kind)) => {
            let kind = std::mem::take(kind);
            fields.insert("type".to_owned(), json!([kind, "null"]));
        }
        Some(Value::Array(kinds)) if !kinds.contains(&json!("null")) => kinds.push(json!("null")),
        _ => {}
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

/// Makes plain what the names of Rust's types mean: their ranges, and no format that only Rust has.
pub(super) fn plain(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Object(fields) => {
            let range = match fields.get("format").and_then(Value::as_str) {
                Some("uint32") => Some((json!(u32::MIN), json!(u32::MAX))),
                Some("uint" | "uint64") => Some((json!(u64::MIN), json!(u64::MAX))),
                Some("int32") => Some((json!(i32::MIN), json!(i32::MAX))),
                Some("int64") => Some((json!(i64::MIN), json!(i64::MAX))),
                _ => None,
            };
            if let Some((least, most)) = range {
                fields.entry("minimum").or_insert(least);
                fields.entry("maximum").or_insert(most);
                fields.remove("format");
            }
            fields.values_mut().for_each(plain);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
