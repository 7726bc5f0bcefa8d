//! Tests of the training loop with a toy model, and of its parts against goldens.

mod resumed;
mod stops;

use crate::tensorboard::{frame, scalar_event, text_event};
use crate::{
    AdamWConfig, Checkpoint, ClipGradNorm, Difference, EvalMetrics, Generation, Objective as _,
    Observer, OptimizerConfig, Position, RunConfig, Sample, Schedule, Sft, TrainError,
    TrainOutcome, Trainable, TrainedTensor, Trainer, Updater,
};
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_model::training::{Param, ParamKind, TrainBatch};
use catena_protocol::{Cancel, CancelAfter, NoProgress, Progress};
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
    params: Vec<Param>,
    values: Vec<f32>,
    grads: Vec<f32>,
    losses: Vec<f64>,
}

impl Unigram {
    fn new(vocab: usize) -> Self {
        let param = Param {
            name: "logits".to_owned(),
            shape: vec![vocab],
            range: 0..vocab,
            kind: ParamKind::Matrix,
        };
        Self {
            params: vec![param],
            values: vec![0.0; vocab],
            grads: vec![0.0; vocab],
            losses: Vec::new(),
        }
    }
}

impl Trainable for Unigram {
    fn params(&self) -> &[Param] {
        &self.params
    }
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
    fn hidden_size(&self) -> usize {
        1
    }
    fn set_reference(&mut self, _: bool) {}
    fn not_finite(&self) -> Option<String> {
        let broken = self.values.iter().any(|value| !value.is_finite());
        broken.then(|| "the values of `logits`".to_owned())
    }
    fn losses(&mut self, b: &TrainBatch) -> Result<&[f64], TrainError> {
        let total: f32 = self.values.iter().map(|v| v.exp()).sum();
        let nll = |&label: &u32| f64::from(total.ln() - self.values[label as usize]);
        self.losses = b.labels.iter().flatten().map(nll).collect();
        Ok(&self.losses)
    }
    fn backward_losses(&mut self, b: &TrainBatch, scales: &[f32]) -> Result<(), TrainError> {
        let total: f32 = self.values.iter().map(|v| v.exp()).sum();
        for (&label, scale) in b.labels.iter().flatten().zip(scales) {
            for (i, g) in self.grads.iter_mut().enumerate() {
                let hit = if i == label as usize { 1.0 } else { 0.0 };
                *g += scale * (self.values[i].exp() / total - hit);
            }
        }
        Ok(())
    }
    fn learn_losses(&mut self, b: &TrainBatch, scales: &[f32]) -> Result<&[f64], TrainError> {
        self.backward_losses(b, scales)?;
        self.losses(b)
    }
    fn next_logits(&mut self, _: &[u32]) -> Result<&[f32], TrainError> {
        Ok(&self.values)
    }
    fn outputs(&mut self, _: &TrainBatch) -> Result<&[f32], TrainError> {
        panic!("a language model has losses")
    }
    fn output_width(&mut self) -> usize {
        panic!("a language model has losses")
    }
    fn backward_outputs(&mut self, _: &TrainBatch, _: &[f32]) -> Result<(), TrainError> {
        panic!("a language model has losses")
    }
}

fn samples(n: u32) -> Vec<Sample> {
    (0..n)
        .map(|i| Sample {
            tokens: vec![i % 5, (i + 1) % 5, (i * 3) % 5],
            labels: vec![None, Some((i * i) % 3), Some(i % 2)],
            ..Sample::default()
        })
        .collect()
}

fn config() -> RunConfig {
    RunConfig {
        epochs: 3,
        batch_size: 4,
        micro_step_tokens: 7,
        learning_rate: 0.1,
        checkpoint_steps: 2,
        ..RunConfig::default()
    }
}

fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    (dir, path)
}

/// Runs a configuration over samples from the folder's checkpoint, if it has one.
fn run(
    config: RunConfig,
    samples: &[Sample],
    path: &Utf8Path,
    model: &mut Unigram,
) -> Result<TrainOutcome, TrainError> {
    run_until(config, samples, path, model, &NoProgress, &Cancel::new())
}

