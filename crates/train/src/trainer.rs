//! The training loop.

use crate::checkpoint::Checkpoint;
use crate::config::SftConfig;
use crate::error::TrainError;
use crate::metrics::{MetricsFile, StepMetrics};
use crate::optimizer::{AdamW, Optimizer, TrainedTensor};
use crate::order::{Sample, check_samples, epoch_order, pack, steps_per_epoch};
use crate::tensorboard::EventWriter;
use crate::trainable::Trainable;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{Pool, sum_of_squares};
use catena_protocol::{Cancel, Progress};

/// What a finished run says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOutcome {
    /// Figures of every step.
    pub metrics: Vec<StepMetrics>,
    /// The step this invocation started from; 0 for a fresh run.
    pub resumed_from: u64,
}

/// Fine-tunes a model on samples, in a folder that holds its checkpoint and metrics.
pub struct Trainer<'a> {
    config: SftConfig,
    samples: &'a [Sample],
    dir: Utf8PathBuf,
    fingerprint: String,
}

impl<'a> Trainer<'a> {
    /// Prepares a run in `dir`. `fingerprint` identifies the base model; configuration and
    /// samples are added to it.
    ///
    /// # Errors
    /// What is wrong with the configuration or a sample.
    pub fn new(
        config: SftConfig,
        samples: &'a [Sample],
        dir: &Utf8Path,
        fingerprint: &str,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        check_samples(samples, config.micro_step_tokens)?;
        let fingerprint = run_fingerprint(&config, samples, fingerprint);
        Ok(Self { config, samples, dir: dir.to_owned(), fingerprint })
    }

    /// Optimizer steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        steps_per_epoch(self.samples.len(), self.config.batch_size) * u64::from(self.config.epochs)
    }

    /// Runs to the end, from the folder's checkpoint if it has one.
    ///
    /// # Errors
    /// [`TrainError::Interrupted`] after saving, when `cancel` is set; [`TrainError::Diverged`] on
    /// a loss or gradient that is not finite; file and model errors.
    pub fn run(
        &self,
        model: &mut dyn Trainable,
        pool: &Pool,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<TrainOutcome, TrainError> {
        let io = |source| TrainError::Io { path: self.dir.clone(), source };
        std::fs::create_dir_all(&self.dir).map_err(io)?;
        let whole = TrainedTensor::whole(model.values().len());
        let mut optimizer = AdamW::new(&[whole], self.config.optimizer);
        let resumed_from = self.resume(model, &mut optimizer)?;
        let (mut file, mut metrics) =
            MetricsFile::open(&self.dir.join("metrics.jsonl"), resumed_from)?;
        let mut events = EventWriter::create(&self.dir.join("tensorboard"))?;
        let total = self.total_steps();
        progress.begin("train", Some(total), "steps");
        progress.update(resumed_from);
        while optimizer.steps() < total {
            let figures = self.step(model, pool, &mut optimizer)?;
            file.append(&figures)?;
            log_events(&mut events, &figures)?;
            progress.update(figures.step);
            progress.note(&format!("loss {:.4}", figures.loss));
            metrics.push(figures);
            let stop = cancel.is_cancelled() && optimizer.steps() < total;
            let due = optimizer.steps().is_multiple_of(self.config.checkpoint_steps);
            if stop || due || optimizer.steps() == total {
                self.save(model, &optimizer)?;
            }
            if stop {
                return Err(TrainError::Interrupted { step: optimizer.steps() });
            }
        }
        progress.end();
        Ok(TrainOutcome { metrics, resumed_from })
    }

    /// One optimizer step: gradients of the step's samples over its supervised tokens, clipped,
    /// applied.
    fn step(
        &self,
        model: &mut dyn Trainable,
        pool: &Pool,
        optimizer: &mut AdamW,
    ) -> Result<StepMetrics, TrainError> {
        let step = optimizer.steps();
        let chosen = self.samples_of(step);
        let supervised: usize = chosen.iter().map(|sample| sample.num_supervised()).sum();
        model.zero_grads();
        let mut loss_sum = 0.0;
        let mut tokens = 0;
        for batch in pack(&chosen, self.config.micro_step_tokens) {
            tokens += batch.tokens.len();
            loss_sum += model.forward_backward(&batch, 1.0 / supervised as f32)?.loss_sum;
        }
        let loss = finite("loss", step, loss_sum / supervised as f64)?;
        let grad_norm = finite("gradient norm", step, sum_of_squares(pool, model.grads()).sqrt())?;
        let learning_rate = self.learning_rate(step);
        let scale = clip_scale(grad_norm, self.config.max_grad_norm);
        let (values, grads) = model.values_and_grads();
        optimizer.step(pool, values, grads, scale, learning_rate);
        model.refresh();
        Ok(StepMetrics {
            step: step + 1,
            loss,
            learning_rate,
            grad_norm,
            supervised_tokens: supervised,
            tokens,
        })
    }

    fn samples_of(&self, step: u64) -> Vec<&'a Sample> {
        let per_epoch = steps_per_epoch(self.samples.len(), self.config.batch_size);
        let order = epoch_order(self.samples.len(), self.config.seed, step / per_epoch);
        let first = usize::try_from(step % per_epoch).expect("a step index fits in memory")
            * self.config.batch_size;
        let end = (first + self.config.batch_size).min(order.len());
        order[first..end].iter().map(|&index| &self.samples[index]).collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the step count is a step count"
    )]
    fn learning_rate(&self, step: u64) -> f64 {
        let total = self.total_steps();
        let warmup = (self.config.warmup_ratio * total as f64).ceil() as u64;
        // `step + 1`: a first step at rate 0 would train nothing.
        self.config.schedule.learning_rate(self.config.learning_rate, step + 1, warmup, total + 1)
    }

    fn save(&self, model: &dyn Trainable, optimizer: &AdamW) -> Result<(), TrainError> {
        let (first_moment, second_moment) = optimizer.moments();
        Checkpoint {
            step: optimizer.steps(),
            fingerprint: self.fingerprint.clone(),
            values: model.values().to_vec(),
            first_moment: first_moment.to_vec(),
            second_moment: second_moment.to_vec(),
        }
        .save(&self.dir.join(Checkpoint::FILE_NAME))
    }

    fn resume(&self, model: &mut dyn Trainable, optimizer: &mut AdamW) -> Result<u64, TrainError> {
        let Some(saved) = Checkpoint::load(&self.dir.join(Checkpoint::FILE_NAME))? else {
            return Ok(0);
        };
        if saved.fingerprint != self.fingerprint {
            return Err(TrainError::CheckpointMismatch {
                what: "fingerprint",
                found: saved.fingerprint,
                expected: self.fingerprint.clone(),
            });
        }
        if saved.values.len() != model.values().len() {
            return Err(TrainError::CheckpointMismatch {
                what: "number of trained values",
                found: saved.values.len().to_string(),
                expected: model.values().len().to_string(),
            });
        }
        optimizer.restore_moments(saved.step, &saved.first_moment, &saved.second_moment)?;
        model.values_mut().copy_from_slice(&saved.values);
        model.refresh();
        Ok(saved.step)
    }
}

