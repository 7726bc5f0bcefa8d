//! PEFT's numbers: `tests/golden/make_lora_golden.py` made them, PROVENANCE says with what.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use catena_kernels::{AdamW, adamw_step};
use safetensors::SafeTensors;
use serde::Deserialize;

use super::*;
use crate::Checkpoint;

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

struct Golden {
    meta: Meta,
    tensors: HashMap<String, Vec<f32>>,
    model: TrainModel,
}

fn open(dtype: DenseType) -> Golden {
    let folder = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tiny_lora");
    let meta: Meta =
        serde_json::from_slice(&std::fs::read(folder.join("lora.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("lora.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |data: &[u8]| -> Vec<f32> {
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let tensors = file.tensors().iter().map(|(n, t)| (n.clone(), floats(t.data()))).collect();
    let lora = LoraConfig {
        r: meta.r,
        lora_alpha: meta.lora_alpha,
        use_rslora: false,
        target_modules: meta.target_modules.clone(),
        seed: 0,
    };
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let pool = Arc::new(Pool::new(2));
    let config = checkpoint.config();
    let method = Method::Lora(lora);
    let model = TrainModel::decoder(
        config,
        &checkpoint,
        Task::LanguageModel,
        &method,
        &options(dtype),
        pool,
    )
    .unwrap();
    let mut golden = Golden { meta, tensors, model };
    golden.start_from("init");
    golden
}

impl Golden {
    fn start_from(&mut self, prefix: &str) {
        for param in self.model.params().to_vec() {
            let values = &self.tensors[&format!("{prefix}.{}", param.name)];
            self.model.values_mut()[param.range].copy_from_slice(values);
        }
    }

    /// One accumulation of the mean loss's gradient.
    fn gradient(&mut self) -> f64 {
        let batch = TrainBatch {
            tokens: self.meta.tokens.clone(),
            labels: self.meta.labels.clone(),
            seq_starts: self.meta.seq_starts.clone(),
            ..TrainBatch::default()
        };
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

fn check(dtype: DenseType, gradient: f64, trajectory: f64, loss: f64) {
    let mut golden = open(dtype);
    let config = AdamW {
        learning_rate: golden.meta.adamw.lr,
        beta1: golden.meta.adamw.betas[0],
        beta2: golden.meta.adamw.betas[1],
        eps: golden.meta.adamw.eps,
        weight_decay: golden.meta.adamw.weight_decay,
    };
    let pool = Pool::new(2);
    let mut moments = [(); 2].map(|()| vec![0.0; golden.model.values().len()]);
    for step in 0..=20 {
        let found = golden.gradient();
        let expected = golden.meta.losses[step];
        assert!((found / expected - 1.0).abs() < loss, "step {step}: {found}, not {expected}");
        if step == 0 {
            let error = golden.error("grad0", golden.model.grads());
            assert!(error < gradient, "first gradient: {error}");
        }
        if [1, 5, 20].contains(&step) {
            let error = golden.error(&format!("step{step}"), golden.model.values());
            assert!(error < trajectory, "values after step {step}: {error}");
        }
        let grads = golden.model.grads().to_vec();
        let [m, v] = &mut moments;
        let values = golden.model.values_mut();
        adamw_step(&pool, &config, step as u64 + 1, 1.0, values, &grads, (m, v));
    }
    // With both halves of the pairs away from zero, every tensor has a gradient.
    golden.start_from("step20");
    golden.gradient();
    let error = golden.error("grad20", golden.model.grads());
    assert!(error < gradient, "last gradient: {error}");
}

#[test]
fn f32_follows_peft() {
    check(DenseType::F32, GRADIENT_F32, TRAJECTORY_F32, LOSS_F32);
}

#[test]
fn bf16_follows_peft_within_its_precision() {
    check(DenseType::Bf16, GRADIENT_BF16, TRAJECTORY_BF16, LOSS_BF16);
}