fn run_until(
    config: RunConfig,
    samples: &[Sample],
    path: &Utf8Path,
    model: &mut Unigram,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<TrainOutcome, TrainError> {
    let mut objective = Sft::new(samples, config.micro_step_tokens)?;
    let trainer = Trainer::new(config, path, "base")?;
    trainer.run(model, &mut objective, None, None, &Pool::new(1), progress, cancel)
}

fn straight(samples: &[Sample], path: &Utf8Path) -> (Unigram, Vec<crate::StepMetrics>) {
    let mut model = Unigram::new(5);
    let outcome = run(config(), samples, path, &mut model).unwrap();
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
        let stop = CancelAfter { after, cancel: cancel.clone() };
        let mut first = Unigram::new(5);
        let error = run_until(config(), &samples, &path, &mut first, &stop, &cancel).unwrap_err();
        assert!(matches!(error, TrainError::Interrupted { step } if step == after), "{error}");
        let mut second = Unigram::new(5);
        let outcome = run(config(), &samples, &path, &mut second).unwrap();
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
    let cancel = Cancel::new();
    let stop = CancelAfter { after: 5, cancel: cancel.clone() };
    let mut first = Unigram::new(5);
    let error = run_until(config(), &samples, &path, &mut first, &stop, &cancel).unwrap_err();
    assert!(matches!(error, TrainError::Interrupted { .. }));
    // What a kill leaves: metrics past the checkpoint, a torn line, a half-written new file.
    let file = path.join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"step\":6,\"loss\":9.0,\"learning_rate\":0.0,\"grad_norm\":0.0,\"supervised_tokens\":1,\"tokens\":1}\n{\"step\":7,");
    std::fs::write(&file, text).unwrap();
    let torn = ["checkpoint.safetensors.part-4711", ".write-4711.part"].map(|name| path.join(name));
    for torn in &torn {
        std::fs::write(torn, b"torn").unwrap();
    }
    let mut model = Unigram::new(5);
    let outcome = run(config(), &samples, &path, &mut model).unwrap();
    assert!(torn.iter().all(|torn| !torn.exists()));
    assert_eq!(model.values, expected.values);
    assert_eq!(outcome.metrics.len(), metrics.len());
    assert_eq!(metrics_file(&path), metrics_file(&straight_path));
}

#[test]
fn micro_steps_do_not_change_the_result() {
    let samples = samples(16);
    let trained = |micro_step_tokens| {
        let (_guard, path) = dir();
        let config = RunConfig { micro_step_tokens, ..config() };
        let mut model = Unigram::new(5);
        run(config, &samples, &path, &mut model).unwrap();
        model.values
    };
    for (a, b) in trained(3).iter().zip(trained(1000)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
}

#[test]
fn the_number_of_steps_can_be_limited() {
    let (_guard, path) = dir();
    let limited = RunConfig { max_steps: Some(7), ..config() };
    let outcome = run(limited, &samples(18), &path, &mut Unigram::new(5)).unwrap();
    assert_eq!(outcome.metrics.len(), 7);
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

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_last_checkpoint() {
    let (_guard, path) = dir();
    let file = path.join(Checkpoint::FILE_NAME);
    let position = Position { step: 3, ..Position::default() };
    let model = Unigram::new(1 << 16);
    Checkpoint::save(&file, &position, &model, None).unwrap();
    let beside = format!("{file}.part-{}", std::process::id());
    std::os::unix::fs::symlink("/dev/full", beside).unwrap();
    let later = Position { step: 4, ..Position::default() };
    let error = Checkpoint::save(&file, &later, &model, None).unwrap_err();
    assert!(std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("space")));
    assert_eq!(Checkpoint::load(&file).unwrap().unwrap().position.step, 3);
}

#[test]
fn a_loss_that_is_not_a_number_stops_the_run_and_says_where() {
    let (_guard, path) = dir();
    let mut model = Unigram::new(5);
    model.values[0] = f32::NAN;
    let error = run(config(), &samples(8), &path, &mut model).unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { what: "loss", step: 1, .. }), "{error}");
    assert!(error.to_string().contains("the values of `logits`"), "{error}");
}

