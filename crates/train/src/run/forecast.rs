//! How long a run will take, from a few of its own samples.

use std::ops::Range;
use std::time::Instant;

use super::checkpoint::Checkpoint;
use super::order::epoch_order;
use super::trainer::Trainer;
use crate::error::TrainError;
use crate::objective::{Objective, Pass, Purpose, Step};
use crate::optimizer::TrainedTensor;
use crate::trainable::{Trainable, trained_tensors};
use catena_kernels::{Pool, sum_of_squares};
use catena_protocol::Cancel;
use serde::Serialize;

/// Measuring goes on until so much was measured, or so many times.
const ENOUGH_SECONDS: f64 = 2.0;
const MOST_PASSES: u64 = 6;
/// A first pass that took so long is not repeated: what it loses by being the first no longer
/// matters.
const LONG_SECONDS: f64 = 4.0;
/// Micro-steps of a pass that is measured.
const MICRO_STEPS: usize = 2;
/// Values whose optimizer step is measured; a larger model's is taken to be as fast for each.
const OPTIMIZER_VALUES: usize = 4 << 20;
/// How fast checkpoints are thought to be written and synced, in bytes per second.
const DISK_BYTES_PER_SECOND: f64 = 300e6;

/// What is left of a run, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Forecast {
    /// Steps still to do.
    pub steps: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Tokens of such steps per second, forward and backward.
    pub tokens_per_second: f64,
    /// Forward and backward passes.
    pub learning_seconds: f64,
    /// Optimizer steps, with the norm of the gradients.
    pub optimizer_seconds: f64,
    /// What is computed before the first step: log-probabilities of a reference.
    pub reference_seconds: f64,
    /// How often the model is evaluated, if there is something to measure on or to write.
    pub evaluations: u64,
    /// Evaluations, without what the model writes.
    pub evaluation_seconds: f64,
    /// Checkpoints that will be written, each in the place of the one before.
    pub checkpoints: u64,
    /// Bytes of one: values and the optimizer's state.
    pub checkpoint_bytes: u64,
    /// Writing of checkpoints, guessed from their size.
    pub checkpoint_seconds: f64,
}

impl Forecast {
    /// All of it; less, if the run stops early.
    pub fn seconds(&self) -> f64 {
        self.learning_seconds
            + self.optimizer_seconds
            + self.reference_seconds
            + self.evaluation_seconds
            + self.checkpoint_seconds
    }
}

/// Tokens that were run in so many seconds.
#[derive(Clone, Copy, Default)]
struct Rate {
    tokens: u64,
    seconds: f64,
}

impl Rate {
    fn seconds_of(self, tokens: u64) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.seconds * tokens as f64 / self.tokens as f64 }
    }
}

impl Trainer {
    /// Measures a few micro-steps of the run's own samples, and an optimizer step beside the model.
    ///
    /// Values stay as they are, gradients end as zero, and nothing random is drawn: the run gives
    /// the same bits as without.
    ///
    /// # Errors
    /// What a sample or the run's checkpoint says; cancellation.
    pub fn forecast(
        &self,
        model: &mut dyn Trainable,
        objective: &mut dyn Objective,
        eval: Option<&mut dyn Objective>,
        pool: &Pool,
        cancel: &Cancel,
    ) -> Result<Forecast, TrainError> {
        let saved = Checkpoint::load(&self.dir.join(Checkpoint::FILE_NAME))?;
        let done = saved.map_or(0, |saved| saved.position.step);
        let total = self.config.total_steps(objective.num_samples());
        if done >= total {
            return Ok(Forecast::default());
        }
        let left = done..total;
        let step = self.optimizer_seconds(model, pool);
        objective.rehearse();
        let learning = self.learning_rate_of(model, objective, &left, cancel)?;
        let tokens = self.tokens_of(objective, &left).sum();
        let checkpoints = self.checkpoints(&left, eval.is_some());
        let checkpoint_bytes = self.checkpoint_bytes(model);
        let (mut reference, mut evaluation) = (0.0, 0.0);
        if done == 0 && objective.reference_tokens() > 0 {
            let forward = self.evaluation_rate(model, objective, cancel)?;
            reference += forward.seconds_of(objective.reference_tokens() as u64);
        }
        if let Some(eval) = eval {
            eval.rehearse();
            let forward = self.evaluation_rate(model, eval, cancel)?;
            let tokens: usize = (0..eval.num_samples()).map(|index| eval.num_tokens(index)).sum();
            evaluation = forward.seconds_of(tokens as u64) * self.evaluations(&left) as f64;
            if done == 0 {
                reference += forward.seconds_of(eval.reference_tokens() as u64);
            }
        }
        let steps = total - done;
        Ok(Forecast {
            steps,
            tokens,
            tokens_per_second: learning.tokens as f64 / learning.seconds.max(1e-9),
            learning_seconds: learning.seconds_of(tokens),
            optimizer_seconds: step * steps as f64,
            reference_seconds: reference,
            evaluations: self.evaluations(&left),
            evaluation_seconds: evaluation,
            checkpoints,
            checkpoint_bytes,
            checkpoint_seconds: (checkpoints * checkpoint_bytes) as f64 / DISK_BYTES_PER_SECOND,
        })
    }

