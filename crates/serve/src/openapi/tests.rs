//! What holds for the document, whatever routes there are.

use crate::body::ApiRequest;
use crate::router::document;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Every object in `value` with the way to it.
fn each<'a>(value: &'a Value, way: &str, look: &mut impl FnMut(&str, &'a Value)) {
    look(way, value);
    match value {
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(idx, item)| each(item, &format!("{way}/{idx}"), look));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| each(value, &format!("{way}/{name}"), look));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    let document = document();
    let mut used = BTreeSet::new();
    each(&document, "", &mut |way, value| {
        if let Some(target) = value.as_object().and_then(|fields| fields.get("$ref")?.as_str()) {
            assert!(document.pointer(&target[1..]).is_some(), "{way}: {target}");
            used.insert(target.to_owned());
        }
    });
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for name in schemas.keys() {
        assert!(used.contains(&format!("#/components/schemas/{name}")), "{name} is not used");
        let ends_plain = name.ends_with(|last: char| last.is_ascii_alphabetic());
        assert!(
            ends_plain,
            "two types want the name of {name}; `#[schemars(rename)]` tells them apart"
        );
    }
}

#[test]
fn every_operation_says_what_it_is() {
    let document = document();
    let mut ids = BTreeSet::new();
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty() && !summary.ends_with('.'), "{method} {path}");
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id), "{id} stands for two operations");
            let is_public = operation["security"].as_array().is_some_and(Vec::is_empty);
            assert_eq!(is_public, operation["responses"]["401"].is_null(), "{method} {path}");
            assert!(operation["responses"]["200"]["content"].is_object(), "{method} {path}");
        }
    }
}

/// Compares the names that [`crate::body::read`] goes by with the members that the type reads. The
/// document's makers call it for every type that they describe.
pub(super) fn check_table<T: ApiRequest>(properties: &Map<String, Value>) {
    let table = || T::KNOWN.iter().chain(T::SHARED);
    for name in properties.keys() {
        let is_known = table().any(|known| known == name);
        assert!(is_known, "{} reads `{name}`, which its table lacks", T::schema_name());
    }
    // An older name, which is not described.
    for name in table().filter(|name| **name != "name") {
        assert!(properties.contains_key(*name), "{} never reads `{name}`", T::schema_name());
    }
}

/// The page is in English and Chinese; it has the document's own words in both.
#[test]
fn every_summary_has_its_words_in_chinese() {
    let words = include_str!("page/words.js");
    let is_there = |text: &str| {
        let quoted = ["'", "\""].map(|quote| format!("{quote}{text}{quote}: '"));
        quoted.iter().any(|key| words.contains(key)) || words.contains(&format!("  {text}: '"))
    };
    let document = document();
    let operations = document["paths"].as_object().expect("paths").values();
    for operation in operations.flat_map(|methods| methods.as_object().expect("methods").values()) {
        let answers = operation["responses"].as_object().expect("responses").values();
        let texts = answers.map(|answer| &answer["description"]).chain([&operation["summary"]]);
        for text in texts.filter_map(Value::as_str) {
            assert!(is_there(text), "`{text}` needs a line in openapi/page/words.js");
        }
    }
}
