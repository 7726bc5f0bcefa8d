//! Models, samples and runs that the tests share.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{DenseType, Pool};
use catena_model::Checkpoint;
use catena_model::training::{
    LoraConfig, Method, Recompute, Task, TrainModel, TrainOptions, WeightSource,
};
use catena_protocol::{Cancel, Progress};
use catena_train::{
    AdafactorConfig, AdamWConfig, LionConfig, MuonConfig, OptimizerConfig, RunConfig, Sample, Sft,
    TrainError, Trainer,
};

pub(crate) const MAX_TOKENS: usize = 256;
const VOCABULARY: u32 = 96;

pub(crate) fn folder(name: &str) -> Utf8PathBuf {
    let model = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../model");
    model.join("tests/golden").join(name)
}

pub(crate) fn lora() -> Method {
    let all = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
    Method::Lora(LoraConfig {
        r: 4,
        lora_alpha: 8.0,
        use_rslora: false,
        target_modules: all.map(str::to_owned).to_vec(),
        seed: 3,
    })
}

pub(crate) fn options(dtype: DenseType) -> TrainOptions {
    TrainOptions { dtype, frozen: dtype, ..TrainOptions::new(MAX_TOKENS) }
}

/// A model with weights of its own, or of `source`.
pub(crate) fn model(
    name: &str,
    source: Option<&dyn WeightSource>,
    task: Task,
    method: &Method,
    options: &TrainOptions,
) -> TrainModel {
    let checkpoint = Checkpoint::open(&folder(name)).unwrap();
    let source = source.unwrap_or(&checkpoint);
    let pool = Arc::new(Pool::new(1));
    TrainModel::decoder(checkpoint.config(), source, task, method, options, pool).unwrap()
}

/// A language model in f32.
pub(crate) fn language_model(method: &Method, recompute: Recompute) -> TrainModel {
    let options = TrainOptions { recompute, ..options(DenseType::F32) };
    model("tiny_lora", None, Task::LanguageModel, method, &options)
}

/// Rows of different lengths, of which a different part is supervised.
pub(crate) fn samples(count: usize) -> Vec<Sample> {
    let token = |at: usize| {
        let mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        u32::try_from(mixed).unwrap() % (VOCABULARY - 3) + 3
    };
    let row = |index: usize| {
        let len = 3 + index * 7 % 19;
        let tokens: Vec<u32> = (0..len).map(|at| token(index * 100 + at)).collect();
        let following = |at: usize| (at > index % 3).then(|| tokens.get(at + 1).copied()).flatten();
        let mut labels: Vec<Option<u32>> = (0..len).map(following).collect();
        labels[len - 1] = Some(2);
        Sample { tokens, labels, ..Sample::default() }
    };
    (0..count).map(row).collect()
}

/// Five steps over samples in an order of their own.
pub(crate) fn config() -> RunConfig {
    RunConfig {
        epochs: 2,
        max_steps: Some(5),
        batch_size: 6,
        micro_step_tokens: 40,
        learning_rate: 2e-3,
        warmup_steps: Some(2),
        checkpoint_steps: 1000,
        ..RunConfig::default()
    }
}

/// Trains in a folder, from its checkpoint if it has one.
pub(crate) fn run(
    config: &RunConfig,
    dir: &Utf8Path,
    model: &mut TrainModel,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<f64>, TrainError> {
    let samples = samples(17);
    let mut objective = Sft::new(&samples, MAX_TOKENS)?;
    let pool = Pool::new(1);
    let outcome = Trainer::new(config.clone(), dir, "tiny")?.run(
        model,
        &mut objective,
        None,
        None,
        &pool,
        progress,
        cancel,
    )?;
    Ok(outcome.metrics.iter().map(|step| step.loss).collect())
}

/// All optimizers, with their states.
pub(crate) fn optimizers() -> Vec<OptimizerConfig> {
    let decay = AdamWConfig { weight_decay: 0.01, ..AdamWConfig::default() };
    let adafactor =
        AdafactorConfig { beta1: Some(0.9), scale_parameter: true, ..AdafactorConfig::default() };
    vec![
        OptimizerConfig::AdamW(decay),
        OptimizerConfig::AdamW8bit(decay),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Adafactor(AdafactorConfig::default()),
        OptimizerConfig::Adafactor(adafactor),
        OptimizerConfig::Muon(MuonConfig::default()),
    ]
}

/// Losses and norms of all steps, to the last digit.
pub(crate) fn figures(path: &Utf8Path) -> String {
    std::fs::read_to_string(path.join("metrics.jsonl")).unwrap()
}

pub(crate) fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

/// Distance of two vectors relative to the norm of the second.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let apart: f64 = a.iter().zip(b).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    let norm: f64 = b.iter().map(|&b| square(f64::from(b))).sum();
    assert!(norm > 0.0, "a vector of zeros");
    (apart / norm).sqrt()
}
