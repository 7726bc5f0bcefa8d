//! The identity of a stage's result.

use crate::stage::Stage;
use catena_store::Hasher;
use std::collections::BTreeMap;

/// Fingerprint of `stage` over its name, version, settings and its inputs' fingerprints.
///
/// Every field goes in with its length, so no two lists of fields give the same bytes.
pub(crate) fn fingerprint(stage: &dyn Stage, upstream: &BTreeMap<&'static str, String>) -> String {
    let mut hasher = Hasher::new();
    let mut field = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    field(stage.name());
    field(&stage.version().to_string());
    let settings = stage.settings();
    field(&settings.len().to_string());
    for (key, value) in &settings {
        field(key);
        field(value);
    }
    for name in stage.inputs() {
        field(name);
        field(&upstream[name]);
    }
    hasher.finish().to_hex()
}
