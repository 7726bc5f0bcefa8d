//! PEFT's numbers: `tests/golden/make_lora_golden.py` made them, PROVENANCE says with what.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use catena_kernels::{AdamW, adamw_step};
use safetensors::SafeTensors;
use serde::Deserialize;

use super::*;
use crate::Checkpoint;
use crate::training::Param;

/// f32 against f32: the sums differ in order only.
const GRADIENT_F32: f64 = 1e-5;
/// Twenty steps of AdamW, whose division by the root of the second moment amplifies small
/// gradients.
const TRAJECTORY_F32: f64 = 1e-4;
/// bf16 operands keep 8 bits: about 2^-8 per product, less where sums average it out.
const GRADIENT_BF16: f64 = 4e-2;
/// AdamW's first step is the sign of the gradient, which rounding flips where it is near zero.
const TRAJECTORY_BF16: f64 = 0.3;
const LOSS_F32: f64 = 1e-5;
const LOSS_BF16: f64 = 1e-2;

#[derive(Deserialize)]
struct Meta {
    r: usize,
    lora_alpha: f32,
    target_modules: Vec<String>,
    adamw: MetaAdamW,
    seq_starts: Vec<usize>,
    tokens: Vec<u32>,
    labels: Vec<Option<u32>>,
    supervised: usize,
    losses: Vec<f64>,
}

#[derive(Deserialize)]
struct MetaAdamW {
    lr: f32,
    betas: [f32; 2],
    eps: f32,
    weight_decay: f32,
}

/// A model with PEFT's numbers for it.
pub(super) struct Golden {
    meta: Meta,
    losses: Vec<f64>,
    pub(super) tensors: HashMap<String, Vec<f32>>,
    pub(super) model: TrainModel,
}

/// How near the model's numbers must be.
pub(super) struct Bounds {
    gradient: f64,
    trajectory: f64,
    loss: f64,
}

pub(super) const F32: Bounds =
    Bounds { gradient: GRADIENT_F32, trajectory: TRAJECTORY_F32, loss: LOSS_F32 };
/// The residual is ours, the pairs that it goes with are PEFT's, from a decomposition in f32.
pub(super) const PISSA: Bounds = Bounds { gradient: 3e-5, ..F32 };
const BF16: Bounds =
    Bounds { gradient: GRADIENT_BF16, trajectory: TRAJECTORY_BF16, loss: LOSS_BF16 };