    /// Tokens of the run's largest step.
    pub fn largest_step(&self, objective: &dyn Objective) -> u64 {
        let all = 0..self.config.total_steps(objective.num_samples());
        self.tokens_of(objective, &all).max().unwrap_or(0)
    }

    /// Tokens of each of some steps.
    fn tokens_of<'a>(
        &'a self,
        objective: &'a dyn Objective,
        steps: &'a Range<u64>,
    ) -> impl Iterator<Item = u64> + 'a {
        let samples = objective.num_samples();
        let per_epoch = self.config.steps_per_epoch(samples).max(1);
        // An epoch's order is drawn once for all of its steps.
        (steps.start / per_epoch..steps.end.div_ceil(per_epoch)).flat_map(move |epoch| {
            let order = epoch_order(samples, self.config.seed, epoch);
            let tokens = order
                .chunks(self.config.batch_size)
                .map(|chosen| chosen.iter().map(|&index| objective.num_tokens(index) as u64).sum());
            let numbered: Vec<(u64, u64)> = (epoch * per_epoch..).zip(tokens).collect();
            numbered.into_iter().filter(|(step, _)| steps.contains(step)).map(|(_, tokens)| tokens)
        })
    }

    /// Evaluations that end some steps: every so many, and the last.
    fn evaluations(&self, steps: &Range<u64>) -> u64 {
        let every = self.config.eval_steps.unwrap_or(steps.end);
        steps.end / every - steps.start / every + u64::from(!steps.end.is_multiple_of(every))
    }

    /// A checkpoint is written every so many steps, before each evaluation, and after the last one.
    fn checkpoints(&self, steps: &Range<u64>, evaluates: bool) -> u64 {
        let every = self.config.checkpoint_steps;
        let is_saved = |step: &u64| {
            let evaluated = evaluates && self.evaluates_after(*step, steps.end);
            step.is_multiple_of(every) || *step == steps.end || evaluated
        };
        let count = (steps.start + 1..=steps.end).filter(is_saved).count();
        count as u64 + u64::from(evaluates)
    }

    /// Values and the optimizer's state; names and shapes weigh nothing beside them.
    fn checkpoint_bytes(&self, model: &dyn Trainable) -> u64 {
        let tensors = trained_tensors(model.params(), self.config.loraplus_lr_ratio);
        (size_of_val(model.values()) + self.config.optimizer.bytes(&tensors)) as u64
    }

    /// Runs the first samples of some steps forward and back.
    fn learning_rate_of(
        &self,
        model: &mut dyn Trainable,
        objective: &mut dyn Objective,
        steps: &Range<u64>,
        cancel: &Cancel,
    ) -> Result<Rate, TrainError> {
        let noise = self.config.neftune_alpha.map(|alpha| (alpha, self.config.seed));
        // From different parts of what is left.
        let numbers = (0..MOST_PASSES).map(|at| {
            let stride = (steps.end - steps.start).div_ceil(MOST_PASSES);
            (steps.start + at * stride).min(steps.end - 1)
        });
        let rate = measured(numbers, cancel, |number| {
            let chosen =
                self.first_of(&self.samples_of(number, objective.num_samples()), objective);
            let purpose = Purpose::Learn(Step { number, noise });
            self.timed(model, objective, &chosen, purpose)
        });
        model.zero_grads();
        rate
    }

    /// Runs the first samples of a set forward.
    fn evaluation_rate(
        &self,
        model: &mut dyn Trainable,
        objective: &mut dyn Objective,
        cancel: &Cancel,
    ) -> Result<Rate, TrainError> {
        let all: Vec<usize> = (0..objective.num_samples()).collect();
        let chosen = self.first_of(&all, objective);
        measured(0..2, cancel, |_| self.timed(model, objective, &chosen, Purpose::Evaluate(cancel)))
    }

    /// As many samples as fill the micro-steps that are measured, one at least.
    fn first_of(&self, chosen: &[usize], objective: &dyn Objective) -> Vec<usize> {
        let most = MICRO_STEPS * self.config.micro_step_tokens;
        let mut tokens = 0;
        let fits = |index: &usize| {
            let first = tokens == 0;
            tokens += objective.num_tokens(*index);
            first || tokens <= most
        };
        chosen.iter().copied().take_while(fits).collect()
    }

    fn timed(
        &self,
        model: &mut dyn Trainable,
        objective: &mut dyn Objective,
        chosen: &[usize],
        purpose: Purpose<'_>,
    ) -> Result<Rate, TrainError> {
        let micro_step_tokens = self.config.micro_step_tokens;
        let tokens = chosen.iter().map(|&index| objective.num_tokens(index) as u64).sum();
        let start = Instant::now();
        objective.run(model, &Pass { chosen, micro_step_tokens, purpose })?;
        while model.next_gradients().is_some() {}
        Ok(Rate { tokens, seconds: start.elapsed().as_secs_f64() })
    }

    /// One step of the run's optimizer on values of its own, as many as the model's or a part of
    /// them, with the norm of all gradients.
    fn optimizer_seconds(&self, model: &dyn Trainable, pool: &Pool) -> f64 {
        let tensors = trained_tensors(model.params(), self.config.loraplus_lr_ratio);
        let (part, len) = some_of(&tensors);
        let mut optimizer = self.config.optimizer.build(&part);
        let (mut values, grads) = (vec![0.01; len], vec![0.01; len]);
        let mut step = || {
            let start = Instant::now();
            optimizer.step(pool, &mut values, &grads, 1.0, 0.0);
            start.elapsed().as_secs_f64()
        };
        step();
        let seconds = step() * model.values().len() as f64 / len as f64;
        // Gradients take as long as values, and are there after a pass only.
        let norm = || {
            let start = Instant::now();
            std::hint::black_box(sum_of_squares(pool, model.values()));
            start.elapsed().as_secs_f64()
        };
        norm();
        seconds + norm()
    }
}

