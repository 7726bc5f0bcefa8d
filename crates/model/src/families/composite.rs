//! Folders of models that also see pictures, of which we run the part that writes.

use serde_json::{Value, json};

use crate::config::JsonKeys;
use crate::error::ModelError;

/// The `model_type` of such folders, and what the keys of their text part are where they are missing:
/// what the class in transformers has.
struct Composite {
    model_type: &'static str,
    defaults: fn() -> Value,
}

static COMPOSITES: &[Composite] = &[
    Composite { model_type: "gemma3", defaults: gemma3_text },
    Composite { model_type: "mistral3", defaults: || json!({}) },
];

/// Parts whose tensors are passed over.
const OTHER_PARTS: &[&str] = &["vision_tower.", "multi_modal_projector."];

/// `Gemma3TextConfig`, on which the folders of Gemma 3 rely.
fn gemma3_text() -> Value {
    json!({
        "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
        "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "max_position_embeddings": 131_072, "sliding_window": 4096, "query_pre_attn_scalar": 256,
        "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0,
    })
}

/// The `model_type`s of folders of several parts.
pub(super) fn composite_types() -> impl Iterator<Item = &'static str> {
    COMPOSITES.iter().map(|composite| composite.model_type)
}

/// The keys of the decoder in a `config.json`; `None` if they are all a decoder's.
///
/// # Errors
/// If those of the part that writes are missing or no object.
pub(crate) fn decoder_keys(keys: &JsonKeys) -> Result<Option<JsonKeys>, ModelError> {
    let model_type = keys.or("model_type", String::new())?;
    let of = |composite: &&Composite| composite.model_type == model_type;
    let Some(composite) = COMPOSITES.iter().find(of) else { return Ok(None) };
    let text: JsonKeys = keys.required_object("text_config")?;
    // Special tokens stand with the whole model.
    let tokens = ["bos_token_id", "eos_token_id", "pad_token_id"];
    let tokens =
        tokens.into_iter().filter_map(|key| Some((key.to_owned(), keys.value(key)?.clone())));
    let text = text.with_missing(tokens);
    let Value::Object(defaults) = (composite.defaults)() else { return Ok(Some(text)) };
    Ok(Some(text.with_missing(defaults)))
}

/// The decoder's name of a tensor of such a folder; nothing for one of another part.
pub(crate) fn decoder_name(stored: &str) -> Option<String> {
    if let Some(name) = stored.strip_prefix("language_model.") {
        return Some(name.to_owned());
    }
    // Since transformers 5.
    if let Some(name) = stored.strip_prefix("model.language_model.") {
        return Some(format!("model.{name}"));
    }
    let part = stored.strip_prefix("model.").unwrap_or(stored);
    let is_other = OTHER_PARTS.iter().any(|other| part.starts_with(other));
    (!is_other).then(|| stored.to_owned())
}
