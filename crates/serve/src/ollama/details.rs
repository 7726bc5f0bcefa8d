//! What a model is made of, as Ollama tells it.

use crate::models::ModelFiles;
use catena_store::Digest;
use serde_json::{Map, Value, json};

/// A model's digest: that of its files, or of `name` where there are none. Programs cut it short for
/// their users, so that it is never empty.
pub(super) fn digest(files: &ModelFiles, name: &str) -> String {
    if files.digest.is_empty() {
        Digest::of(name.as_bytes()).to_hex()
    } else {
        files.digest.clone()
    }
}

/// `details`; `base` is the model that it is an adapter for.
pub(super) fn details(files: &ModelFiles, base: Option<&str>) -> Value {
    let families: Vec<&str> =
        Some(files.family.as_str()).filter(|f| !f.is_empty()).into_iter().collect();
    json!({
        "parent_model": base.unwrap_or_default(),
        "format": files.format,
        "family": files.family,
        "families": families,
        "parameter_size": short(files.parameters),
        "quantization_level": files.quantization,
    })
}

/// `model_info`: keys of GGUF files, those of the architecture by its name.
pub(super) fn info(files: &ModelFiles, name: &str, max_tokens: usize) -> Map<String, Value> {
    let mut info = Map::new();
    let mut add = |key: String, value: Value| info.insert(key, value);
    add("general.basename".to_owned(), json!(name));
    add("general.context_length".to_owned(), json!(max_tokens));
    if files.parameters > 0 {
        add("general.parameter_count".to_owned(), json!(files.parameters));
    }
    let family = &files.family;
    if !family.is_empty() {
        add("general.architecture".to_owned(), json!(family));
        add(format!("{family}.context_length"), json!(max_tokens));
        if files.embedding_length > 0 {
            add(format!("{family}.embedding_length"), json!(files.embedding_length));
        }
    }
    info
}

/// A large number in short, as Ollama's `HumanNumber` writes it: `1.2B`, `361.82M`; nothing for 0.
fn short(count: u64) -> String {
    const THOUSAND: u64 = 1000;
    const MILLION: u64 = 1000 * THOUSAND;
    const BILLION: u64 = 1000 * MILLION;
    let (unit, letter, decimals) = match count {
        0 => return String::new(),
        BILLION.. => (BILLION, "B", 1),
        MILLION.. => (MILLION, "M", 2),
        THOUSAND.. => (THOUSAND, "K", 0),
        _ => return count.to_string(),
    };
    let decimals = if count.is_multiple_of(unit) { 0 } else { decimals };
    format!("{:.decimals$}{letter}", count as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn numbers_of_parameters_are_written_as_ollama_does() {
        for (count, text) in [
            (0, ""),
            (999, "999"),
            (135_000, "135K"),
            (22_565_376, "22.57M"),
            (137_000_000, "137M"),
            (361_821_120, "361.82M"),
            (3_212_749_888, "3.2B"),
            (70_553_706_560, "70.6B"),
            (7_000_000_000, "7B"),
        ] {
            assert_eq!(short(count), text);
        }
    }
}
