//! Tests of the training loop with a toy model, and of its parts against goldens.

use crate::checkpoint::Checkpoint;
use crate::tensorboard::{frame, scalar_event};
use crate::{
    AdamW, AdamWConfig, Optimizer, Sample, Schedule, SftConfig, TrainError, Trainable,
    TrainedTensor, Trainer,
};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_model::training::{LossSum, TrainBatch};
use catena_protocol::{Cancel, NoProgress, Progress};
use serde_json::Value;

const GOLDEN: &str = include_str!("../tests/golden/train_golden.json");
/// One f32 update rounds at 6e-8 of a value near 1; twenty of them stay below this.
const F32_TRAJECTORY: f64 = 2e-6;

fn golden() -> Value {
    serde_json::from_str(GOLDEN).unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "the goldens are f32 written as JSON")]
fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

/// A unigram model: logits are the values, so the gradient is `softmax - one_hot`.
#[derive(Clone)]
struct Unigram {
    values: Vec<f32>,
    grads: Vec<f32>,
}

impl Unigram {
    fn new(vocab: usize) -> Self {
        Self { values: vec![0.0; vocab], grads: vec![0.0; vocab] }
    }
}

impl Trainable for Unigram {
    fn values(&self) -> &[f32] {
        &self.values
    }
    fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
    fn values_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        (&mut self.values, &self.grads)
    }
    fn grads(&self) -> &[f32] {
        &self.grads
    }
    fn zero_grads(&mut self) {
        self.grads.fill(0.0);
    }
    fn refresh(&mut self) {}
    fn forward_backward(&mut self, b: &TrainBatch, scale: f32) -> Result<LossSum, TrainError> {
        let total: f32 = self.values.iter().map(|v| v.exp()).sum();
        let (mut loss_sum, mut tokens) = (0.0, 0);
        for &label in b.labels.iter().flatten() {
            tokens += 1;
            loss_sum -= f64::from(self.values[label as usize] - total.ln());
            for (i, g) in self.grads.iter_mut().enumerate() {
                let hit = if i == label as usize { 1.0 } else { 0.0 };
                *g += scale * (self.values[i].exp() / total - hit);
            }
        }
        Ok(LossSum { loss_sum, tokens })
    }
}

/// Sets the flag once `after` steps are reported.
struct StopAfter {
    after: u64,
    cancel: Cancel,
}

impl Progress for StopAfter {
    fn begin(&self, _: &str, _: Option<u64>, _: &str) {}
    fn update(&self, done: u64) {
        if done >= self.after {
            self.cancel.cancel();
        }
    }
    fn note(&self, _: &str) {}
    fn end(&self) {}
}

fn samples(n: u32) -> Vec<Sample> {
    (0..n)
        .map(|i| Sample {
            tokens: vec![i % 5, (i + 1) % 5, (i * 3) % 5],
            labels: vec![None, Some((i * i) % 3), Some(i % 2)],
        })
        .collect()
}

fn config() -> SftConfig {
    SftConfig {
        epochs: 3,
        batch_size: 4,
        micro_step_tokens: 7,
        learning_rate: 0.1,
        checkpoint_steps: 2,
        ..SftConfig::default()
    }
}

fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

fn straight(samples: &[Sample], path: &Utf8Path) -> (Unigram, Vec<crate::StepMetrics>) {
    let mut model = Unigram::new(5);
    let trainer = Trainer::new(config(), samples, path, "base").unwrap();
    let outcome = trainer.run(&mut model, &Pool::new(1), &NoProgress, &Cancel::new()).unwrap();
    (model, outcome.metrics)
}

fn metrics_file(path: &Utf8Path) -> String {
    std::fs::read_to_string(path.join("metrics.jsonl")).unwrap()
}

