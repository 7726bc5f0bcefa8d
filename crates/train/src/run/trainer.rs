//! The training loop.

use super::checkpoint::{Best, Checkpoint, Position};
use super::config::{ClipGradNorm, RunConfig};
use super::divergence;
use super::figures::{EvalMetrics, Figures, Generation, LinesFile, StepMetrics, StepSpeed};
use super::fingerprint::{Fingerprints, Identity, fingerprint};
use super::gradients::largest_gradient;
use super::order::epoch_order;
use super::update::Updater;
use crate::check::check;
use crate::error::TrainError;
use crate::objective::{Objective, Pass, Preparation, Purpose, Step};
use crate::tensorboard::EventWriter;
use crate::trainable::Trainable;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::{Cancel, Progress};
use std::time::Instant;

/// What a finished run says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainOutcome {
    /// Figures of every step.
    pub metrics: Vec<StepMetrics>,
    /// Figures of every evaluation.
    pub evaluations: Vec<EvalMetrics>,
    /// The step this invocation started from; 0 for a fresh run.
    pub resumed_from: u64,
    /// Whether evaluations stopped getting better before the last step.
    pub stopped_early: bool,
    /// The best evaluation, if there was one.
    pub best: Option<Best>,
}

/// Looks at the model where it is evaluated, and has it write texts.
pub trait Observer {
    /// Called when `step` steps are done: after an evaluation, or where one would be if there is
    /// nothing to measure on. What the model wrote is kept with the run's figures.
    ///
    /// # Errors
    /// What stops the run; [`TrainError::Cancelled`] if it was asked to stop, and the resumed run
    /// is to call again.
    fn evaluated(
        &mut self,
        step: u64,
        metrics: Option<&EvalMetrics>,
        model: &mut dyn Trainable,
    ) -> Result<Vec<Generation>, TrainError>;
}

/// A run in a folder that holds its checkpoint and metrics.
pub struct Trainer {
    pub(super) config: RunConfig,
    pub(super) dir: Utf8PathBuf,
    identity: Identity,
}

/// A checkpoint of the same run, which it will go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumed {
    /// Steps done.
    pub step: u64,
    /// What they were computed with, if this machine computes with something else: the run goes
    /// on, but its last bits are none that either machine alone would have given.
    pub other_arithmetic: Option<String>,
}

/// What is learnt from, what is measured on, and who looks on.
struct Parts<'a> {
    objective: &'a mut dyn Objective,
    eval: Option<&'a mut dyn Objective>,
    observer: Option<&'a mut dyn Observer>,
}

impl Parts<'_> {
    /// Whether there is anything to do at an evaluation.
    fn look(&self) -> bool {
        self.eval.is_some() || self.observer.is_some()
    }
}

/// A run between two steps.
struct State {
    position: Position,
    updater: Updater,
    metrics: Vec<StepMetrics>,
    evaluations: Vec<EvalMetrics>,
    metrics_file: LinesFile,
    eval_file: LinesFile,
    speed_file: LinesFile,
    /// What the model wrote, if somebody has it write.
    samples_file: Option<LinesFile>,
    events: EventWriter,
}

