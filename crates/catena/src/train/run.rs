//! One run from its file to its result.

use super::encode::{self, Rows};
use super::lint;
use super::model::{BaseModel, base_path, task};
use super::objectives::{objective, run_config};
use super::read::RunFile;
use super::samples::{self, Samples};
use super::save::{labels, save};
use super::settings::TrainStage;
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8PathBuf;
use catena_data::Classes;
use catena_kernels::Pool;
use catena_model::training::TrainModel;
use catena_protocol::Cancel;
use catena_train::{Objective, TrainError, TrainOutcome, Trainer};
use std::sync::Arc;

/// Folder of checkpoint and figures below the output.
pub(super) const RUN_DIR: &str = "run";

/// A run that is ready to start.
pub(super) struct Prepared {
    pub(super) base: BaseModel,
    pub(super) digest: String,
    pub(super) classes: Classes,
    pub(super) train: Rows,
    pub(super) eval: Option<Rows>,
    pub(super) pool: Arc<Pool>,
    pub(super) output: Utf8PathBuf,
}

/// Runs `catena train run`.
pub(super) fn run(file: &RunFile, threads: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let prepared = prepare(file, threads, cancel)?;
    let mut model = prepared.model(file)?;
    say(&format!(
        "  training {} values of `{}` on {} rows, {} MiB of weights, values and gradients",
        model.values().len(),
        file.settings.model_name(),
        prepared.train.len(),
        model.weight_bytes() >> 20,
    ));
    let outcome = train(file, &prepared, &mut model, cancel)?;
    let folder = save(&file.settings, &prepared.base, &model, &prepared.classes, &prepared.output)
        .map_err(|error| {
            Failure::new(Exit::Environment, "cannot save the result", error)
                .hint("the checkpoint is kept: run the same command again once there is room")
        })?;
    report(&outcome);
    print_line(folder.as_str());
    Ok(())
}

/// Reads, looks over and encodes everything, before any time is spent on training.
pub(super) fn prepare(
    file: &RunFile,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<Prepared, Failure> {
    let settings = &file.settings;
    // Out of range, whatever the number of samples: told before anything is read.
    run_config(settings, 1)?;
    let progress = for_stderr();
    let finder = Finder { project: &file.folder, progress: progress.as_ref(), cancel };
    let input = Finder::digested(base_path(file, &finder)?)?;
    let pool = pool(threads);
    let base = BaseModel::open(&input.path, settings, &pool)?;
    if settings.max_tokens > base.max_positions() {
        let cause = format!(
            "`max_tokens` is {}, the model takes {} tokens",
            settings.max_tokens,
            base.max_positions()
        );
        return Err(Failure::new(Exit::Usage, "cannot train with these settings", cause));
    }
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
    Ok(Prepared { base, digest, classes, train, eval, pool, output })
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
    pub(super) fn model(&self, file: &RunFile) -> Result<TrainModel, Failure> {
        let task = task(file.settings.stage, &self.base, labels(&self.classes).len());
        self.base.build(&file.settings, task, &self.pool)
    }

    /// What tells the run from others, beside samples and hyper-parameters.
    fn identity(&self, file: &RunFile) -> String {
        let s = &file.settings;
        format!(
            "{} {} {:?} {} {:?} {:?} {} {} {} {:?} {} {} {:?} {:?} {}",
            self.digest,
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
            s.freeze_trainable_layers,
            s.freeze_trainable_modules,
            s.freeze_extra_modules,
            s.keep_blocks,
        )
    }
}

fn train(
    file: &RunFile,
    prepared: &Prepared,
    model: &mut TrainModel,
    cancel: &Cancel,
) -> Result<TrainOutcome, Failure> {
    let settings = &file.settings;
    let width = labels(&prepared.classes).len();
    let mut learnt = objective(settings, &prepared.train, width)?;
    let mut eval = match &prepared.eval {
        None => None,
        Some(rows) => Some(objective(settings, rows, width)?),
    };
    let config = run_config(settings, learnt.num_samples())?;
    let dir = prepared.output.join(RUN_DIR);
    let trainer = Trainer::new(config, &dir, &prepared.identity(file)).map_err(failure)?;
    let progress = for_stderr();
    let eval = eval.as_mut().map(|eval| eval.as_mut() as &mut dyn Objective);
    trainer
        .run(model, learnt.as_mut(), eval, None, &prepared.pool, progress.as_ref(), cancel)
        .map_err(failure)
}

/// What a person reads of a failed run.
fn failure(error: TrainError) -> Failure {
    let (exit, hint) = if matches!(error, TrainError::Interrupted { .. } | TrainError::Cancelled) {
        (Exit::Interrupted, "run the same command again to go on from there")
    } else if matches!(error, TrainError::CheckpointMismatch { .. }) {
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
