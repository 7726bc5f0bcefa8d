//! Optimizers that run in the backward pass, on one layer after another.

use camino::Utf8Path;
use catena_kernels::{DenseType, Pool};
use catena_model::training::{Method, Recompute, Task, TrainModel, TrainOptions};
use catena_protocol::{Cancel, CancelAfter, NoProgress};
use catena_train::{
    ClipGradNorm, OptimizerConfig, RunConfig, Schedule, Sft, SgdConfig, TrainError, Trainer,
};

use crate::setup::{
    MAX_TOKENS, config, dir, distance, figures, lora, model, optimizers, options, run, samples,
};

fn made(method: &Method, optimizer_in_backward: bool) -> TrainModel {
    let options = TrainOptions {
        recompute: Recompute::Layers(1),
        optimizer_in_backward,
        ..options(DenseType::F32)
    };
    model("tiny_lora", None, Task::LanguageModel, method, &options)
}

/// Steps of one pass, clipped by the norm of each tensor.
fn by_tensor() -> RunConfig {
    let clip_grad_norm = ClipGradNorm::PerTensor;
    RunConfig { micro_step_tokens: MAX_TOKENS, max_grad_norm: 0.05, clip_grad_norm, ..config() }
}

fn train(config: &RunConfig, path: &Utf8Path, model: &mut TrainModel) -> Vec<f64> {
    run(config, path, model, &NoProgress, &Cancel::new()).unwrap()
}

#[test]
fn an_optimizer_in_the_backward_pass_gives_the_same_bits() {
    for method in [Method::Full, lora()] {
        for optimizer in optimizers() {
            let clipped = RunConfig { optimizer, neftune_alpha: Some(5.0), ..by_tensor() };
            let free = RunConfig {
                max_grad_norm: 0.0,
                clip_grad_norm: ClipGradNorm::Global,
                ..clipped.clone()
            };
            for config in [clipped, free] {
                let what = format!("{} {config:?}", matches!(method, Method::Full));
                let trained = |in_backward: bool| {
                    let (_guard, path) = dir();
                    let mut model = made(&method, in_backward);
                    let start = model.values().to_vec();
                    assert_eq!(train(&config, &path, &mut model).len(), 5);
                    assert!(model.values() != start, "{what}");
                    (figures(&path), model.values().to_vec())
                };
                assert!(trained(true) == trained(false), "{what}");
            }
        }
    }
}

/// Less memory was asked for, or more, since the run began.
#[test]
fn a_run_goes_on_wherever_its_optimizer_runs() {
    let config = by_tensor();
    for (first, then) in [(true, false), (false, true)] {
        let (_guard, path) = dir();
        let cancel = Cancel::new();
        let stop = CancelAfter { after: 3, cancel: cancel.clone() };
        let stopped = run(&config, &path, &mut made(&Method::Full, first), &stop, &cancel);
        assert!(matches!(stopped, Err(TrainError::Interrupted { step: 3 })), "{stopped:?}");
        let mut resumed = made(&Method::Full, then);
        train(&config, &path, &mut resumed);
        let (_guard, path) = dir();
        let mut straight = made(&Method::Full, first);
        train(&config, &path, &mut straight);
        assert!(resumed.values() == straight.values());
    }
}

#[test]
fn measuring_beforehand_leaves_nothing() {
    let (config, rows, pool) = (by_tensor(), samples(17), Pool::new(1));
    let trained = |measured: bool| {
        let (_guard, path) = dir();
        let mut model = made(&Method::Full, true);
        if measured {
            let start = model.values().to_vec();
            let mut objective = Sft::new(&rows, MAX_TOKENS).unwrap();
            let trainer = Trainer::new(config.clone(), &path, "tiny").unwrap();
            let cancel = Cancel::new();
            let told = trainer.forecast(&mut model, &mut objective, None, &pool, &cancel).unwrap();
            assert!(told.learning_seconds > 0.0 && told.optimizer_seconds > 0.0, "{told:?}");
            assert!(model.values() == start);
        }
        train(&config, &path, &mut model);
        model.values().to_vec()
    };
    assert!(trained(true) == trained(false));
}

/// One step of plain SGD, by hand: each tensor by its own norm.
#[test]
fn gradients_are_clipped_by_the_norm_of_their_tensor() {
    const RATE: f64 = 100.0;
    let sgd = SgdConfig { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
    let free = RunConfig {
        optimizer: OptimizerConfig::Sgd(sgd),
        schedule: Schedule::Constant,
        warmup_steps: Some(0),
        max_steps: Some(1),
        batch_size: 17,
        micro_step_tokens: 1000,
        learning_rate: RATE,
        max_grad_norm: 0.0,
        ..by_tensor()
    };
    // How far the values go in the only step, whose length is beyond all rounding.
    let moved = |config: &RunConfig| {
        let options = TrainOptions { max_tokens: 1000, ..options(DenseType::F32) };
        let options = TrainOptions { optimizer_in_backward: true, ..options };
        let mut model = model("tiny_lora", None, Task::LanguageModel, &Method::Full, &options);
        let start = model.values().to_vec();
        let (_guard, path) = dir();
        train(config, &path, &mut model);
        let far: Vec<f32> = start.iter().zip(model.values()).map(|(a, b)| a - b).collect();
        (model.params().to_vec(), far)
    };
    let norm = |x: &[f32]| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let (params, plain) = moved(&free);
    let norms = params.iter().map(|param| norm(&plain[param.range.clone()]) / RATE);
    let mut norms: Vec<f64> = norms.collect();
    norms.sort_by(f64::total_cmp);
    // Clipped are those of every other tensor.
    let max_grad_norm = norms[norms.len() / 2];
    let (_, clipped) = moved(&RunConfig { max_grad_norm, ..free });
    for param in params {
        let (plain, clipped) = (&plain[param.range.clone()], &clipped[param.range]);
        let factor = (max_grad_norm / (norm(plain) / RATE + 1e-6)).min(1.0);
        let expected: Vec<f32> =
            plain.iter().map(|&far| (factor * f64::from(far)) as f32).collect();
        assert!(distance(clipped, &expected) < 1e-3, "{}: factor {factor}", param.name);
    }
}

#[test]
fn what_needs_all_gradients_at_once_is_refused() {
    let refused = |config: &RunConfig| {
        let (_guard, path) = dir();
        let mut model = made(&Method::Full, true);
        let error = run(config, &path, &mut model, &NoProgress, &Cancel::new()).unwrap_err();
        assert!(matches!(error, TrainError::InvalidConfig { .. }), "{error}");
        error.to_string()
    };
    let together = RunConfig { clip_grad_norm: ClipGradNorm::Global, ..by_tensor() };
    let said = refused(&together);
    assert!(said.starts_with("`clip_grad_norm` is global, it must be `per_tensor`"), "{said}");
    let said = refused(&RunConfig { micro_step_tokens: 40, ..by_tensor() });
    assert!(said.starts_with("`micro_step_tokens` is 40, it must be"), "{said}");
}
