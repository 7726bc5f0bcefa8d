//! The measured process: a few steps, then their speed and the peak of its memory.

use super::shape::{RandomBlocks, llama_1b};
use super::task::{Kind, Task};
use crate::bench::infer::SEED;
use crate::models::{BoxError, LanguageModel};
use crate::output::print_line;
use camino::Utf8Path;
use catena_kernels::Pool;
use catena_model::training::{
    LoraConfig, Method, Recompute, Task as ModelTask, TrainBatch, TrainModel, TrainOptions,
    WeightSource,
};
use catena_model::{ModelConfig, ModelError};
use catena_pipeline::memory::peak_bytes;
use catena_train::{
    AdamWConfig, ClipGradNorm, OptimizerConfig, RunConfig, Updater, trained_tensors,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;

/// Steps whose time counts, the middle one being the figure, after one that warms up.
const STEPS: usize = 3;
const RANK: usize = 16;
/// What training all weights may take.
const MOST_BYTES: usize = 2_000_000_000;
/// What it may take where the optimizer runs in the backward pass: a third of what PyTorch's fastest
/// way took on the machine of the table, with room for what a plan cannot see.
const MOST_FUSED_BYTES: usize = 1_120_000_000;
/// What of either the program takes itself.
const PROGRAM_BYTES: usize = 48 << 20;

/// What the process prints.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) tokens_per_second: f64,
    pub(super) peak_bytes: u64,
}

/// Measures a task in this process and prints the figures.
pub(super) fn measure(task: Task, model: &Utf8Path, pool: &Arc<Pool>) -> Result<(), BoxError> {
    let mut trained = match task.kind {
        Kind::Qlora => {
            let (config, source) = (llama_1b()?, RandomBlocks::new(SEED));
            build(task, &config, &source, pool.clone())?
        }
        Kind::Lora | Kind::Answers | Kind::Full | Kind::Fused => {
            let model = LanguageModel::open_base(model)?;
            build(task, model.checkpoint.config(), &model.checkpoint, pool.clone())?
        }
    };
    let mut updater = Updater::new(&run_config(task), trained.params());
    let mut times = Vec::new();
    for step in 0..=STEPS {
        let batch = batch(task, trained.vocab_size(), step as u64);
        let supervised = batch.labels.iter().flatten().count();
        let start = Instant::now();
        trained.zero_grads();
        trained.forward_backward(&batch, 1.0 / supervised as f32)?;
        updater.update(&mut trained, pool, 1e-5);
        times.push(start.elapsed().as_secs_f64());
    }
    let counted = &mut times[1..];
    counted.sort_by(f64::total_cmp);
    let tokens = (task.sequences * task.tokens) as f64;
    let measured = Measured {
        tokens_per_second: tokens / counted[counted.len() / 2],
        peak_bytes: peak_bytes(),
    };
    print_line(&serde_json::to_string(&measured)?);
    Ok(())
}

fn build(
    task: Task,
    config: &ModelConfig,
    source: &dyn WeightSource,
    pool: Arc<Pool>,
) -> Result<TrainModel, BoxError> {
    let names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    let lora = LoraConfig {
        r: RANK,
        lora_alpha: 32.0,
        use_rslora: false,
        target_modules: names.map(str::to_owned).to_vec(),
        seed: SEED,
    };
    let method = if task.is_full() { Method::Full } else { Method::Lora(lora) };
    let mut options = TrainOptions {
        keep_blocks: task.kind == Kind::Qlora,
        optimizer_in_backward: task.kind == Kind::Fused,
        ..TrainOptions::new(task.sequences * task.tokens)
    };
    options.recompute = match task.kind {
        Kind::Lora | Kind::Answers => Recompute::Off,
        Kind::Qlora => Recompute::All,
        Kind::Full | Kind::Fused => {
            let fused = task.kind == Kind::Fused;
            let most = if fused { MOST_FUSED_BYTES } else { MOST_BYTES };
            let layers = 0..config.num_hidden_layers;
            let mut recompute = Recompute::All;
            for again in layers.map(Recompute::Layers) {
                options.recompute = again;
                if bytes(task, config, source, (&method, &options), &pool)? <= most {
                    recompute = again;
                    break;
                }
            }
            recompute
        }
    };
    Ok(TrainModel::decoder(config, source, ModelTask::LanguageModel, &method, &options, pool)?)
}

/// Eight bits for the states of all weights, and norms of gradients by tensor where the optimizer
/// runs in the backward pass; else one norm.
fn run_config(task: Task) -> RunConfig {
    let adamw = AdamWConfig::default();
    let (optimizer, clip_grad_norm) = match task.kind {
        Kind::Full => (OptimizerConfig::AdamW8bit(adamw), ClipGradNorm::Global),
        Kind::Fused => (OptimizerConfig::AdamW8bit(adamw), ClipGradNorm::PerTensor),
        Kind::Lora | Kind::Answers | Kind::Qlora => {
            (OptimizerConfig::AdamW(adamw), ClipGradNorm::Global)
        }
    };
    RunConfig { optimizer, clip_grad_norm, max_grad_norm: 1.0, ..RunConfig::default() }
}

/// What training takes with these options, the optimizer and the program with it.
fn bytes(
    task: Task,
    config: &ModelConfig,
    source: &dyn WeightSource,
    (method, options): (&Method, &TrainOptions),
    pool: &Arc<Pool>,
) -> Result<usize, ModelError> {
    let (of, pool) = (ModelTask::LanguageModel, pool.clone());
    let plan = TrainModel::plan_decoder(config, source, of, method, options, pool)?;
    let optimizer = run_config(task).optimizer.bytes(&trained_tensors(&plan.params, 1.0));
    Ok(PROGRAM_BYTES + plan.memory.peak() + optimizer)
}

/// Random tokens, each sequence predicting its own next one.
fn batch(task: Task, vocab_size: usize, step: u64) -> TrainBatch {
    let vocab = u32::try_from(vocab_size).unwrap_or(u32::MAX);
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(step);
    let mut batch = TrainBatch::default();
    let first = if task.kind == Kind::Answers { task.tokens / 4 * 3 } else { 0 };
    for _ in 0..task.sequences {
        let start = batch.tokens.len();
        batch.seq_starts.push(start);
        batch.tokens.extend((0..task.tokens).map(|_| rng.random_range(0..vocab)));
        let next = |at: usize| batch.tokens.get(start + at + 1).copied();
        let labels: Vec<_> =
            (0..task.tokens).map(|at| (at >= first).then(|| next(at)).flatten()).collect();
        batch.labels.extend(labels);
    }
    batch
}
