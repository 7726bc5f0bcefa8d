//! One run, step by step as the training loop makes them.

use camino::Utf8Path;
use catena_kernels::{Pool, sum_of_squares};
use catena_model::training::TrainModel;
use catena_protocol::{Cancel, NoProgress};
use catena_train::{
    AdamWConfig, Objective, OptimizerConfig, Pass, Preparation, Purpose, Schedule, Step, Trainable,
    trained_tensors,
};

use crate::samples::Golden;

/// Twenty steps in f32 here and there: sums in another order, and AdamW's division by the root of
/// small second moments, which makes the most of it.
pub(crate) const TRAJECTORY_F32: f64 = 1e-4;
/// Losses that fall below this share of the first are compared with the first.
const SMALL: f64 = 1e-2;

/// What a run has beside its model and its objective.
pub(crate) struct Run {
    /// Its name in the golden.
    pub(crate) name: &'static str,
    /// Samples of a step.
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Most tokens of a pass: by default less than a step has, so that gradients add up.
    pub(crate) micro_step_tokens: usize,
    pub(crate) optimizer: OptimizerConfig,
    pub(crate) schedule: Schedule,
    pub(crate) warmup: u64,
    pub(crate) tolerance: f64,
}

impl Run {
    pub(crate) fn new(name: &'static str, batch: usize, rate: f64) -> Self {
        let adamw = AdamWConfig { weight_decay: 0.01, ..AdamWConfig::default() };
        Self {
            name,
            batch,
            rate,
            micro_step_tokens: 48,
            optimizer: OptimizerConfig::AdamW(adamw),
            schedule: Schedule::Constant,
            warmup: 0,
            tolerance: TRAJECTORY_F32,
        }
    }

    /// Trains and compares all losses and gradient norms.
    pub(crate) fn check(&self, model: &mut TrainModel, objective: &mut dyn Objective) {
        let golden = &Golden::read().runs[self.name];
        let pool = Pool::new(1);
        prepare(model, objective);
        let mut optimizer = self.optimizer.build(&trained_tensors(model.params(), 1.0));
        let (count, total) = (objective.num_samples(), golden.losses.len());
        assert_eq!(total, 20);
        for number in 0..total {
            let chosen: Vec<usize> =
                (number * self.batch..(number + 1) * self.batch).map(|at| at % count).collect();
            model.zero_grads();
            let pass = Pass {
                chosen: &chosen,
                micro_step_tokens: self.micro_step_tokens,
                purpose: Purpose::Learn(Step { number: number as u64, noise: None }),
            };
            let loss = objective.run(model, &pass).unwrap().loss;
            let norm = sum_of_squares(&pool, model.grads()).sqrt();
            // A norm has the errors of all values, a loss those that change the answer.
            self.compare("loss", number, loss, &golden.losses, self.tolerance);
            self.compare("norm", number, norm, &golden.grad_norms, 10.0 * self.tolerance);
            let rate =
                self.schedule.learning_rate(self.rate, number as u64, self.warmup, total as u64);
            let scale = (1.0 / (norm + 1e-6)).min(1.0) as f32;
            let (values, grads) = Trainable::values_and_grads(model);
            optimizer.step(&pool, values, grads, scale, rate);
        }
        let fallen = golden.losses[total - 1] / golden.losses[0];
        assert!((fallen - 1.0).abs() > 1e-2, "{}: nothing was learnt", self.name);
    }

    fn compare(&self, what: &str, number: usize, found: f64, expected: &[f64], tolerance: f64) {
        let size = expected[number].abs().max(SMALL * expected[0].abs());
        let error = (found - expected[number]).abs() / size;
        let (name, expected) = (self.name, expected[number]);
        assert!(
            error < tolerance,
            "{name} step {number}: {what} {found}, not {expected}: {error:e}"
        );
    }
}

fn prepare(model: &mut TrainModel, objective: &mut dyn Objective) {
    let dir = tempfile::tempdir().unwrap();
    let preparation = Preparation {
        dir: Utf8Path::from_path(dir.path()).unwrap(),
        set: "train",
        fingerprint: "",
        progress: &NoProgress,
        cancel: &Cancel::new(),
    };
    objective.prepare(model, &preparation).unwrap();
}
