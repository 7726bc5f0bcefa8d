//! Micro-step and layers that fit, from what the model says it takes.

use super::budget::{limit, too_little};
use super::fit::{Ask, Fitted, fit};
use super::record::{MemoryPlan, Plan, kept};
use crate::failure::{Exit, Failure};
use crate::machine::Choice;
use crate::train::choices::recompute_given;
use crate::train::model::{Fit, task};
use crate::train::objectives::{clips_by_tensor, objective, run_config};
use crate::train::run::{Prepared, RUN_DIR};
use crate::train::save::labels;
use crate::train::settings::TrainSettings;
use crate::train::write::Asked;
use camino::Utf8Path;
use catena_model::training::{TrainMemory, TrainPlan};
use catena_pipeline::memory::{peak_bytes, resident_bytes};
use catena_train::{Checkpoint, Objective, Trainer, trained_tensors};

/// Tokens beyond which a larger pass is no faster.
const CEILING: usize = 2048;
/// Panels that a thread makes while it multiplies, and its stack, at most.
const THREAD_BYTES: u64 = 1536 << 10;
/// Bytes of a value of the best ones, which are read again at the end.
const BEST_VALUE_BYTES: u64 = 4;

/// Chooses micro-step and layers so that the run fits the memory that it is given.
///
/// A run that goes on keeps the micro-step that it began with: another would change its last bits.
pub(in crate::train) fn plan(
    settings: &TrainSettings,
    prepared: &Prepared,
) -> Result<Plan, Failure> {
    let sizes = Sizes::of(settings, prepared)?;
    let limit = limit(settings)?;
    let task = task(settings, &prepared.base, labels(&prepared.classes).len())?;
    let program = resident_bytes();
    let layers = prepared.base.layers();
    let memory_of = |fit: Fit| -> Result<MemoryPlan, Failure> {
        let room = Fit { tokens: sizes.room(fit.tokens), ..fit };
        let model = prepared.base.plan(settings, task, room, &prepared.pool)?;
        memory(settings, &model, program, prepared.pool.threads(), &limit)
    };
    let begun = begun(&prepared.output.join(RUN_DIR));
    let ask = ask(settings, &sizes, (layers, limit.value), begun)?;
    let (fit, reason) = match fit(&ask, |fit| Ok::<_, Failure>(memory_of(fit)?.peak_bytes))? {
        Fitted::Fits(fit, reason) => (fit, reason),
        Fitted::TooLarge(least) => {
            let needed = memory_of(least)?.peak_bytes;
            return Err(too_little(settings, prepared, needed, &limit, least, begun));
        }
    };
    let memory = memory_of(fit)?;
    Ok(Plan {
        micro_step_tokens: fit.tokens,
        recomputed_layers: fit.recompute.count(layers),
        layers,
        optimizer_in_backward: fit.in_backward,
        reason: reason.to_owned(),
        memory,
        time: None,
        disk: None,
        taken: None,
        room: Fit { tokens: sizes.room(fit.tokens), ..fit },
    })
}

/// What is asked of a plan, for a model of so many layers in so many bytes.
fn ask(
    settings: &TrainSettings,
    sizes: &Sizes,
    (layers, limit): (usize, u64),
    begun: Option<usize>,
) -> Result<Ask, Failure> {
    let refuse = |cause| Failure::new(Exit::Usage, "cannot train with these settings", cause);
    let in_backward = settings.optimizer_details.optimizer_in_backward.given();
    let tokens = settings.micro_step_tokens.given().or(begun);
    let always = in_backward == Some(true);
    if let Some(tokens) = tokens.filter(|&tokens| always && tokens < sizes.largest_step) {
        let largest = sizes.largest_step;
        return Err(refuse(format!(
            "`optimizer_in_backward` takes a step in one pass, the largest has {largest} tokens, and a \
             pass {tokens}"
        ))
        .hint("raise `micro_step_tokens`, or lower `batch_size`"));
    }
    Ok(Ask {
        tokens,
        recompute: recompute_given(&settings.recompute, layers).map_err(refuse)?,
        in_backward,
        longest: sizes.longest,
        ceiling: if always { sizes.largest_step } else { sizes.largest_step.min(CEILING) },
        step: clips_by_tensor(settings).then_some(sizes.largest_step),
        layers,
        limit,
    })
}

