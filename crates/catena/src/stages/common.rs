//! What every stage says about itself in the same words.

use catena_pipeline::Summary;
use std::fmt::Display;

/// A setting under its key in `catena.toml`.
pub(super) fn setting(key: &str, value: impl Display) -> (String, String) {
    (key.to_owned(), value.to_string())
}

/// A file or model under its role, by digest.
pub(super) fn digest_setting(role: &str, digest: &str) -> (String, String) {
    (role.to_owned(), digest.to_owned())
}

/// A summary from a JSON object.
pub(super) fn summary(object: serde_json::Value) -> Summary {
    let serde_json::Value::Object(map) = object else {
        panic!("a summary is a JSON object, this is {object}")
    };
    map
}
