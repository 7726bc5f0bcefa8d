//! One run from its file to its result.

use super::encode::{self, Rows};
use super::lint;
use super::model::{BaseModel, Fit, base_path, task};
use super::objectives::{check, objective, run_config};
use super::plan::{self, DiskPlan, Plan, Taken, TimePlan, max_memory};
use super::read::RunFile;
use super::samples::{self, Samples};
use super::save::{labels, save};
use super::settings::{PatternSettings, TrainSettings, TrainStage};
use super::write::{self, Asked, Writer};
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8PathBuf;
use catena_data::Classes;
use catena_kernels::{DenseType, Pool, level};
use catena_model::training::TrainModel;
use catena_pipeline::memory::peak_bytes;
use catena_protocol::{Cancel, Progress};
use catena_train::{Identity, Objective, Observer, Resumed, TrainError, TrainOutcome, Trainer};
use std::sync::Arc;
use std::time::Instant;

/// Folder of checkpoint and figures below the output.
pub(super) const RUN_DIR: &str = "run";

/// A run that is ready to start.
pub(crate) struct Prepared {
    pub(crate) base: BaseModel,
    pub(crate) digest: String,
    pub(crate) classes: Classes,
    pub(crate) train: Rows,
    pub(crate) eval: Option<Rows>,
    /// What the model is asked to write while it is trained.
    pub(crate) asked: Vec<Asked>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) output: Utf8PathBuf,
}

/// Runs `catena train run`.
pub(super) fn run(file: &RunFile, threads: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let prepared = prepare(file, threads, cancel)?;
    let progress = for_stderr();
    let Finished { outcome, model } =
        run_prepared(&file.settings, &prepared, progress.as_ref(), cancel)?;
    let folder = save(&file.settings, &prepared.base, &model, &prepared.classes, &prepared.output)
        .map_err(|error| {
            Failure::new(Exit::Environment, "cannot save the result", error)
                .hint("the checkpoint is kept: run the same command again once there is room")
        })?;
    report(&outcome);
    print_line(folder.as_str());
    Ok(())
}

/// A run to its end.
pub(crate) struct Finished {
    pub(crate) outcome: TrainOutcome,
    pub(crate) model: TrainModel,
}