impl Trainer {
    /// Prepares a run in `dir`. `identity` tells the base model and what is trained of it;
    /// configuration and samples are added to it.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(
        config: RunConfig,
        dir: &Utf8Path,
        identity: impl Into<Identity>,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        Ok(Self { config, dir: dir.to_owned(), identity: identity.into() })
    }

    /// Looks whether [`Self::run`] would go on from a checkpoint, and changes nothing.
    ///
    /// # Errors
    /// The folder holds a checkpoint of another run, or one that cannot be read.
    pub fn resumed(&self, objective: &dyn Objective) -> Result<Option<Resumed>, TrainError> {
        let Some(Checkpoint { position, .. }) = self.own_checkpoint(objective)? else {
            return Ok(None);
        };
        let own = &self.identity.arithmetic;
        let is_other = |known: &String| !known.is_empty() && !own.is_empty() && known != own;
        let other_arithmetic = Some(position.arithmetic).filter(is_other);
        Ok(Some(Resumed { step: position.step, other_arithmetic }))
    }

    /// The folder's checkpoint, if it has one, which must be of this run.
    fn own_checkpoint(&self, objective: &dyn Objective) -> Result<Option<Checkpoint>, TrainError> {
        let Some(saved) = Checkpoint::load(&self.dir.join(Checkpoint::FILE_NAME))? else {
            return Ok(None);
        };
        let expected = fingerprint(&self.config, objective, &self.identity);
        if saved.position.fingerprint == expected {
            return Ok(Some(saved));
        }
        let own = Fingerprints::of(&self.config, objective, &self.identity);
        let differences = saved.position.parts.map(|parts| parts.differences(&own));
        match differences.filter(|differences| !differences.is_empty()) {
            Some(differences) => Err(TrainError::OtherRun { differences }),
            None => Err(TrainError::CheckpointMismatch {
                what: "fingerprint",
                found: saved.position.fingerprint,
                expected,
            }),
        }
    }

    /// Runs to the end, from the folder's checkpoint if it has one. With `eval`, its loss is
    /// measured every so many steps and at the end.
    ///
    /// # Errors
    /// What is wrong with a sample; [`TrainError::Interrupted`] after saving, when `cancel` is set,
    /// in an evaluation too, which the resumed run then makes up;
    /// [`TrainError::NotFinite`] and [`TrainError::Diverged`]; file and model errors.
    pub fn run<'a>(
        &self,
        model: &mut dyn Trainable,
        objective: &'a mut dyn Objective,
        eval: Option<&'a mut dyn Objective>,
        observer: Option<&'a mut dyn Observer>,
        pool: &Pool,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<TrainOutcome, TrainError> {
        let io = |source| TrainError::Io { path: self.dir.clone(), source };
        std::fs::create_dir_all(&self.dir).map_err(io)?;
        remove_unfinished(&self.dir).map_err(io)?;
        let total = self.config.total_steps(objective.num_samples());
        let schedule = self.config.schedule;
        schedule.validate(self.config.learning_rate, self.config.warmup(total), total)?;
        if model.gradients_by_part() {
            self.check_parts(objective)?;
        }
        let mut parts = Parts { objective, eval, observer };
        self.prepare(model, &mut parts, progress, cancel)?;
        let mut state = self.start(model, parts.objective, parts.observer.is_some())?;
        let resumed_from = state.position.step;
        progress.begin("train", Some(total), "steps");
        progress.update(resumed_from);
        let mut stopped_early = self.evaluate_due(model, &mut parts, &mut state, total, cancel)?;
        while state.position.step < total && !stopped_early {
            let start = Instant::now();
            self.step(model, &mut parts, pool, &mut state)?;
            let step = state.position.step;
            progress.update(step);
            let seconds = start.elapsed().as_secs_f64();
            state.tell(StepSpeed { step, total, seconds, tokens_per_second: 0.0 }, progress)?;
            let due = parts.look() && self.evaluates_after(step, total);
            state.position.evaluation_pending = due;
            let stop = cancel.is_cancelled() && (due || step < total);
            // Whatever ends an evaluation before its time, the steps before it are kept.
            let is_multiple = step.is_multiple_of(self.config.checkpoint_steps);
            if stop || due || is_multiple || step == total {
                self.save(model, &state)?;
            }
            if stop {
                return Err(TrainError::Interrupted { step });
            }
            stopped_early = self.evaluate_due(model, &mut parts, &mut state, total, cancel)?;
        }
        progress.end();
        if self.config.keep_best && state.position.best.is_some() {
            let file = self.dir.join(Checkpoint::BEST_FILE_NAME);
            if let Some(best) = Checkpoint::load(&file)? {
                best.restore_values(model)?;
                // The file may be of an evaluation that a run elsewhere did not find best.
                state.position.best = best.position.best.or(state.position.best);
            }
        }
        Ok(TrainOutcome {
            metrics: state.metrics,
            evaluations: state.evaluations,
            resumed_from,
            stopped_early,
            best: state.position.best,
        })
    }

    /// Refuses what needs all gradients of a step at once.
    fn check_parts(&self, objective: &dyn Objective) -> Result<(), TrainError> {
        let RunConfig { max_grad_norm, clip_grad_norm, micro_step_tokens, .. } = self.config;
        let by_tensor = clip_grad_norm == ClipGradNorm::PerTensor || max_grad_norm == 0.0;
        let range = "`per_tensor`, or `max_grad_norm` 0, where the optimizer runs in the backward \
                     pass";
        check("clip_grad_norm", &"global", by_tensor, range)?;
        let fits = self.largest_step(objective) <= micro_step_tokens as u64;
        let range = "as many tokens as the largest step has, where the optimizer runs in the \
                     backward pass";
        check("micro_step_tokens", &micro_step_tokens, fits, range)
    }

    fn prepare(
        &self,
        model: &mut dyn Trainable,
        parts: &mut Parts<'_>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<(), TrainError> {
        let mut objectives = vec![("train", &mut *parts.objective)];
        objectives.extend(parts.eval.as_mut().map(|eval| ("eval", &mut **eval)));
        for (set, objective) in objectives {
            let fingerprint = &fingerprint(&self.config, objective, &self.identity);
            let dir = &self.dir;
            objective.prepare(model, &Preparation { dir, set, fingerprint, progress, cancel })?;
        }
        Ok(())
    }

    /// A fresh start, or the folder's checkpoint.
    fn start(
        &self,
        model: &mut dyn Trainable,
        objective: &dyn Objective,
        writes: bool,
    ) -> Result<State, TrainError> {
        let fingerprint = fingerprint(&self.config, objective, &self.identity);
        let parts = Fingerprints::of(&self.config, objective, &self.identity);
        let mut updater = Updater::new(&self.config, model.params());
        let mut position = Position { fingerprint, ..Position::default() };
        if let Some(saved) = self.own_checkpoint(objective)? {
            saved.restore_values(model)?;
            saved.restore_optimizer(updater.optimizer_mut())?;
            position = saved.position;
        }
        position.parts = Some(parts);
        position.arithmetic.clone_from(&self.identity.arithmetic);
        let step = position.step;
        // What a stopped evaluation left is made again.
        let evaluated = step - u64::from(position.evaluation_pending);
        let (metrics_file, metrics) = LinesFile::open(&self.dir.join("metrics.jsonl"), step)?;
        let evaluations = self.dir.join("evaluations.jsonl");
        let (eval_file, evaluations) = LinesFile::open(&evaluations, evaluated)?;
        let speeds = self.dir.join("speeds.jsonl");
        let (speed_file, _) = LinesFile::open::<StepSpeed>(&speeds, step)?;
        let samples = self.dir.join("samples.jsonl");
        let samples = writes.then(|| LinesFile::open::<Generation>(&samples, evaluated));
        let samples = samples.transpose()?;
        let events = EventWriter::create(&self.dir.join("tensorboard"))?;
        Ok(State {
            position,
            updater,
            metrics,
            evaluations,
            metrics_file,
            eval_file,
            speed_file,
            samples_file: samples.map(|(file, _)| file),
            events,
        })
    }

    /// One optimizer step: gradients of the step's samples, clipped, applied.
    fn step(
        &self,
        model: &mut dyn Trainable,
        parts: &mut Parts<'_>,
        pool: &Pool,
        state: &mut State,
    ) -> Result<(), TrainError> {
        let number = state.position.step;
        let chosen = self.samples_of(number, parts.objective.num_samples());
        model.zero_grads();
        let noise = self.config.neftune_alpha.map(|alpha| (alpha, self.config.seed));
        let pass = Pass {
            chosen: &chosen,
            micro_step_tokens: self.config.micro_step_tokens,
            purpose: Purpose::Learn(Step { number, noise }),
        };
        let figures = parts.objective.run(model, &pass)?;
        let loss = finite("loss", number, figures.loss, model)?;
        let total = self.config.total_steps(parts.objective.num_samples());
        let learning_rate = self.config.schedule.learning_rate(
            self.config.learning_rate,
            number,
            self.config.warmup(total),
            total,
        );
        let norm = state.updater.update(model, pool, learning_rate);
        let grad_norm = finite("gradient norm", number, norm, model)?;
        state.position.step += 1;
        let Figures { supervised, tokens, extra, .. } = figures;
        let metrics = StepMetrics {
            step: state.position.step,
            loss,
            learning_rate,
            grad_norm,
            supervised_tokens: supervised,
            tokens,
            extra,
        };
        state.metrics_file.append(&metrics)?;
        state.log_step(&metrics)?;
        state.metrics.push(metrics);
        let factor = self.config.divergence_factor;
        match divergence::follow(&mut state.position, loss, factor) {
            None => Ok(()),
            Some((smoothed, bound)) => Err(TrainError::Diverged {
                step: state.position.step,
                smoothed,
                bound,
                largest_gradient: largest_gradient(
                    model.params(),
                    state.updater.squares(model, pool),
                ),
            }),
        }
    }

    /// Whether the model is evaluated when `step` steps are done.
    pub(super) fn evaluates_after(&self, step: u64, total: u64) -> bool {
        step == total || self.config.eval_steps.is_some_and(|every| step.is_multiple_of(every))
    }

    /// Makes the evaluation that is due, now or since a run that was stopped in it, and says
    /// whether it was one too many without a better one.
    ///
    /// The checkpoint on disk is the one from before it: a run that is stopped here makes it again.
    fn evaluate_due(
        &self,
        model: &mut dyn Trainable,
        parts: &mut Parts<'_>,
        state: &mut State,
        total: u64,
        cancel: &Cancel,
    ) -> Result<bool, TrainError> {
        let step = state.position.step;
        if state.position.evaluation_pending {
            self.evaluate(model, parts, state, cancel).map_err(|error| {
                if matches!(error, TrainError::Cancelled) {
                    return TrainError::Interrupted { step };
                }
                error
            })?;
            state.position.evaluation_pending = false;
            if step == total || self.is_patience_over(&state.position) {
                self.save(model, state)?;
            }
        }
        Ok(self.is_patience_over(&state.position))
    }

    /// Measures the model and has it write.
    fn evaluate(
        &self,
        model: &mut dyn Trainable,
        parts: &mut Parts<'_>,
        state: &mut State,
        cancel: &Cancel,
    ) -> Result<(), TrainError> {
        let metrics = match &mut parts.eval {
            Some(eval) => Some(self.measure(model, *eval, state, cancel)?),
            None => None,
        };
        if let Some(observer) = &mut parts.observer {
            let written = observer.evaluated(state.position.step, metrics.as_ref(), model)?;
            state.keep_written(&written)?;
        }
        state.evaluations.extend(metrics);
        Ok(())
    }

    fn measure(
        &self,
        model: &mut dyn Trainable,
        eval: &mut dyn Objective,
        state: &mut State,
        cancel: &Cancel,
    ) -> Result<EvalMetrics, TrainError> {
        let step = state.position.step;
        let figures = eval.evaluate(model, self.config.micro_step_tokens, cancel)?;
        let loss = finite("evaluation loss", step - 1, figures.loss, model)?;
        let Figures { supervised, extra, .. } = figures;
        let metrics = EvalMetrics { step, loss, supervised, extra };
        state.eval_file.append(&metrics)?;
        state.log_eval(&metrics)?;
        if state.position.best.is_none_or(|best| loss < best.loss) {
            state.position.best = Some(Best { step, loss });
            state.position.evaluations_since_best = 0;
            if self.config.keep_best {
                let file = self.dir.join(Checkpoint::BEST_FILE_NAME);
                Checkpoint::save(&file, &state.position, model, None)?;
            }
        } else {
            state.position.evaluations_since_best += 1;
        }
        Ok(metrics)
    }

    fn is_patience_over(&self, position: &Position) -> bool {
        let since = position.evaluations_since_best;
        self.config.early_stopping_patience.is_some_and(|patience| since >= patience.max(1))
    }

    /// The samples of a step, by index.
    pub(super) fn samples_of(&self, step: u64, num_samples: usize) -> Vec<usize> {
        let per_epoch = self.config.steps_per_epoch(num_samples);
        let order = epoch_order(num_samples, self.config.seed, step / per_epoch);
        let first = usize::try_from(step % per_epoch).expect("a step index fits in memory")
            * self.config.batch_size;
        order[first..(first + self.config.batch_size).min(order.len())].to_vec()
    }

    fn save(&self, model: &dyn Trainable, state: &State) -> Result<(), TrainError> {
        let file = self.dir.join(Checkpoint::FILE_NAME);
        Checkpoint::save(&file, &state.position, model, Some(state.updater.optimizer()))
    }
}

