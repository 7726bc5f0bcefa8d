//! How long a constraint takes to say which tokens may come next.

use super::command::Subject;
use crate::bench::cells::{Named, Samples, percentile};
use crate::models::BoxError;
use catena_engine::{Constraint, ConstraintProbe};
use serde_json::{Value, json};
use std::time::Instant;

const P50: &str = "infer/mask/p50";
const P99: &str = "infer/mask/p99";
/// Walks through the documents: of a hundred figures the highest is chance.
const WALKS: usize = 8;

/// The names of its cells.
pub(super) fn cells() -> Vec<Named> {
    [P50, P99].map(|name| Named::less(name, "µs")).into()
}

/// The mask before every token of documents that the schema allows.
pub(super) fn round(subject: &Subject<'_>, samples: &mut Samples) -> Result<(), BoxError> {
    let constraint = Constraint::JsonSchema(schema());
    let vocabulary = subject.model.codec.vocabulary();
    let mut times = Vec::new();
    for document in (0..WALKS).flat_map(|_| documents()) {
        let tokens = subject.model.tokenizer().encode(&document.to_string(), false, false)?;
        let mut probe = ConstraintProbe::new(vocabulary, &constraint)?;
        for token in tokens {
            let start = Instant::now();
            probe.mask()?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
            probe.advance(token)?;
        }
    }
    samples.push(P50, percentile(&times, 50));
    samples.push(P99, percentile(&times, 99));
    Ok(())
}

/// Texts, numbers, choices, a list and an object within: what extraction and tool calls ask for.
fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "customer": {
                "type": "object",
                "properties": {
                    "email": { "type": "string", "pattern": "^[a-z.]{1,40}@[a-z]{1,20}\\.org$" },
                    "name": { "type": "string", "minLength": 1, "maxLength": 80 },
                },
                "required": ["email", "name"],
                "additionalProperties": false,
            },
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 20,
                "items": {
                    "type": "object",
                    "properties": {
                        "count": { "type": "integer", "minimum": 1, "maximum": 999 },
                        "price": { "type": "number" },
                        "title": { "type": "string" },
                    },
                    "required": ["count", "price", "title"],
                    "additionalProperties": false,
                },
            },
            "note": { "type": ["string", "null"] },
            "state": { "enum": ["open", "paid", "sent", "returned"] },
        },
        "required": ["customer", "items", "note", "state"],
        "additionalProperties": false,
    })
}

fn documents() -> [Value; 2] {
    [
        json!({
            "customer": { "email": "tomas.berg@saltmere.org", "name": "Tomas Berg" },
            "items": [
                { "count": 12, "price": 8.5, "title": "Tickets for the boat to the lighthouse" },
                { "count": 3, "price": 129, "title": "A lens of \"clear\" glass, 40 cm" },
            ],
            "note": null,
            "state": "paid",
        }),
        json!({
            "customer": { "email": "anna@library.org", "name": "Anna Keßler" },
            "items": [{ "count": 1, "price": 0.25, "title": "Copies of the diary, volume 7" }],
            "note": "Please send them to the harbour office, which is open until noon.",
            "state": "open",
        }),
    ]
}