/// How much passes over the data hold at most.
struct Sizes {
    /// The longest piece that a pass holds whole.
    longest: usize,
    largest_step: usize,
    /// The largest pass that there could be.
    most: usize,
}

impl Sizes {
    fn of(settings: &TrainSettings, prepared: &Prepared) -> Result<Self, Failure> {
        let width = labels(&prepared.classes).len();
        let learnt = objective(settings, &prepared.train, width, usize::MAX)?;
        let config = run_config(settings, learnt.num_samples(), usize::MAX)?;
        let trainer = Trainer::new(config, &prepared.output, "")
            .map_err(|error| Failure::new(Exit::Usage, "cannot train", error))?;
        let largest_step = tokens(trainer.largest_step(learnt.as_ref()));
        let mut sizes = Sizes {
            longest: learnt.longest(),
            largest_step,
            most: largest_step.max(learnt.reference_tokens()),
        };
        if let Some(rows) = &prepared.eval {
            let eval = objective(settings, rows, width, usize::MAX)?;
            sizes.longest = sizes.longest.max(eval.longest());
            sizes.most = sizes.most.max(all_tokens(eval.as_ref())).max(eval.reference_tokens());
        }
        let written = Asked::longest(&prepared.asked, settings.samples.sample_tokens);
        sizes.longest = sizes.longest.max(written);
        sizes.most = sizes.most.max(sizes.longest);
        Ok(sizes)
    }

    /// Tokens that memory is taken for: no more than any pass can have.
    fn room(&self, micro_step_tokens: usize) -> usize {
        micro_step_tokens.min(self.most)
    }
}

fn all_tokens(objective: &dyn Objective) -> usize {
    (0..objective.num_samples()).map(|index| objective.num_tokens(index)).sum()
}

fn tokens(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a run takes at its peak.
fn memory(
    settings: &TrainSettings,
    model: &TrainPlan,
    program: u64,
    threads: usize,
    limit: &Choice<u64>,
) -> Result<MemoryPlan, Failure> {
    let config = run_config(settings, 1, 1)?;
    let tensors = trained_tensors(&model.params, config.loraplus_lr_ratio);
    let optimizer = config.optimizer.bytes(&tensors) as u64;
    let values: u64 = tensors.iter().map(|tensor| tensor.range.len() as u64).sum();
    let best = if config.keep_best { values * BEST_VALUE_BYTES } else { 0 };
    let TrainMemory { weights, values, gradients, activations, working, .. } = model.memory;
    let training = [weights, values, gradients, activations, working].map(|bytes| bytes as u64);
    // Panels are parts of a matrix: those of a tiny model are small.
    let thread = THREAD_BYTES.min((weights + values + gradients) as u64);
    let program = program + thread * threads as u64;
    // Optimizer and activations are first used when the weights are there.
    let peak = program
        .saturating_add(model.memory.peak() as u64)
        .max(training.iter().fold(program, |sum, &bytes| sum.saturating_add(bytes)) + optimizer)
        .saturating_add(best)
        .max(peak_bytes());
    let [weight_bytes, value_bytes, gradient_bytes, activation_bytes, working_bytes] = training;
    Ok(MemoryPlan {
        peak_bytes: peak,
        limit_bytes: limit.value,
        limit_reason: limit.reason.clone(),
        program_bytes: program,
        weight_bytes,
        value_bytes,
        gradient_bytes,
        activation_bytes,
        working_bytes,
        optimizer_bytes: optimizer,
    })
}

/// The micro-step of a run that has a checkpoint.
fn begun(dir: &Utf8Path) -> Option<usize> {
    dir.join(Checkpoint::FILE_NAME).exists().then_some(())?;
    Some(kept(dir)?.micro_step_tokens)
}
