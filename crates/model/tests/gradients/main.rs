//! Gradients of every tensor of every family that training knows, against torch's autograd through
//! `transformers` and PEFT: `tests/golden/make_gradients.py` made the numbers.
//!
//! A golden holds the norm of a gradient and its projections on two vectors of signs, so a tensor
//! that is turned, cut or shuffled otherwise than the loader does it shows.

#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests: f64 references are mixed with f32 values, and what fails shall panic"
)]

mod decoders;
mod digest;
mod encoders;
mod heads;
mod lora;

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;
use catena_kernels::{DenseType, Pool};
use catena_model::training::{Recompute, TrainBatch, TrainOptions};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A batch as the goldens have it.
#[derive(Deserialize)]
struct Batch {
    tokens: Vec<u32>,
    labels: Vec<Option<u32>>,
    seq_starts: Vec<usize>,
    #[serde(default)]
    token_types: Vec<u32>,
}

impl Batch {
    fn of(&self, typed: bool) -> TrainBatch {
        TrainBatch {
            tokens: self.tokens.clone(),
            labels: self.labels.clone(),
            seq_starts: self.seq_starts.clone(),
            token_types: if typed { self.token_types.clone() } else { Vec::new() },
            ..TrainBatch::default()
        }
    }

    fn supervised(&self) -> usize {
        self.labels.iter().flatten().count()
    }
}

/// What a golden says of its models, each trained on the same batch.
#[derive(Deserialize)]
struct Golden<M> {
    batch: Batch,
    /// Of the heads, where there are some.
    #[serde(default)]
    labels: usize,
    models: BTreeMap<String, M>,
}

fn folder(path: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

fn golden<T: DeserializeOwned>(name: &str) -> T {
    let path = folder(&format!("gradients/{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Everything in f32, every other layer computed again.
fn options() -> TrainOptions {
    TrainOptions {
        dtype: DenseType::F32,
        frozen: DenseType::F32,
        recompute: Recompute::Layers(1),
        ..TrainOptions::new(64)
    }
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(2))
}
