//! What is named, and how much of it.

use super::query::unread;
use super::{IGNORED_FIELDS_HEADER, Ignored, find};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::response::Response;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Order {
    name: String,
    items: Vec<Item>,
    payment: Option<Payment>,
    labels: Map<String, Value>,
    note: Value,
    parcels: Option<Content>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is asked for")]
struct Item {
    id: u32,
    parts: Option<Vec<Item>>,
}

#[derive(JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is asked for")]
enum Payment {
    Cash,
    Card { number: String },
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is asked for")]
enum Content {
    Text(String),
    Boxes(Vec<Item>),
    One(Item),
}

/// What is named of `body`.
fn named(body: &Value) -> String {
    let fields = body.as_object().expect("an object");
    let known = ["name", "items", "payment", "labels", "note", "parcels", "apart"];
    told(&find::<Order>(fields, |name| known.contains(&name), &["apart"]))
}

fn told(ignored: &Ignored) -> String {
    let response = ignored.tell(Response::new(Body::empty()));
    let header = response.headers().get(IGNORED_FIELDS_HEADER);
    header.map(|value| value.to_str().expect("a text").to_owned()).unwrap_or_default()
}

#[track_caller]
fn check(body: &Value, expected: &str) {
    assert_eq!(named(body), expected, "{body}");
}

#[test]
fn fields_are_named_by_the_way_to_them() {
    check(&json!({"name": "a", "items": [{"id": 1, "parts": [{"id": 2}]}]}), "");
    check(&json!({"colour": 1, "items": [{"id": 1, "size": 2}]}), "colour, items[].size");
    let nested = json!({"items": [{"id": 1, "parts": [{"id": 2, "size": {"x": 1}}]}]});
    check(&nested, "items[].parts[].size");
    // Each once, however often it stands there.
    check(
        &json!({"items": [{"size": 1}, {"size": 2}, {"weight": 3}]}),
        "items[].size, items[].weight",
    );
    // What asks for nothing, what may hold anything, and what is read by others.
    check(&json!({"items": [{"size": null, "labels": []}]}), "");
    check(&json!({"labels": {"any": {"thing": 1}}, "note": {"any": 1}, "apart": {"x": 1}}), "");
}

#[test]
fn of_alternatives_the_one_counts_that_fits() {
    check(&json!({"payment": {"type": "card", "number": "1"}}), "");
    check(&json!({"payment": {"type": "cash", "number": "1"}}), "payment.number");
    check(&json!({"payment": {"type": "card", "number": "1", "name": "a"}}), "payment.name");
    check(&json!({"parcels": "text"}), "");
    check(&json!({"parcels": [{"id": 1, "x": 2}]}), "parcels[].x");
    check(&json!({"parcels": {"id": 1, "x": 2}}), "parcels.x");
}

#[test]
fn names_are_bounded_in_number_and_length() {
    let many: Map<String, Value> = (0..1000).map(|idx| (format!("f{idx}"), json!(1))).collect();
    let told = named(&json!({ "payment": {"type": "cash"}, "items": [many] }));
    assert_eq!(told.split(", ").count(), 17, "{told}");
    assert!(told.starts_with("items[].f0, items[].f1, ") && told.ends_with(", ..."), "{told}");
    let long = named(&json!({"x".repeat(5000): 1, "a,b\r\nc\u{e9}": 1}));
    assert_eq!(long, format!("{}, a?b??c?", "x".repeat(128)));
}

#[test]
fn parameters_of_the_query_are_named_behind_the_fields() {
    let known = ["after".to_owned(), "limit".to_owned()];
    assert_eq!(told(&unread("", &known)), "");
    assert_eq!(told(&unread("after=x&limit=1", &known)), "");
    assert_eq!(told(&unread("beta=true&limit=1&&order", &known)), "?beta, ?order");
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(IGNORED_FIELDS_HEADER, HeaderValue::from_static("user"));
    let response = unread("beta", &known).tell(response);
    assert_eq!(response.headers()[IGNORED_FIELDS_HEADER], "user, ?beta");
}
