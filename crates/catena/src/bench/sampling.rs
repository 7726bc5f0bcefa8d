//! How tokens are chosen where a measurement says that they are sampled, by us and by the peers.

use catena_engine::SamplingParams;
use serde_json::{Value, json};

const TEMPERATURE: f32 = 0.8;
const TOP_K: usize = 40;
const TOP_P: f32 = 0.95;
const MIN_P: f32 = 0.05;

/// For us: so many tokens, never fewer.
pub(crate) fn sampled(max_new_tokens: usize, seed: u64) -> SamplingParams {
    SamplingParams {
        max_new_tokens,
        temperature: TEMPERATURE,
        top_k: Some(TOP_K),
        top_p: TOP_P,
        min_p: MIN_P,
        seed,
        ignore_eos: true,
        ..SamplingParams::default()
    }
}

/// The same for the peers.
pub(crate) fn for_peers() -> Value {
    json!({ "temperature": TEMPERATURE, "top_k": TOP_K, "top_p": TOP_P, "min_p": MIN_P })
}

/// The same in words.
pub(crate) fn in_words() -> String {
    format!("temperature {TEMPERATURE}, top-k {TOP_K}, top-p {TOP_P}, min-p {MIN_P}")
}
