//! The first choice of every sequence of a step, made by all threads of the model.

use crate::batch::Batch;
use crate::error::EngineError;
use crate::logits::{LogitsRow, StepLogits};
use crate::sampler::{Choice, Sampler};
use crate::sequence::Sequence;
use catena_kernels::Pool;
use std::sync::Arc;

/// Logits from which the threads share the work: less is done sooner than they wake.
const SHARED_FROM: usize = 1 << 12;

/// A choice, or why there is none.
pub(crate) type Chosen = Result<Choice, EngineError>;

/// Makes the choices that depend on no other choice of the step: the first of each sequence. What
/// is chosen behind it, from guesses that came true, depends on it.
///
/// A choice depends on nothing but its row and its sequence, so it is the same on any thread.
#[derive(Default)]
pub(crate) struct FirstChoices {
    /// The model's threads, and a sampler for each.
    threads: Option<(Arc<Pool>, Vec<Sampler>)>,
}

/// A sequence that a token is chosen for.
struct Turn<'a> {
    /// The sequence and its row; `None` if the slot samples nothing.
    work: Option<(&'a mut Sequence, LogitsRow<'a>)>,
    chosen: Option<Chosen>,
}

impl FirstChoices {
    /// With the threads of a model, if it has more than one.
    pub(crate) fn new(pool: Option<Arc<Pool>>) -> Self {
        let several = pool.filter(|pool| pool.threads() > 1);
        let with_samplers = |pool: Arc<Pool>| {
            let samplers = (0..pool.threads()).map(|_| Sampler::default()).collect();
            (pool, samplers)
        };
        Self { threads: several.map(with_samplers) }
    }

    /// For each slot of `batch` the choice from its first sampled row of `logits`. None at all if there
    /// is too little to share; they are then made one by one.
    pub(crate) fn make(
        &mut self,
        batch: &Batch,
        logits: StepLogits<'_>,
        vocab_size: usize,
        running: &mut [Sequence],
    ) -> Vec<Option<Chosen>> {
        let num_sampling = batch.slots.iter().filter(|slot| slot.samples).count();
        let Some((pool, samplers)) = &mut self.threads else { return Vec::new() };
        if num_sampling < 2 || num_sampling * vocab_size < SHARED_FROM {
            return Vec::new();
        }
        let mut sequences: Vec<_> = running.iter_mut().map(Some).collect();
        let mut turns = Vec::with_capacity(batch.slots.len());
        let mut first = 0;
        for slot in &batch.slots {
            let sequence = sequences[slot.sequence_idx].take().filter(|_| slot.samples);
            let work = sequence.map(|sequence| {
                let row = slot.first_sampled_row() - slot.first_logits_row();
                (sequence, logits.row(first + row, vocab_size))
            });
            first += slot.num_logits_rows();
            turns.push(Turn { work, chosen: None });
        }
        pool.for_each_item(&mut turns, samplers, &|sampler, turn| {
            turn.chosen = turn.work.take().map(|(sequence, row)| {
                sampler.choose_from(row, &sequence.params, &mut sequence.sampling)
            });
        });
        turns.into_iter().map(|turn| turn.chosen).collect()
    }
}