/// Measures until it is enough. The first pass only warms up, unless it takes long.
fn measured(
    numbers: impl Iterator<Item = u64>,
    cancel: &Cancel,
    mut pass: impl FnMut(u64) -> Result<Rate, TrainError>,
) -> Result<Rate, TrainError> {
    let mut sum = Rate::default();
    for (at, number) in numbers.enumerate() {
        if cancel.is_cancelled() {
            return Err(TrainError::Cancelled);
        }
        if at == 0 {
            let first = pass(number)?;
            if first.seconds >= LONG_SECONDS {
                return Ok(first);
            }
        }
        let one = pass(number)?;
        sum = Rate { tokens: sum.tokens + one.tokens, seconds: sum.seconds + one.seconds };
        if sum.seconds >= ENOUGH_SECONDS {
            break;
        }
    }
    Ok(sum)
}

/// Every so manieth tensor, put together, so that kinds and shapes are mixed as in the whole.
fn some_of(tensors: &[TrainedTensor]) -> (Vec<TrainedTensor>, usize) {
    let values: usize = tensors.iter().map(|tensor| tensor.range.len()).sum();
    let every = values.div_ceil(OPTIMIZER_VALUES).clamp(1, tensors.len());
    let mut len = 0;
    let moved = tensors.iter().skip(every / 2).step_by(every).map(|tensor| {
        let shape = part_of(&tensor.shape);
        let range = len..len + shape.iter().product::<usize>();
        len = range.end;
        TrainedTensor { shape, range, ..tensor.clone() }
    });
    let part: Vec<TrainedTensor> = moved.collect();
    (part, len)
}

/// A shape with as many of its first axis as are measured at most.
fn part_of(shape: &[usize]) -> Vec<usize> {
    let mut part = shape.to_vec();
    if let [rows, rest @ ..] = &mut part[..] {
        let row: usize = rest.iter().product();
        *rows = (*rows).min((OPTIMIZER_VALUES / row.max(1)).max(1));
    }
    part
}