impl State {
    /// Says how the last step went, and keeps how fast it was.
    fn tell(&mut self, speed: StepSpeed, progress: &dyn Progress) -> Result<(), TrainError> {
        let Some(StepMetrics { loss, learning_rate, tokens, .. }) = self.metrics.last() else {
            return Ok(());
        };
        let tokens_per_second = *tokens as f64 / speed.seconds.max(1e-9);
        progress.note(&format!(
            "loss {loss:.4}, learning rate {learning_rate:.2e}, {tokens_per_second:.0} tokens/s"
        ));
        self.speed_file.append(&StepSpeed { tokens_per_second, ..speed })
    }

    fn keep_written(&mut self, written: &[Generation]) -> Result<(), TrainError> {
        for (index, one) in written.iter().enumerate() {
            if let Some(file) = &mut self.samples_file {
                file.append(one)?;
            }
            // TensorBoard shows texts as Markdown.
            let text = format!("**{}**\n\n{}", one.prompt, one.text);
            self.events.text(&format!("samples/{index}"), &text, one.step)?;
        }
        Ok(())
    }

    fn log_step(&mut self, figures: &StepMetrics) -> Result<(), TrainError> {
        let own = [
            ("loss", figures.loss),
            ("learning_rate", figures.learning_rate),
            ("grad_norm", figures.grad_norm),
        ];
        let extra = figures.extra.iter().map(|(name, value)| (name.as_str(), *value));
        self.log("train", own.into_iter().chain(extra), figures.step)
    }

