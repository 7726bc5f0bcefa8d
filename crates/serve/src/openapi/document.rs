//! The document.

use super::operation::{Answer, Body, EVENTS, Operation, Tag};
use super::schemas::{COMPONENTS, generator, plain};
use super::{Endpoint, problems, shapes};
use crate::access::PUBLIC_PATHS;
use crate::dialect::Dialect;
use crate::ignored::IGNORED_FIELDS_HEADER;
use axum::http::{Method, StatusCode};
use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

/// An OpenAPI document about `endpoints`, each with its path.
pub(crate) fn document<'a>(endpoints: impl Iterator<Item = (&'static str, &'a Endpoint)>) -> Value {
    let mut parts = Parts { generator: generator(), named: Map::new() };
    let mut paths = Map::new();
    for (path, endpoint) in endpoints {
        let shown = path.replace("{*", "{");
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let operation = parts.operation(path, &endpoint.method, &endpoint.operation);
        let methods = paths.entry(shown).or_insert_with(|| json!({}));
        methods[method] = operation;
    }
    let mut schemas = parts.generator.take_definitions(true);
    schemas.values_mut().for_each(plain);
    for (name, schema) in parts.named {
        let other = schemas.insert(name.clone(), schema);
        assert!(other.is_none(), "a request's type and an answer are both called {name}");
    }
    let header = |description: &str| json!({"description": description, "schema": shapes::text()});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Catena",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The wire protocols that this server speaks, and what its operators ask for.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "tags": Tag::ALL.map(|tag| json!({"name": tag.name()})),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {
                "RequestId": {
                    "description": "The request's name: the client's own, or ours.",
                    "required": true,
                    "schema": shapes::text(),
                },
                "IgnoredFields": header("Fields of the request that had no effect."),
                "RetryAfter": header("Seconds after which it is worth asking again."),
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    })
}

/// What operations refer to.
struct Parts {
    generator: SchemaGenerator,
    /// Schemas of answers and errors.
    named: Map<String, Value>,
}

impl Parts {
    fn operation(&mut self, path: &str, method: &Method, operation: &Operation) -> Value {
        let is_public = PUBLIC_PATHS.contains(&path);
        let mut about = json!({
            "operationId": operation_id(method, path),
            "tags": [operation.tag.name()],
            "summary": operation.summary,
        });
        if is_public {
            about["security"] = json!([]);
        }
        let mut parameters: Vec<Value> = in_path(path).collect();
        for schema in &operation.queries {
            let mut schema = schema(&mut self.generator).to_value();
            plain(&mut schema);
            let members = schema["properties"].as_object_mut().into_iter().flatten();
            parameters.extend(members.map(|(name, schema)| query(name, schema.take())));
        }
        if !parameters.is_empty() {
            about["parameters"] = json!(parameters);
        }
        if let Some(body) = &operation.body {
            about["requestBody"] = self.body(body);
        }
        let mut responses = Map::new();
        for answer in &operation.answers {
            self.answer(answer, operation.body.is_some(), &mut responses);
        }
        let mut own = operation.problems.clone();
        if path.contains('{') {
            // A name that is no text, and one that nothing has.
            own.extend([StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]);
        }
        let dialect = Dialect::of(path);
        for (status, meaning) in problems::statuses(dialect, is_public, &own) {
            let answer = self.problem(dialect, status, meaning);
            responses.entry(status.to_string()).or_insert(answer);
        }
        about["responses"] = Value::Object(responses);
        about
    }

    fn body(&mut self, body: &Body) -> Value {
        let mut schema = (body.schema)(&mut self.generator).to_value();
        plain(&mut schema);
        if !body.required.is_empty() {
            schema = json!({"allOf": [schema, {"required": body.required}]});
        }
        let mut content = json!({"schema": schema});
        if let Some(example) = &body.example {
            content["example"] = example.clone();
        }
        json!({"required": true, "content": { body.media: content }})
    }

    fn answer(&mut self, answer: &Answer, has_body: bool, responses: &mut Map<String, Value>) {
        let schema = match answer.name {
            None => (answer.schema)(),
            Some(name) if answer.media == EVENTS => {
                self.named.entry(name).or_insert_with(|| event(&(answer.schema)()));
                json!({"$ref": format!("{COMPONENTS}{name}")})
            }
            Some(name) => {
                self.named.entry(name).or_insert_with(answer.schema);
                json!({"$ref": format!("{COMPONENTS}{name}")})
            }
        };
        let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
        if has_body {
            headers[IGNORED_FIELDS_HEADER] = json!({"$ref": "#/components/headers/IgnoredFields"});
        }
        let description = answer.status.canonical_reason().unwrap_or_default();
        let response = responses.entry(answer.status.as_str()).or_insert_with(
            || json!({"description": description, "headers": headers, "content": {}}),
        );
        response["content"][answer.media] = json!({"schema": schema});
    }

    fn problem(&mut self, dialect: Dialect, status: u16, meaning: &str) -> Value {
        let name = problems::name(dialect);
        self.named.entry(name).or_insert_with(|| problems::schema(dialect));
        let mut headers = json!({"x-request-id": {"$ref": "#/components/headers/RequestId"}});
        if [429, 503, 529].contains(&status) {
            headers["retry-after"] = json!({"$ref": "#/components/headers/RetryAfter"});
        }
        json!({
            "description": meaning,
            "headers": headers,
            "content": {"application/json": {"schema": {"$ref": format!("{COMPONENTS}{name}")}}},
        })
    }
}

/// An event whose data is JSON of a shape, or the word that ends a stream.
fn event(data: &Value) -> Value {
    let json = json!({
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": data,
    });
    shapes::object([
        ("event?", shapes::text()),
        ("data", shapes::either([shapes::word("[DONE]"), json])),
    ])
}

/// A parameter of a query, which has no null.
fn query(name: &str, mut schema: Value) -> Value {
    let mut parameter = json!({"name": name, "in": "query", "required": false});
    if let Value::Object(fields) = &mut schema {
        if let Some(description) = fields.remove("description") {
            parameter["description"] = description;
        }
        if let Some(Value::Array(kinds)) = fields.get_mut("type") {
            kinds.retain(|kind| kind != "null");
        }
        if let Some(Value::Array(values)) = fields.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    parameter["schema"] = schema;
    parameter
}

/// The names that a path has places for.
fn in_path(path: &str) -> impl Iterator<Item = Value> {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names.map(|name| {
        let name = name.trim_start_matches('*');
        let schema = json!({"type": "string", "minLength": 1});
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    })
}

/// A name for code that is made from the document: `post_v1_chat_completions`.
fn operation_id(method: &Method, path: &str) -> String {
    let parts = path.split(['/', '.', '-', '{', '}', '*']).filter(|part| !part.is_empty());
    let mut id = method.as_str().to_ascii_lowercase();
    for part in parts {
        id.push('_');
        id.push_str(part);
    }
    id
}