#[test]
fn a_gradient_that_is_not_a_number_changes_nothing() {
    for clip_grad_norm in [ClipGradNorm::Global, ClipGradNorm::PerTensor] {
        for max_grad_norm in [0.0, 1.0] {
            let config = RunConfig { max_grad_norm, clip_grad_norm, ..config() };
            let mut model = Unigram::new(5);
            model.grads[2] = f32::NAN;
            let mut updater = Updater::new(&config, &model.params);
            let norm = updater.update(&mut model, &Pool::new(1), 0.1);
            assert!(norm.is_nan() && model.values == [0.0; 5], "{config:?}: {norm}");
        }
    }
}

#[test]
fn a_run_that_comes_apart_is_stopped() {
    let (_guard, path) = dir();
    let wild = RunConfig {
        epochs: 200,
        learning_rate: 30.0,
        max_grad_norm: 0.0,
        schedule: Schedule::Constant,
        ..config()
    };
    let outcome = run(wild.clone(), &samples(18), &path, &mut Unigram::new(5));
    let error = outcome.map(|_| ()).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("gradient of that step is that of `logits`"), "{error}");
    let (_guard, path) = dir();
    let unguarded = RunConfig { divergence_factor: 0.0, max_steps: Some(30), ..wild };
    run(unguarded, &samples(18), &path, &mut Unigram::new(5)).unwrap();
}

/// Notes the evaluations that it is shown, and has the likeliest token written.
#[derive(Default)]
struct Seen(Vec<EvalMetrics>);

impl Observer for Seen {
    fn evaluated(
        &mut self,
        step: u64,
        metrics: Option<&EvalMetrics>,
        model: &mut dyn Trainable,
    ) -> Result<Vec<Generation>, TrainError> {
        self.0.extend(metrics.cloned());
        let logits = model.next_logits(&[0])?;
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        Ok(vec![Generation { step, prompt: "0".to_owned(), text: format!("{best:?}") }])
    }
}