    fn log_eval(&mut self, figures: &EvalMetrics) -> Result<(), TrainError> {
        let extra = figures.extra.iter().map(|(name, value)| (name.as_str(), *value));
        self.log("eval", std::iter::once(("loss", figures.loss)).chain(extra), figures.step)
    }

    #[expect(clippy::cast_possible_truncation, reason = "TensorBoard's scalars are f32")]
    fn log<'a>(
        &mut self,
        group: &str,
        scalars: impl Iterator<Item = (&'a str, f64)>,
        step: u64,
    ) -> Result<(), TrainError> {
        for (name, value) in scalars {
            self.events.scalar(&format!("{group}/{name}"), value as f32, step)?;
        }
        Ok(())
    }
}

/// Removes what a killed process had begun to write.
fn remove_unfinished(dir: &Utf8Path) -> std::io::Result<()> {
    for entry in dir.read_dir_utf8()? {
        let path = entry?.into_path();
        let is_part = |extension: &str| extension == "part" || extension.starts_with("part-");
        if path.extension().is_some_and(is_part) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Refuses a value that is not finite, and says where it came from.
fn finite(
    what: &'static str,
    step: u64,
    value: f64,
    model: &dyn Trainable,
) -> Result<f64, TrainError> {
    if value.is_finite() {
        return Ok(value);
    }
    let place = model.not_finite().unwrap_or_else(|| "the loss itself".to_owned());
    Err(TrainError::NotFinite { what, step: step + 1, value, place })
}
