//! Fields of a body that its schema lacks.

use super::fields::Ignored;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};
use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Schemas by the types that they describe: each is made when it is first needed.
static SCHEMAS: RwLock<Option<HashMap<TypeId, Arc<Value>>>> = RwLock::new(None);

/// Names what stands in `fields` and is not read by `T`, as `messages[].cache_control`; members of
/// `apart` are read by types of their own.
pub(crate) fn find<T: JsonSchema + 'static>(
    fields: &Map<String, Value>,
    is_known: impl Fn(&str) -> bool,
    apart: &[&str],
) -> Ignored {
    let schema = schema_of::<T>();
    let mut search = Search { root: &schema, way: String::new(), found: Ignored::default() };
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        if !is_known(name) {
            search.found.add_field(name);
        } else if let Some(schema) = properties.and_then(|properties| properties.get(name))
            && !apart.contains(&name.as_str())
        {
            search.inside(name, |search| search.value(schema, value));
        }
    }
    search.found
}

fn schema_of<T: JsonSchema + 'static>() -> Arc<Value> {
    let id = TypeId::of::<T>();
    let known = SCHEMAS.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(schema) = known.as_ref().and_then(|schemas| schemas.get(&id)) {
        return schema.clone();
    }
    drop(known);
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let schema = Arc::new(generator.into_root_schema_for::<T>().to_value());
    let mut known = SCHEMAS.write().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().entry(id).or_insert(schema).clone()
}

/// A walk along a value and its schema.
struct Search<'a> {
    root: &'a Value,
    /// The way from the body to where the walk is.
    way: String,
    found: Ignored,
}

impl<'a> Search<'a> {
    /// Goes into the member `name` for as long as `walk` takes.
    fn inside(&mut self, name: &str, walk: impl FnOnce(&mut Self)) {
        let end = self.way.len();
        if end > 0 {
            self.way.push('.');
        }
        self.way.push_str(name);
        walk(self);
        self.way.truncate(end);
    }

    fn value(&mut self, schema: &'a Value, value: &Value) {
        match value {
            Value::Array(items) => {
                let mut layers = Vec::new();
                self.layers(schema, value, &mut layers);
                let Some(of_item) = layers.iter().find_map(|layer| layer.get("items")) else {
                    return;
                };
                let end = self.way.len();
                self.way.push_str("[]");
                for item in items {
                    if self.found.is_full() {
                        break;
                    }
                    self.value(of_item, item);
                }
                self.way.truncate(end);
            }
            Value::Object(fields) => self.object(schema, value, fields),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, schema: &'a Value, value: &Value, fields: &Map<String, Value>) {
        let mut layers = Vec::new();
        self.layers(schema, value, &mut layers);
        let names_fields = |layer: &&Map<String, Value>| layer.contains_key("properties");
        let is_open = !layers.iter().any(names_fields);
        let others = layers.iter().find_map(|layer| layer.get("additionalProperties"));
        for (name, value) in fields.iter().filter(|(_, value)| !asks_for_nothing(value)) {
            let of_name = |layer: &&'a Map<String, Value>| layer.get("properties")?.get(name);
            let known = layers.iter().find_map(of_name).or(others);
            match known {
                Some(Value::Bool(false)) | None if !is_open => {
                    self.inside(name, |search| search.found.add_field(&search.way));
                }
                Some(schema) => self.inside(name, |search| search.value(schema, value)),
                None => {}
            }
        }
    }

    /// The objects that `schema` is made of as far as they concern `value`: of several alternatives
    /// the first that it fits.
    fn layers(&self, schema: &'a Value, value: &Value, layers: &mut Vec<&'a Map<String, Value>>) {
        let Some(layer) = self.resolved(schema).as_object() else { return };
        layers.push(layer);
        let parts = |key: &str| layer.get(key).and_then(Value::as_array).into_iter().flatten();
        for part in parts("allOf") {
            self.layers(part, value, layers);
        }
        for key in ["anyOf", "oneOf"] {
            if let Some(fitting) = parts(key).find(|one| self.fits(one, value)) {
                self.layers(fitting, value, layers);
            }
        }
    }

    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let target = schema.get("$ref").and_then(Value::as_str);
        let found = target.and_then(|target| self.root.pointer(target.strip_prefix('#')?));
        found.unwrap_or(schema)
    }

    /// Whether `value` may be what `schema` describes, as far as can be seen without going into it.
    fn fits(&self, schema: &'a Value, value: &Value) -> bool {
        let schema = self.resolved(schema);
        let Some(layer) = schema.as_object() else { return *schema != Value::Bool(false) };
        let list = |key: &str| layer.get(key).and_then(Value::as_array);
        let has = |name: &Value| name.as_str().is_some_and(|name| value.get(name).is_some());
        let properties = layer.get("properties").and_then(Value::as_object);
        let mut properties = properties.into_iter().flatten();
        layer.get("type").is_none_or(|kind| is_of_kind(value, kind))
            && layer.get("const").is_none_or(|wanted| wanted == value)
            && list("enum").is_none_or(|wanted| wanted.contains(value))
            && list("required").is_none_or(|names| names.iter().all(has))
            && list("anyOf").is_none_or(|parts| parts.iter().any(|part| self.fits(part, value)))
            && properties.all(|(name, schema)| {
                let wanted = schema.get("const");
                wanted.is_none_or(|wanted| value.get(name).is_none_or(|value| value == wanted))
            })
    }
}

/// Clients write null for "not given", and send lists of an answer back that are empty.
fn asks_for_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn is_of_kind(value: &Value, kind: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| is_of_kind(value, kind)),
        Value::String(kind) => match kind.as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => value.is_number(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}