fn written(path: &Utf8Path) -> Vec<Generation> {
    let text = std::fs::read_to_string(path.join("samples.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Texts are written where evaluations are, without a set to measure on too, and a resumed run
/// keeps those up to its checkpoint.
#[test]
fn what_the_model_writes_is_kept() {
    let config = RunConfig { eval_steps: Some(4), checkpoint_steps: 3, ..config() };
    let (samples, pool) = (samples(18), Pool::new(1));
    let trained = |path: &Utf8Path, after: Option<u64>| {
        let cancel = Cancel::new();
        let stop = CancelAfter { after: after.unwrap_or(u64::MAX), cancel: cancel.clone() };
        let mut objective = Sft::new(&samples, config.micro_step_tokens).unwrap();
        let (mut seen, mut model) = (Seen::default(), Unigram::new(5));
        let trainer = Trainer::new(config.clone(), path, "base").unwrap();
        let observer = Some(&mut seen as _);
        let done = trainer.run(&mut model, &mut objective, None, observer, &pool, &stop, &cancel);
        assert_eq!(done.is_ok(), after.is_none());
        assert_eq!(seen.0, [], "nothing was measured");
    };
    let (_guard, straight) = dir();
    trained(&straight, None);
    let steps: Vec<u64> = written(&straight).iter().map(|one| one.step).collect();
    assert_eq!(steps, [4, 8, 12, 15]);
    let (_guard, resumed) = dir();
    trained(&resumed, Some(9));
    trained(&resumed, None);
    assert_eq!(written(&resumed), written(&straight));
}

/// Runs with an evaluation set that wants the opposite of the training set.
fn run_evaluated(config: RunConfig, path: &Utf8Path, model: &mut Unigram) -> (TrainOutcome, Seen) {
    let train = samples(18);
    let other: Vec<Sample> =
        vec![Sample { tokens: vec![0, 1], labels: vec![Some(2), Some(0)], ..Sample::default() }; 3];
    let mut objective = Sft::new(&train, config.micro_step_tokens).unwrap();
    let mut eval = Sft::new(&other, config.micro_step_tokens).unwrap();
    let (mut seen, trainer) = (Seen::default(), Trainer::new(config, path, "base").unwrap());
    let (pool, cancel) = (Pool::new(1), Cancel::new());
    let (eval, observer) = (Some(&mut eval as _), Some(&mut seen as _));
    let outcome =
        trainer.run(model, &mut objective, eval, observer, &pool, &NoProgress, &cancel).unwrap();
    (outcome, seen)
}

#[test]
fn evaluations_are_kept_shown_and_stop_a_run_that_gets_worse() {
    let (_guard, path) = dir();
    let config = RunConfig {
        epochs: 20,
        eval_steps: Some(2),
        early_stopping_patience: Some(3),
        keep_best: true,
        ..config()
    };
    let mut model = Unigram::new(5);
    let (outcome, seen) = run_evaluated(config.clone(), &path, &mut model);
    assert!(outcome.stopped_early);
    let best = outcome.best.unwrap();
    let lowest = outcome.evaluations.iter().map(|e| e.loss).fold(f64::INFINITY, f64::min);
    assert_eq!(best.loss, lowest);
    assert_eq!(outcome.evaluations.last().unwrap().step, best.step + 6, "patience of three");
    assert_eq!(seen.0, outcome.evaluations);
    let file = std::fs::read_to_string(path.join("evaluations.jsonl")).unwrap();
    assert_eq!(file.lines().count(), outcome.evaluations.len());
    // The values are those of the best evaluation, also when the finished run is asked again.
    let other =
        [Sample { tokens: vec![0, 1], labels: vec![Some(2), Some(0)], ..Sample::default() }];
    let loss = |model: &mut Unigram| {
        let batch = TrainBatch { labels: other[0].labels.clone(), ..TrainBatch::default() };
        model.losses(&batch).unwrap().iter().sum::<f64>() / 2.0
    };
    assert!((loss(&mut model) - best.loss).abs() < 1e-9);
    let mut again = Unigram::new(5);
    let (resumed, _) = run_evaluated(config, &path, &mut again);
    assert_eq!(again.values, model.values);
    assert_eq!(resumed.evaluations, outcome.evaluations);
}

#[test]
fn adamw_follows_pytorch() {
    let golden = &golden()["adamw"];
    let mut values = floats(&golden["start"]);
    let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
    let whole = [TrainedTensor::whole(values.len())];
    let mut optimizer = OptimizerConfig::AdamW(config).build(&whole);
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

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn an_event_has_the_bytes_tensorboard_writes() {
    let record = frame(&scalar_event("train/loss", 1.25, 300, 1_700_000_000.5));
    let golden = golden();
    assert_eq!(record, bytes(&golden["event"]));
    let record = frame(&text_event("samples/0", "**a**\n\nb é", 300, 1_700_000_000.5));
    assert_eq!(record, bytes(&golden["text_event"]));
}

#[test]
fn bad_input_is_refused() {
    let (_guard, path) = dir();
    let refuse = |config: RunConfig, samples: &[Sample]| {
        run(config, samples, &path, &mut Unigram::new(5)).err().unwrap().to_string()
    };
    let long = vec![Sample { tokens: vec![0; 9], labels: vec![Some(1); 9], ..Sample::default() }];
    let masked = vec![Sample { tokens: vec![0; 3], labels: vec![None; 3], ..Sample::default() }];
    let uneven = vec![Sample { tokens: vec![0; 3], labels: vec![Some(1); 2], ..Sample::default() }];
    let messages = [
        refuse(config(), &[]),
        refuse(config(), &long),
        refuse(config(), &masked),
        refuse(config(), &uneven),
        refuse(RunConfig { epochs: 0, ..config() }, &samples(4)),
        refuse(RunConfig { batch_size: 0, ..config() }, &samples(4)),
        refuse(RunConfig { micro_step_tokens: 0, ..config() }, &samples(4)),
        refuse(RunConfig { learning_rate: f64::NAN, ..config() }, &samples(4)),
        refuse(RunConfig { warmup_ratio: 1.5, ..config() }, &samples(4)),
        refuse(RunConfig { max_grad_norm: -1.0, ..config() }, &samples(4)),
        refuse(RunConfig { max_steps: Some(0), ..config() }, &samples(4)),
        refuse(RunConfig { eval_steps: Some(0), ..config() }, &samples(4)),
        refuse(RunConfig { loraplus_lr_ratio: 0.0, ..config() }, &samples(4)),
        refuse(RunConfig { neftune_alpha: Some(-1.0), ..config() }, &samples(4)),
        refuse(RunConfig { divergence_factor: -1.0, ..config() }, &samples(4)),
        refuse(RunConfig { checkpoint_steps: 0, ..config() }, &samples(4)),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn every_other_error_reads_well() {
    let path = Utf8PathBuf::from("run/checkpoint.safetensors");
    let errors = [
        TrainError::OtherRun { differences: vec![Difference::BaseModel, Difference::Samples] },
        TrainError::CheckpointMismatch {
            what: "fingerprint",
            found: "00ff".into(),
            expected: "ff00".into(),
        },
        TrainError::CorruptCheckpoint {
            path: path.clone(),
            reason: "metadata `step` is missing".into(),
        },
        TrainError::NotFinite {
            what: "gradient norm",
            step: 12,
            value: f64::INFINITY,
            place: "the output of layer 3".to_owned(),
        },
        TrainError::Diverged {
            step: 40,
            smoothed: 9.25,
            bound: 8.5,
            largest_gradient: "that of `layers.3.o_proj`, of norm 7.250 (8.000 for all tensors)"
                .to_owned(),
        },
        TrainError::EmptySample { index: 4 },
        TrainError::Target { index: 2, target: "Label(7)".to_owned(), width: 5 },
        TrainError::Negatives { index: 3, found: 1, expected: 2 },
        TrainError::MissingPart { index: 3, part: "score", loss: "cosent" },
        TrainError::Cancelled,
        TrainError::Io { path, source: std::io::Error::other("no space left on device") },
        TrainError::Interrupted { step: 40 },
    ];
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// Two bits a token at first; five labels of 1 + 2 + 3 + 0 + 2 bytes give 10 / 8 bits per byte,
/// however the samples are cut into micro-steps.
#[test]
fn bits_per_byte_are_bits_by_bytes() {
    let labels = |ids: &[u32]| ids.iter().copied().map(Some).collect::<Vec<_>>();
    let sample = |ids: &[u32]| Sample {
        tokens: vec![0; ids.len()],
        labels: labels(ids),
        ..Sample::default()
    };
    let samples = [sample(&[0, 1, 2]), sample(&[3, 1])];
    for tokens in [3, 8] {
        let mut objective = Sft::new(&samples, tokens).unwrap().with_token_bytes(&[1, 2, 3, 0]);
        let figures = objective.evaluate(&mut Unigram::new(4), tokens, &Cancel::new()).unwrap();
        assert!((figures.extra["bits_per_byte"] - 1.25).abs() < 1e-6, "{figures:?}");
        assert!((figures.extra["perplexity"] - 4.0).abs() < 1e-6, "{figures:?}");
    }
    // Control tokens alone are no text.
    let control = [sample(&[3, 3])];
    let mut objective = Sft::new(&control, 8).unwrap().with_token_bytes(&[1, 2, 3, 0]);
    let figures = objective.evaluate(&mut Unigram::new(4), 8, &Cancel::new()).unwrap();
    assert!(!figures.extra.contains_key("bits_per_byte"), "{figures:?}");
}
