//! Log-probabilities on the wire.

use crate::openapi::shapes::{count, list, number, object, text};
use catena_engine::{TokenEvent, Vocabulary};
use serde_json::{Value, json};

/// One entry of a chat completion's `logprobs.content`.
pub(crate) fn token_logprobs(vocabulary: &Vocabulary, token: &TokenEvent) -> Value {
    let alternatives: Vec<Value> = token
        .top_logprobs
        .iter()
        .map(|alternative| entry(vocabulary, alternative.token, alternative.logprob))
        .collect();
    let mut chosen = entry(vocabulary, token.token, token.logprob.unwrap_or(f32::NAN));
    chosen["top_logprobs"] = Value::Array(alternatives);
    chosen
}

fn entry(vocabulary: &Vocabulary, token: u32, logprob: f32) -> Value {
    let bytes = vocabulary.token_bytes(token);
    json!({"token": token_text(vocabulary, token), "logprob": finite(logprob), "bytes": bytes})
}

/// A token as readable text.
pub(crate) fn token_text(vocabulary: &Vocabulary, token: u32) -> String {
    String::from_utf8_lossy(vocabulary.token_bytes(token)).into_owned()
}

/// JSON has no infinity: OpenAI writes -9999 for an impossible token.
pub(crate) fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { -9999.0 }
}

/// The schema of an entry of a chat completion's `logprobs.content`.
pub(crate) fn token_logprobs_shape() -> Value {
    let alternative = object([("token", text()), ("logprob", number()), ("bytes", list(count()))]);
    let mut chosen = alternative.clone();
    chosen["properties"]["top_logprobs"] = list(alternative);
    chosen["required"] = json!(["token", "logprob", "bytes", "top_logprobs"]);
    chosen
}