/// Plans a run that was prepared, says what it will take, and trains.
pub(crate) fn run_prepared(
    settings: &TrainSettings,
    prepared: &Prepared,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Finished, Failure> {
    let mut run = Run::open(settings, prepared)?;
    // A folder of another run stays as it is, its plan too.
    let resumed = run.trainer.resumed(run.learnt.as_ref()).map_err(failure)?;
    if let Some(Resumed { step, other_arithmetic: Some(other) }) = resumed {
        say(&format!(
            "  warning: the {step} steps of the checkpoint were computed with {other}, this machine \
             computes with {}: the run goes on, but its last bits are those of neither",
            arithmetic()
        ));
    }
    let plan = run.plan(settings, prepared, cancel)?;
    plan.lines().iter().for_each(|line| say(line));
    let outcome = run.train(settings, prepared, plan, progress, cancel)?;
    Ok(Finished { outcome, model: run.model })
}

/// Runs `catena train plan`.
pub(super) fn plan(
    file: &RunFile,
    json: bool,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let prepared = prepare(file, threads, cancel)?;
    let settings = &file.settings;
    let plan = Run::open(settings, &prepared)?.plan(settings, &prepared, cancel)?;
    if json {
        print_line(&serde_json::to_string(&plan).expect("plain values serialize"));
    } else {
        plan.lines().iter().for_each(|line| print_line(line));
    }
    Ok(())
}

/// Reads, looks over and encodes everything, before any time is spent on training.
pub(super) fn prepare(
    file: &RunFile,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<Prepared, Failure> {
    let settings = &file.settings;
    // Told before anything is read.
    check(settings)?;
    max_memory(settings)?;
    let progress = for_stderr();
    let finder = Finder { project: &file.folder, progress: progress.as_ref(), cancel };
    let input = Finder::digested(base_path(file, &finder)?)?;
    let pool = pool(threads);
    let base = BaseModel::open(&input.path, settings, &pool)?.go_on(file)?;
    if settings.max_tokens > base.max_positions() {
        let cause = format!(
            "`max_tokens` is {}, the model takes {} tokens",
            settings.max_tokens,
            base.max_positions()
        );
        return Err(Failure::new(Exit::Usage, "cannot train with these settings", cause));
    }
    if settings.losses.router_aux_loss_coef > 0.0 && !base.has_experts() {
        let cause = "`router_aux_loss_coef` balances experts, and the model has none";
        return Err(Failure::new(Exit::Usage, "cannot train with these settings", cause));
    }
    let asked = write::asked(settings, &base)?;
    let samples = samples::read(file)?;
    if !settings.ignore_lint {
        lint::gate(settings, &base, &samples)?;
    }
    let classes = classes(settings.stage, &samples);
    let fail = |error| {
        Failure::new(Exit::Usage, "cannot encode the samples", error)
            .hint("`stage` says what is learned, `data_format` how rows are read")
    };
    let (train, lost) = encode::encode(settings, &base, &classes, &samples.train).map_err(fail)?;
    if lost > 0 {
        say(&format!("  {lost} samples have nothing left to train on and are left out"));
    }
    let eval = if samples.eval.is_empty() {
        None
    } else {
        Some(encode::encode(settings, &base, &classes, &samples.eval).map_err(fail)?.0)
    };
    let (digest, output) = (input.digest, file.output());
    Ok(Prepared { base, digest, classes, train, eval, asked, pool, output })
}

fn classes(stage: TrainStage, samples: &Samples) -> Classes {
    match stage {
        TrainStage::Classify | TrainStage::Tag => encode::classes(&samples.train),
        TrainStage::Pretrain
        | TrainStage::Sft
        | TrainStage::Reward
        | TrainStage::Preference
        | TrainStage::Kto
        | TrainStage::Embed
        | TrainStage::Rerank => Classes::Score,
    }
}

impl Prepared {
    /// The model with what is trained of it.
    pub(super) fn model(&self, settings: &TrainSettings, fit: Fit) -> Result<TrainModel, Failure> {
        let task = task(settings, &self.base, labels(&self.classes).len())?;
        self.base.build(settings, task, fit, &self.pool)
    }

    /// What tells the run from others, beside samples and hyper-parameters.
    fn identity(&self, s: &TrainSettings) -> Identity {
        // Nothing is added for runs that begin anew: their checkpoints are known by what they were.
        let start = self.base.start.as_ref().map(|start| format!(" from {}", start.digest));
        let patterns = Some(&s.patterns).filter(|given| **given != PatternSettings::default());
        let patterns = patterns.map(|given| format!(" {given:?}"));
        let trained = format!(
            "{} {:?} {} {:?} {:?} {} {} {} {:?} {} {} {:?} {:?} {}{}{}",
            s.draws_weights(),
            s.method,
            s.lora_rank,
            s.lora_alpha,
            s.target_modules,
            s.use_rslora,
            s.use_dora,
            s.init_lora_weights,
            s.modules_to_save,
            s.num_virtual_tokens,
            s.freeze.freeze_trainable_layers,
            s.freeze.freeze_trainable_modules,
            s.freeze.freeze_extra_modules,
            s.keep_blocks,
            start.unwrap_or_default(),
            patterns.unwrap_or_default(),
        );
        Identity { base_model: self.digest.clone(), trained, arithmetic: arithmetic() }
    }
}

/// What models are trained with on this machine.
fn arithmetic() -> String {
    let operands = match DenseType::fastest() {
        DenseType::F32 => "f32",
        DenseType::Bf16 => "bf16",
    };
    format!("{operands} operands on {}", level().name())
}

/// A model, what it learns from and is measured on, and the loop.
struct Run<'a> {
    memory: Plan,
    model: TrainModel,
    learnt: Box<dyn Objective + 'a>,
    eval: Option<Box<dyn Objective + 'a>>,
    trainer: Trainer,
    dir: Utf8PathBuf,
}

impl<'a> Run<'a> {
    /// Plans the memory, then takes it.
    fn open(settings: &TrainSettings, prepared: &'a Prepared) -> Result<Self, Failure> {
        let memory = plan::plan(settings, prepared)?;
        let (width, tokens) = (labels(&prepared.classes).len(), memory.micro_step_tokens);
        let learnt = objective(settings, &prepared.train, width, tokens)?;
        let eval = prepared.eval.as_ref().map(|rows| objective(settings, rows, width, tokens));
        let eval = eval.transpose()?;
        let config = run_config(settings, learnt.num_samples(), tokens)?;
        let dir = prepared.output.join(RUN_DIR);
        let trainer = Trainer::new(config, &dir, prepared.identity(settings)).map_err(failure)?;
        let model = prepared.model(settings, memory.room)?;
        Ok(Self { memory, model, learnt, eval, trainer, dir })
    }

    /// The plan, with the time that a few of the run's samples let expect, and the disk's room.
    fn plan(
        &mut self,
        settings: &TrainSettings,
        prepared: &Prepared,
        cancel: &Cancel,
    ) -> Result<Plan, Failure> {
        say(&format!(
            "  training {} values of `{}` on {} rows",
            self.model.values().len(),
            settings.model_name(),
            prepared.train.len(),
        ));
        let eval = self.eval.as_mut().map(|eval| eval.as_mut() as &mut dyn Objective);
        let (model, learnt, pool) = (&mut self.model, self.learnt.as_mut(), &prepared.pool);
        let forecast = self.trainer.forecast(model, learnt, eval, pool, cancel).map_err(failure)?;
        if forecast.steps == 0 {
            return Ok(self.memory.clone());
        }
        let disk = Some(DiskPlan::new(&forecast, &self.dir)?);
        let tokens = settings.samples.sample_tokens;
        let writing = Asked::seconds(&prepared.asked, tokens, &mut self.model).map_err(failure)?;
        let time = Some(TimePlan::new(&forecast, writing));
        Ok(Plan { time, disk, ..self.memory.clone() })
    }

    /// Trains, and keeps the plan beside what was taken.
    fn train(
        &mut self,
        settings: &TrainSettings,
        prepared: &Prepared,
        mut plan: Plan,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<TrainOutcome, Failure> {
        if plan.time.is_some() {
            plan.keep(&self.dir)?;
        }
        let mut writer = Writer {
            asked: &prepared.asked,
            tokenizer: &prepared.base.tokenizer,
            ends: prepared.base.turn_ends(),
            tokens: settings.samples.sample_tokens,
            max_tokens: self.model.longest(),
            cancel,
        };
        let observer: Option<&mut dyn Observer> =
            if prepared.asked.is_empty() { None } else { Some(&mut writer) };
        let eval = self.eval.as_mut().map(|eval| eval.as_mut() as &mut dyn Objective);
        let (model, learnt, pool) = (&mut self.model, self.learnt.as_mut(), &prepared.pool);
        let start = Instant::now();
        let outcome = self
            .trainer
            .run(model, learnt, eval, observer, pool, progress, cancel)
            .map_err(failure)?;
        let seconds = start.elapsed().as_secs_f64();
        plan.taken = Some(Taken { peak_bytes: peak_bytes(), seconds });
        if let Some(line) = plan.compared() {
            plan.keep(&self.dir)?;
            say(&line);
        }
        Ok(outcome)
    }
}

/// What a person reads of a failed run.
fn failure(error: TrainError) -> Failure {
    let (exit, hint) = if matches!(error, TrainError::Interrupted { .. } | TrainError::Cancelled) {
        (Exit::Interrupted, "run the same command again to go on from there")
    } else if matches!(error, TrainError::OtherRun { .. } | TrainError::CheckpointMismatch { .. }) {
        let hint = "the output folder holds another run: choose another `output`, or remove its \
                    `run`";
        (Exit::Usage, hint)
    } else if matches!(error, TrainError::NotFinite { .. } | TrainError::Diverged { .. }) {
        (Exit::Usage, "lower `learning_rate`, or raise `warmup_ratio`")
    } else if matches!(
        error,
        TrainError::Io { .. } | TrainError::CorruptCheckpoint { .. } | TrainError::Model(_)
    ) {
        let hint = "the last checkpoint is kept: run the same command again to go on";
        (Exit::Environment, hint)
    } else {
        (Exit::Usage, "`catena train keys` lists the settings")
    };
    Failure::new(exit, "the run did not finish", error).hint(hint)
}

fn report(outcome: &TrainOutcome) {
    if let (Some(first), Some(last)) = (outcome.metrics.first(), outcome.metrics.last()) {
        say(&format!(
            "  {} steps, loss {:.4} at first, {:.4} at last",
            outcome.metrics.len(),
            first.loss,
            last.loss
        ));
    }
    if outcome.stopped_early {
        say("  stopped early: evaluations did not get better");
    }
    for evaluation in &outcome.evaluations {
        let extra: Vec<String> =
            evaluation.extra.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        say(&format!(
            "  step {}: evaluation loss {:.4} {}",
            evaluation.step,
            evaluation.loss,
            extra.join(" ")
        ));
    }
}
