//! Loss curves of twenty steps against the trainers of transformers, TRL and sentence-transformers:
//! `tests/golden/make_trajectories.py` made them, on the tiny checkpoints of `catena-model`.
//!
//! The order of samples is a trainer's own; here the objective, the optimizer and the schedule are
//! driven as [`catena_train::Trainer`] drives them, with the samples in the order of the golden.

#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests: f64 references are mixed with f32 values, and what fails shall panic"
)]

#[path = "../invariants/blocks.rs"]
mod blocks;
mod drive;
mod heads;
mod language;
mod optimizers;
mod preference;
mod samples;

use std::sync::Arc;

use camino::Utf8PathBuf;
use catena_kernels::{DenseType, Pool};
use catena_model::Checkpoint;
use catena_model::encoder::EncoderWeights;
use catena_model::training::{
    FreezeConfig, LoraConfig, Method, ParamKind, Task, TrainModel, TrainOptions, WeightSource,
};

/// Longest batch of a test.
const MAX_TOKENS: usize = 512;

fn folder(name: &str) -> Utf8PathBuf {
    let model = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../model");
    model.join("tests/golden").join(name)
}

fn options() -> TrainOptions {
    TrainOptions { dtype: DenseType::F32, frozen: DenseType::F32, ..TrainOptions::new(MAX_TOKENS) }
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

/// A decoder of which everything is trained; the tensors of a head are drawn as the golden's.
fn decoder(name: &str, task: Task) -> TrainModel {
    let checkpoint = Checkpoint::open(&folder(name)).unwrap();
    let (config, method) = (checkpoint.config(), Method::Full);
    let mut model =
        TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap();
    if task != Task::LanguageModel {
        draw(&mut model, |name, _| name.starts_with("score"));
    }
    model
}

/// The layers, projections and whole modules of the golden's `freeze`.
fn last_layer(name: &str) -> TrainModel {
    let checkpoint = Checkpoint::open(&folder(name)).unwrap();
    let method = Method::Freeze(FreezeConfig {
        layers: vec![1],
        modules: Vec::new(),
        extra_modules: vec!["norm".to_owned()],
    });
    let (config, task) = (checkpoint.config(), Task::LanguageModel);
    TrainModel::decoder(config, &checkpoint, task, &method, &options(), pool()).unwrap()
}

/// Low-rank pairs as the golden has them.
fn pairs(targets: &[&str]) -> Method {
    Method::Lora(LoraConfig {
        r: 4,
        lora_alpha: 8.0,
        use_rslora: false,
        target_modules: targets.iter().map(|&target| target.to_owned()).collect(),
        seed: 0,
    })
}

/// All projections of most decoders, and those of latent attention.
const TARGETS: [&str; 7] =
    ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const LATENT: [&str; 5] = ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"];

/// A decoder with low-rank pairs beside projections, the first of each drawn as the golden's.
fn with_lora(name: &str, targets: &[&str]) -> TrainModel {
    with_lora_on(name, &Checkpoint::open(&folder(name)).unwrap(), targets)
}

/// The same with frozen weights of `source`.
fn with_lora_on(name: &str, source: &dyn WeightSource, targets: &[&str]) -> TrainModel {
    let checkpoint = Checkpoint::open(&folder(name)).unwrap();
    let method = pairs(targets);
    let (config, task) = (checkpoint.config(), Task::LanguageModel);
    let mut model = TrainModel::decoder(config, source, task, &method, &options(), pool()).unwrap();
    draw(&mut model, |_, kind| kind == ParamKind::LoraA);
    model
}

/// An encoder with low-rank pairs beside its attention, as PEFT names them.
fn encoder_with_lora(name: &str, task: Task) -> TrainModel {
    let weights = EncoderWeights::open(&folder(&format!("encoders/{name}")), pool()).unwrap();
    let method = pairs(&["query", "key", "value", "attention.output.dense"]);
    let mut model = TrainModel::encoder(&weights, task, &method, &options(), pool()).unwrap();
    draw(&mut model, |_, kind| kind == ParamKind::LoraA);
    model
}

fn encoder(name: &str, task: Task) -> TrainModel {
    let weights = EncoderWeights::open(&folder(&format!("encoders/{name}")), pool()).unwrap();
    TrainModel::encoder(&weights, task, &Method::Full, &options(), pool()).unwrap()
}

/// Gives new tensors values within -0.1 and 0.1 by their names.
fn draw(model: &mut TrainModel, is_new: impl Fn(&str, ParamKind) -> bool) {
    for param in model.params().to_vec() {
        if is_new(&param.name, param.kind) {
            let seed = param.name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |seed, byte| {
                (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            for (value, index) in model.values_mut()[param.range].iter_mut().zip(0..) {
                let bits = splitmix64(seed, index) >> 40;
                *value = (bits as f32 / f32::from_bits(0x4b00_0000) - 1.0) * 0.1;
            }
        }
    }
}

fn splitmix64(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
