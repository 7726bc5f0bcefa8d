//! The document about the routes, and its page.

use crate::support::{Server, start};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"];

fn get(server: &Server, path: &str) -> crate::support::Answer {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer
}

/// The methods of each path, as the document has them.
fn documented(document: &Value) -> BTreeMap<&str, BTreeSet<String>> {
    let methods = |value: &Value| {
        let methods = value.as_object().expect("methods").keys();
        methods.map(|method| method.to_uppercase()).collect()
    };
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().map(|(path, value)| (path.as_str(), methods(value))).collect()
}

#[test]
fn the_document_and_the_router_have_the_same_routes() {
    let server = start();
    let document = get(&server, "/openapi.json").json();
    assert_eq!(document, catena_serve::document());
    let documented = documented(&document);
    let paths: Vec<String> =
        catena_serve::paths().iter().map(|path| path.replace("{*", "{")).collect();
    assert_eq!(documented.keys().copied().collect::<BTreeSet<_>>(), {
        paths.iter().map(String::as_str).collect::<BTreeSet<_>>()
    });
    for (path, known) in &documented {
        let concrete = path.replace(['{', '}'], "");
        for method in METHODS {
            let answer = server.send(method, &concrete, &[], "");
            let is_known = known.contains(method);
            assert_eq!(answer.status != 405, is_known, "{method} {path}: {}", answer.status);
            if !is_known {
                let allowed = answer.header("allow").expect("the methods that are taken");
                let mut allowed: BTreeSet<String> = allowed.split(',').map(str::to_owned).collect();
                allowed.remove("HEAD");
                assert_eq!(&allowed, known, "{method} {path}");
                assert!(answer.json().is_object(), "{method} {path}");
            }
        }
    }
}

#[test]
fn addresses_that_cannot_be_read_are_refused_in_the_protocols_form() {
    let server = start();
    for path in ["/v1/responses/%ff", "/v1/files?limit=many", "/v1/models/%ff"] {
        let answer = server.get(path);
        let told = (answer.status, answer.json()["error"]["code"].clone());
        assert_eq!(told, (400, Value::from("invalid_address")), "{path}");
    }
}

#[test]
fn the_page_loads_its_own_parts_only() {
    let server = start();
    let page = get(&server, "/docs");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!page.text.contains("://"), "the page names another host");
    let quoted = page.text.split('"').skip(1).step_by(2);
    let parts: Vec<&str> = quoted.filter(|value| value.starts_with("/docs/")).collect();
    assert!(parts.len() >= 2, "{parts:?}");
    for part in parts {
        let text = get(&server, part).text;
        for import in text.split(" from './").skip(1) {
            let name = import.split('\'').next().expect("a name");
            get(&server, &format!("/docs/{name}"));
        }
    }
    assert_eq!(server.get("/docs/nothing.js").status, 404);
}