pub(super) fn folder(name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn meta() -> Meta {
    serde_json::from_slice(&std::fs::read(folder("tiny_lora/lora.json")).unwrap()).unwrap()
}

/// The tiny model, trained by `method`, beside the numbers in `file`.
pub(super) fn open(
    file: &str,
    losses: Option<Vec<f64>>,
    method: &Method,
    options: &TrainOptions,
) -> Golden {
    let meta = meta();
    let bytes = std::fs::read(folder(file)).unwrap();
    let tensors_file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| -> Vec<f32> {
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let tensors = tensors_file.tensors();
    let tensors = tensors.iter().map(|(n, t)| (n.clone(), floats(t.data()))).collect();
    let checkpoint = Checkpoint::open(&folder("tiny_lora")).unwrap();
    let (config, pool) = (checkpoint.config(), Arc::new(Pool::new(2)));
    let model =
        TrainModel::decoder(config, &checkpoint, Task::LanguageModel, method, options, pool)
            .unwrap();
    let losses = losses.unwrap_or_else(|| meta.losses.clone());
    Golden { meta, losses, tensors, model }
}

impl Golden {
    pub(super) fn start_from(&mut self, prefix: &str) {
        for param in self.model.params().to_vec() {
            let values = &self.tensors[&format!("{prefix}.{}", param.name)];
            self.model.values_mut()[param.range].copy_from_slice(values);
        }
    }

    pub(super) fn batch(&self) -> TrainBatch {
        TrainBatch {
            tokens: self.meta.tokens.clone(),
            labels: self.meta.labels.clone(),
            seq_starts: self.meta.seq_starts.clone(),
            ..TrainBatch::default()
        }
    }

    /// One accumulation of the mean loss's gradient.
    fn gradient(&mut self) -> f64 {
        let batch = self.batch();
        self.model.zero_grads();
        let count = self.meta.supervised;
        let loss = self.model.forward_backward(&batch, 1.0 / count as f32).unwrap();
        assert_eq!(loss.tokens, count);
        loss.loss_sum / count as f64
    }

    /// Largest relative error, by norm, among the tensors of `prefix`.
    fn error(&self, prefix: &str, found: &[f32]) -> f64 {
        let mut worst = 0.0f64;
        for param in self.model.params() {
            let expected = &self.tensors[&format!("{prefix}.{}", param.name)];
            let (mut difference, mut size) = (0.0, 0.0);
            for (&a, &b) in found[param.range.clone()].iter().zip(expected) {
                difference += (f64::from(a) - f64::from(b)).powi(2);
                size += f64::from(b).powi(2);
            }
            if size == 0.0 {
                assert_eq!(difference, 0.0, "{} is exactly zero", param.name);
            } else {
                worst = worst.max((difference / size).sqrt());
            }
        }
        worst
    }
}

/// Twenty steps from PEFT's first values; `faster` is what a tensor's learning rate is multiplied
/// by.
pub(super) fn check(
    name: &str,
    golden: &mut Golden,
    bounds: &Bounds,
    faster: impl Fn(&Param) -> f32,
) {
    golden.start_from("init");
    let adamw = &golden.meta.adamw;
    let config = AdamW {
        learning_rate: adamw.lr,
        beta1: adamw.betas[0],
        beta2: adamw.betas[1],
        eps: adamw.eps,
        weight_decay: adamw.weight_decay,
    };
    let pool = Pool::new(2);
    let mut moments = [(); 2].map(|()| vec![0.0; golden.model.values().len()]);
    for step in 0..=20 {
        let found = golden.gradient();
        let expected = golden.losses[step];
        let near = (found / expected - 1.0).abs() < bounds.loss;
        assert!(near, "{name}, step {step}: {found}, not {expected}");
        if step == 0 {
            let error = golden.error("grad0", golden.model.grads());
            assert!(error < bounds.gradient, "{name}, first gradient: {error}");
        }
        let prefix = format!("step{step}");
        if golden.tensors.keys().any(|key| key.starts_with(&format!("{prefix}."))) {
            let error = golden.error(&prefix, golden.model.values());
            assert!(error < bounds.trajectory, "{name}, values after step {step}: {error}");
        }
        let grads = golden.model.grads().to_vec();
        let [m, v] = &mut moments;
        for param in golden.model.params().to_vec() {
            let learning_rate = config.learning_rate * faster(&param);
            let config = AdamW { learning_rate, ..config };
            let at = param.range;
            let values = &mut golden.model.values_mut()[at.clone()];
            let moments = (&mut m[at.clone()], &mut v[at.clone()]);
            adamw_step(&pool, &config, step as u64 + 1, 1.0, values, &grads[at], moments);
        }
    }
    // With both halves of the pairs away from zero, every tensor has a gradient.
    golden.start_from("step20");
    golden.gradient();
    let error = golden.error("grad20", golden.model.grads());
    assert!(error < bounds.gradient, "{name}, last gradient: {error}");
}

fn check_lora(dtype: DenseType, bounds: &Bounds) {
    let meta = meta();
    let lora = LoraConfig {
        r: meta.r,
        lora_alpha: meta.lora_alpha,
        use_rslora: false,
        target_modules: meta.target_modules,
        seed: 0,
    };
    let mut golden = open("tiny_lora/lora.safetensors", None, &Method::Lora(lora), &options(dtype));
    for step in [1, 5, 20] {
        assert!(golden.tensors.keys().any(|key| key.starts_with(&format!("step{step}."))));
    }
    check("lora", &mut golden, bounds, |_| 1.0);
}

#[test]
fn f32_follows_peft() {
    check_lora(DenseType::F32, &F32);
}

#[test]
fn bf16_follows_peft_within_its_precision() {
    check_lora(DenseType::Bf16, &BF16);
}