fn log_events(events: &mut EventWriter, figures: &StepMetrics) -> Result<(), TrainError> {
    #[expect(clippy::cast_possible_truncation, reason = "TensorBoard's scalars are f32")]
    let scalars = [
        ("train/loss", figures.loss as f32),
        ("train/learning_rate", figures.learning_rate as f32),
        ("train/grad_norm", figures.grad_norm as f32),
    ];
    for (tag, value) in scalars {
        events.scalar(tag, value, figures.step)?;
    }
    Ok(())
}

fn finite(what: &'static str, step: u64, value: f64) -> Result<f64, TrainError> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(TrainError::Diverged { what, step: step + 1, value })
    }
}

/// `min(1, max_norm / (norm + 1e-6))` as PyTorch's `clip_grad_norm_`; 1 when clipping is off.
#[expect(clippy::cast_possible_truncation, reason = "the factor multiplies f32 gradients")]
fn clip_scale(grad_norm: f64, max_norm: f64) -> f32 {
    if max_norm == 0.0 { 1.0 } else { (max_norm / (grad_norm + 1e-6)).min(1.0) as f32 }
}

/// FNV-1a over configuration, samples and the base model's identity: tells runs apart, is no
/// defence against forgery.
fn run_fingerprint(config: &SftConfig, samples: &[Sample], base: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    feed(base.as_bytes());
    feed(serde_json::to_string(config).expect("plain numbers serialize").as_bytes());
    for sample in samples {
        feed(&(sample.tokens.len() as u64).to_le_bytes());
        for (token, label) in sample.tokens.iter().zip(&sample.labels) {
            feed(&token.to_le_bytes());
            feed(&label.map_or(u64::MAX, u64::from).to_le_bytes());
        }
    }
    format!("{hash:016x}")
}
