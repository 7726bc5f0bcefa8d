//! The stages of a knowledge project, in the order they run.
//!
//! ```text
//! data ─► index ─► retrieval
//!   └───────┴────► synth ─► evaluate-base
//!                    └────► train ─► merge ─► evaluate-tuned
//!                                      └────► quantize ─► evaluate-quantized
//! ```

mod data;
mod evaluate;
mod index;
mod inputs;
mod merge;
mod quantize;
mod retrieval;
mod synth;
mod train;

pub(crate) use inputs::{Inputs, ModelInput};
pub(crate) use quantize::gguf_file;
pub(crate) use synth::HELDOUT_FILE;
pub(crate) use train::METRICS_FILE;

use catena_pipeline::{Stage, Summary};
use evaluate::{Evaluate, Subject};
use std::fmt::Display;
use std::sync::Arc;

/// Every stage over `inputs`.
pub(crate) fn all(inputs: &Arc<Inputs>) -> Vec<Box<dyn Stage>> {
    vec![
        Box::new(data::Data(inputs.clone())),
        Box::new(index::BuildIndex(inputs.clone())),
        Box::new(retrieval::Retrieval(inputs.clone())),
        Box::new(synth::Synth(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Base }),
        Box::new(train::Train(inputs.clone())),
        Box::new(merge::Merge(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Tuned }),
        Box::new(quantize::Quantize(inputs.clone())),
        Box::new(Evaluate { inputs: inputs.clone(), subject: Subject::Quantized }),
    ]
}

/// A setting under its key in `catena.toml`.
fn setting(key: &str, value: impl Display) -> (String, String) {
    (key.to_owned(), value.to_string())
}

/// A file or model under its role, by digest.
fn digest_setting(role: &str, digest: &str) -> (String, String) {
    (role.to_owned(), digest.to_owned())
}

/// A summary from a JSON object.
fn summary(object: serde_json::Value) -> Summary {
    let serde_json::Value::Object(map) = object else {
        panic!("a summary is a JSON object, this is {object}")
    };
    map
}