#[test]
fn loss_falls() {
    let (_guard, path) = dir();
    let (_, metrics) = straight(&samples(18), &path);
    assert_eq!(metrics.len(), 15, "18 samples in steps of 4 make 5 steps an epoch");
    assert!(metrics[14].loss < metrics[0].loss * 0.8, "{metrics:?}");
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let samples = samples(18);
    let (_straight_guard, straight_path) = dir();
    let (expected, metrics) = straight(&samples, &straight_path);
    for after in [1, 2, 5, 14] {
        let (_guard, path) = dir();
        let cancel = Cancel::new();
        let stop = StopAfter { after, cancel: cancel.clone() };
        let trainer = Trainer::new(config(), &samples, &path, "base").unwrap();
        let mut first = Unigram::new(5);
        let error = trainer.run(&mut first, &Pool::new(1), &stop, &cancel).unwrap_err();
        assert!(matches!(error, TrainError::Interrupted { step } if step == after), "{error}");
        let mut second = Unigram::new(5);
        let outcome = trainer.run(&mut second, &Pool::new(1), &NoProgress, &Cancel::new()).unwrap();
        assert_eq!(outcome.resumed_from, after);
        assert_eq!(second.values, expected.values, "stopped after {after}");
        assert_eq!(outcome.metrics.len(), metrics.len());
        assert_eq!(metrics_file(&path), metrics_file(&straight_path));
    }
}

#[test]
fn a_kill_between_checkpoints_loses_only_the_steps_since() {
    let samples = samples(18);
    let (_straight_guard, straight_path) = dir();
    let (expected, metrics) = straight(&samples, &straight_path);
    let (_guard, path) = dir();
    let trainer = Trainer::new(config(), &samples, &path, "base").unwrap();
    let cancel = Cancel::new();
    let stop = StopAfter { after: 5, cancel: cancel.clone() };
    let error = trainer.run(&mut Unigram::new(5), &Pool::new(1), &stop, &cancel).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { .. }));
    // What a kill leaves: metrics past the checkpoint, a torn line, a half-written new file.
    let file = path.join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"step\":6,\"loss\":9.0,\"learning_rate\":0.0,\"grad_norm\":0.0,\"supervised_tokens\":1,\"tokens\":1}\n{\"step\":7,");
    std::fs::write(&file, text).unwrap();
    std::fs::write(path.join("checkpoint.safetensors.partial"), b"torn").unwrap();
    let mut model = Unigram::new(5);
    let outcome = trainer.run(&mut model, &Pool::new(1), &NoProgress, &Cancel::new()).unwrap();
    assert_eq!(model.values, expected.values);
    assert_eq!(outcome.metrics.len(), metrics.len());
    assert_eq!(metrics_file(&path), metrics_file(&straight_path));
}

#[test]
fn micro_steps_do_not_change_the_result() {
    let samples = samples(16);
    let run = |micro_step_tokens| {
        let (_guard, path) = dir();
        let config = SftConfig { micro_step_tokens, ..config() };
        let mut model = Unigram::new(5);
        let trainer = Trainer::new(config, &samples, &path, "base").unwrap();
        trainer.run(&mut model, &Pool::new(1), &NoProgress, &Cancel::new()).unwrap();
        model.values
    };
    for (a, b) in run(3).iter().zip(run(1000)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let (_guard, path) = dir();
    straight(&samples(18), &path);
    let other = samples(19);
    let trainer = Trainer::new(config(), &other, &path, "base").unwrap();
    let error =
        trainer.run(&mut Unigram::new(5), &Pool::new(1), &NoProgress, &Cancel::new()).unwrap_err();
    assert!(matches!(error, TrainError::CheckpointMismatch { what: "fingerprint", .. }), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let (_guard, path) = dir();
    straight(&samples(18), &path);
    let file = path.join(Checkpoint::FILE_NAME);
    let bytes = std::fs::read(&file).unwrap();
    for cut in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..cut]).unwrap();
        let error = Checkpoint::load(&file).unwrap_err();
        assert!(matches!(error, TrainError::CorruptCheckpoint { .. }), "{cut}: {error}");
    }
}

