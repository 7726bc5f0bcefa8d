//! The training step against PEFT's numbers, against differences of its own loss, and against
//! itself.

#![expect(clippy::cast_possible_truncation, reason = "tests mix f64 references with f32 values")]

mod derivative;
mod golden;
mod refusals;

use std::sync::Arc;

use catena_kernels::{DenseType, Pool};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{LoraConfig, TrainBatch, TrainModel, TrainingError};
use crate::{ModelConfig, ModelError};

/// A tiny decoder that no file holds: odd widths where they are allowed, untied head.
fn tiny_config() -> ModelConfig {
    ModelConfig {
        hidden_size: 36,
        intermediate_size: 50,
        num_attention_heads: 6,
        num_key_value_heads: 2,
        vocab_size: 75,
        max_position_embeddings: 128,
        norm_eps: 1e-5,
        ..ModelConfig::plain(10, 3)
    }
}

fn lora(r: usize, targets: &[&str]) -> LoraConfig {
    let target_modules = targets.iter().map(|&name| name.to_owned()).collect();
    LoraConfig { r, lora_alpha: 2.0 * r as f32, target_modules, seed: 7 }
}

/// A tiny model with random weights, and a random adapter so that no gradient is zero.
fn tiny_model(lora: &LoraConfig, dtype: DenseType, threads: usize) -> TrainModel {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut weight = |name: &str, shape: &[usize]| -> Result<Vec<f32>, ModelError> {
        let fan_in = shape[shape.len() - 1] as f32;
        let draw = |_| {
            let x = rng.random_range(-1.0f32..1.0);
            if name.contains("norm") { 1.0 + 0.3 * x } else { x * (3.0 / fan_in).sqrt() }
        };
        Ok((0..shape.iter().product()).map(draw).collect())
    };
    let pool = Arc::new(Pool::new(threads));
    let config = tiny_config();
    let mut model = TrainModel::from_weights(&config, lora, 64, pool, dtype, &mut weight).unwrap();
    for value in model.values_mut() {
        *value = rng.random_range(-0.2f32..0.2);
    }
    model.refresh();
    model
}

/// Sequences of the given lengths with about two thirds of the positions supervised.
fn batch(lens: &[usize], seed: u64) -> TrainBatch {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut batch = TrainBatch::default();
    for &len in lens {
        batch.seq_starts.push(batch.tokens.len());
        for _ in 0..len {
            batch.tokens.push(rng.random_range(0..75));
            batch.labels.push(rng.random_bool(0.7).then(|| rng.random_range(0..75)));
        }
    }
    batch
}
