//! The training step against PEFT's numbers, against differences of its own loss, and against
//! itself.

#![expect(clippy::cast_possible_truncation, reason = "tests mix f64 references with f32 values")]

mod adapters;
mod beginnings;
mod decomposition;
mod derivative;
mod experts;
mod families;
mod golden;
mod gradient;
mod latent;
mod methods;
mod next;
mod parts;
mod refusals;
mod tasks;
mod turns;

use std::sync::Arc;

use catena_kernels::{DenseType, Pool};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    LoraConfig, Method, Recompute, Task, TrainBatch, TrainModel, TrainOptions, TrainingError,
    WeightSource,
};
use crate::checkpoint::{Weight, WeightData};
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

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn lora(r: usize, targets: &[&str]) -> LoraConfig {
    let target_modules = names(targets);
    LoraConfig { r, lora_alpha: 2.0 * r as f32, use_rslora: false, target_modules, seed: 7 }
}

/// Random weights, each from its name.
struct Random;

impl WeightSource for Random {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let mut rng = super::source::generator(1, name);
        let fan_in = shape[shape.len() - 1] as f32;
        let draw = |_| {
            let x = rng.random_range(-1.0f32..1.0);
            match shape {
                [_] if name.ends_with("bias") => 0.2 * x,
                [_] => 1.0 + 0.3 * x,
                _ => x * (3.0 / fan_in).sqrt(),
            }
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(draw).collect();
        Ok(Weight { shape: shape.to_vec(), data: WeightData::F32(values.into()) })
    }
}

/// Products and frozen weights of one type, for up to 64 tokens.
fn options(dtype: DenseType) -> TrainOptions {
    TrainOptions { dtype, frozen: dtype, ..TrainOptions::new(64) }
}

/// A model with random weights.
fn random_model(
    config: &ModelConfig,
    method: &Method,
    options: &TrainOptions,
    threads: usize,
) -> TrainModel {
    let pool = Arc::new(Pool::new(threads));
    TrainModel::decoder(config, &Random, Task::LanguageModel, method, options, pool).unwrap()
}

/// A model with the weights of `source`, whose adapter is not what it begins with.
fn moved_model(
    config: &ModelConfig,
    source: &dyn WeightSource,
    method: &Method,
    (recompute, dtype): (Recompute, DenseType),
    threads: usize,
) -> TrainModel {
    let options = TrainOptions { recompute, ..options(dtype) };
    let (task, pool) = (Task::LanguageModel, Arc::new(Pool::new(threads)));
    let mut model = TrainModel::decoder(config, source, task, method, &options, pool).unwrap();
    if method.is_beside() {
        move_values(&mut model, 1);
    }
    model
}

/// Moves all values a little, each its own way.
fn move_values(model: &mut TrainModel, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for value in model.values_mut() {
        *value += rng.random_range(-0.1f32..0.1);
    }
}

/// A tiny model with random weights, and a random adapter so that no gradient is zero.
fn tiny_model(lora: &LoraConfig, dtype: DenseType, threads: usize) -> TrainModel {
    let method = Method::Lora(lora.clone());
    let mut model = random_model(&tiny_config(), &method, &options(dtype), threads);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for value in model.values_mut() {
        *value = rng.random_range(-0.2f32..0.2);
    }
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

/// The sequences of a batch, each in a batch of its own.
fn separate(whole: &TrainBatch) -> Vec<TrainBatch> {
    let ends = whole.seq_starts.iter().skip(1).copied().chain([whole.tokens.len()]);
    let one = |(&start, end): (&usize, usize)| TrainBatch {
        tokens: whole.tokens[start..end].to_vec(),
        labels: whole.labels[start..end].to_vec(),
        seq_starts: vec![0],
        ..TrainBatch::default()
    };
    whole.seq_starts.iter().zip(ends).map(one).collect()
}