#[test]
fn a_loss_that_is_not_a_number_stops_the_run() {
    let (_guard, path) = dir();
    let samples = samples(8);
    let mut model = Unigram::new(5);
    model.values[0] = f32::NAN;
    let trainer = Trainer::new(config(), &samples, &path, "base").unwrap();
    let error = trainer.run(&mut model, &Pool::new(1), &NoProgress, &Cancel::new()).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { what: "loss", step: 1, .. }), "{error}");
}

#[test]
fn adamw_follows_pytorch() {
    let golden = &golden()["adamw"];
    let mut values = floats(&golden["start"]);
    let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
    let mut optimizer = AdamW::new(&[TrainedTensor::whole(values.len())], config);
    let steps =
        golden["grads"].as_array().unwrap().iter().zip(golden["values"].as_array().unwrap());
    for (grads, expected) in steps {
        optimizer.step(&Pool::new(1), &mut values, &floats(grads), 1.0, 1e-2);
        for (a, b) in values.iter().zip(floats(expected)) {
            assert!(f64::from((a - b).abs()) < F32_TRAJECTORY, "{a} {b}");
        }
    }
}

#[test]
fn schedules_follow_transformers() {
    let golden = &golden()["schedules"];
    let all = [
        ("constant", Schedule::Constant),
        ("linear", Schedule::Linear),
        ("cosine", Schedule::Cosine),
    ];
    for (name, schedule) in all {
        for (step, expected) in golden[name].as_array().unwrap().iter().enumerate() {
            let rate = schedule.learning_rate(3e-4, step as u64, 5, 40);
            assert!((rate - expected.as_f64().unwrap()).abs() < 1e-12, "{name} {step}");
        }
    }
}

#[test]
fn an_event_has_the_bytes_tensorboard_writes() {
    let record = frame(&scalar_event("train/loss", 1.25, 300, 1_700_000_000.5));
    let golden = golden();
    let hex = golden["event"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let expected: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    assert_eq!(record, expected);
}

#[test]
fn bad_input_is_refused() {
    let (_guard, path) = dir();
    let refuse = |config: SftConfig, samples: &[Sample]| {
        Trainer::new(config, samples, &path, "base").err().unwrap().to_string()
    };
    let long = vec![Sample { tokens: vec![0; 9], labels: vec![Some(1); 9] }];
    let masked = vec![Sample { tokens: vec![0; 3], labels: vec![None; 3] }];
    let uneven = vec![Sample { tokens: vec![0; 3], labels: vec![Some(1); 2] }];
    let messages = [
        refuse(config(), &[]),
        refuse(config(), &long),
        refuse(config(), &masked),
        refuse(config(), &uneven),
        refuse(SftConfig { epochs: 0, ..config() }, &samples(4)),
        refuse(SftConfig { batch_size: 0, ..config() }, &samples(4)),
        refuse(SftConfig { micro_step_tokens: 0, ..config() }, &samples(4)),
        refuse(SftConfig { learning_rate: f64::NAN, ..config() }, &samples(4)),
        refuse(SftConfig { warmup_ratio: 1.5, ..config() }, &samples(4)),
        refuse(SftConfig { max_grad_norm: -1.0, ..config() }, &samples(4)),
        refuse(SftConfig { checkpoint_steps: 0, ..config() }, &samples(4)),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn every_other_error_reads_well() {
    let path = Utf8PathBuf::from("run/checkpoint.safetensors");
    let errors = [
        TrainError::CheckpointMismatch {
            what: "fingerprint",
            found: "00ff".into(),
            expected: "ff00".into(),
        },
        TrainError::CorruptCheckpoint {
            path: path.clone(),
            reason: "metadata `step` is missing".into(),
        },
        TrainError::Diverged { what: "gradient norm", step: 12, value: f64::INFINITY },
        TrainError::Io { path, source: std::io::Error::other("no space left on device") },
        TrainError::Interrupted { step: 40 },
    ];
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}
