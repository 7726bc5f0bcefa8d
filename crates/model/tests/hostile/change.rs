//! How files are changed.

use rand::seq::IndexedRandom;
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Numbers at the edges of what readers count with.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    31,
    255,
    256,
    65_535,
    65_536,
    1 << 24,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    1 << 62,
    (1 << 63) - 1,
    u64::MAX,
];

/// Changes bytes, mostly among the first `head_bytes`: those that say what the rest is.
pub(crate) fn change_bytes(bytes: &mut Vec<u8>, head_bytes: usize, rng: &mut ChaCha8Rng) {
    for _ in 0..rng.random_range(1..=3) {
        if bytes.is_empty() {
            return;
        }
        let head_bytes = head_bytes.clamp(1, bytes.len());
        let end = if rng.random_bool(0.8) { head_bytes } else { bytes.len() };
        let at = rng.random_range(0..end);
        let len = rng.random_range(1..=64).min(bytes.len() - at);
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 | 3 => {
                let edge = EDGES.choose(rng).expect("there are some").to_le_bytes();
                let width = [1, 2, 4, 8][rng.random_range(0..4)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&edge[..width]);
            }
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..at + len)),
            6 => {
                let again = bytes[at..at + len].to_vec();
                let place = rng.random_range(0..end);
                bytes.splice(place..place, again);
            }
            _ => rng.fill_bytes(&mut bytes[at..at + len]),
        }
    }
}

/// Changes values and keys of a JSON text; now and then its bytes.
pub(crate) fn change_json(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        return change_bytes(bytes, usize::MAX, rng);
    };
    if rng.random_bool(0.1) {
        return change_bytes(bytes, usize::MAX, rng);
    }
    for _ in 0..rng.random_range(1..=3) {
        change_value(&mut value, rng);
    }
    *bytes = serde_json::to_vec(&value).expect("values are JSON");
}

/// Changes something at a random depth of `value`.
fn change_value(value: &mut Value, rng: &mut ChaCha8Rng) {
    let deeper = rng.random_bool(0.9);
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let key = map.keys().nth(rng.random_range(0..map.len())).expect("in range").clone();
            match rng.random_range(0..10) {
                0 => drop(map.remove(&key)),
                1 => {
                    let moved = map.remove(&key).expect("it is there");
                    map.insert(odd_text(rng), moved);
                }
                _ => change_value(&mut map[&key], rng),
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = rng.random_range(0..list.len());
            match rng.random_range(0..8) {
                0 => drop(list.remove(at)),
                1 => list.insert(at, list[at].clone()),
                2 => list.truncate(at),
                _ => change_value(&mut list[at], rng),
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => *value = odd_value(value, rng),
    }
}

/// A value to put in the place of another.
fn odd_value(value: &Value, rng: &mut ChaCha8Rng) -> Value {
    let edge = *EDGES.choose(rng).expect("there are some");
    match (value.as_f64(), rng.random_range(0..12)) {
        (Some(_), 3..=5) if value.is_i64() => {
            json!(value.as_i64().map(|n| n.saturating_add(rng.random_range(-2..=2))))
        }
        (Some(number), 0..=5) => {
            json!(number * [-1.0, 0.5, 2.0, 3.0, 1e30][rng.random_range(0..5)])
        }
        (_, 6) => Value::Null,
        (_, 7) => json!(odd_text(rng)),
        (_, 8) => json!([[edge], -1.5, true]),
        (_, 9) => json!({ "a": { "b": edge }, "type": "default" }),
        (_, 10) => (0..400).fold(json!(1), |inner, _| json!([inner])),
        (None, 0..=2) if value.is_boolean() => json!(value != &json!(true)),
        (_, _) => json!(edge),
    }
}

fn odd_text(rng: &mut ChaCha8Rng) -> String {
    let texts = ["", "llama", "../../x", "\u{0}", "模型", "{{ 1 }}", "0..4", "(a+)+$", "-1"];
    let text = texts[rng.random_range(0..texts.len())];
    if rng.random_bool(0.1) { text.repeat(5000) } else { text.to_owned() }
}
