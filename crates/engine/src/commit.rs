//! From a step's logits to tokens, events and ends.

use crate::batch::{Batch, Slot};
use crate::blocks::KvBlocks;
use crate::error::EngineError;
use crate::first_choices::{Chosen, FirstChoices};
use crate::logits::StepLogits;
use crate::request::{Event, RequestId};
use crate::sampler::Sampler;
use crate::scheduler::Scheduler;
use crate::sequence::Sequence;
use crate::speculate::MAX_GUESS;
use crate::vocabulary::Vocabulary;
use catena_protocol::FinishReason;
use std::time::Instant;

/// What a step did.
#[derive(Debug, Default)]
pub(crate) struct StepOutcome {
    /// What to tell the clients, in order.
    pub(crate) events: Vec<(RequestId, Event)>,
    /// Tokens that were guessed and run.
    pub(crate) guessed: usize,
    /// Those that came as guessed, by how far ahead they were guessed.
    pub(crate) accepted: [usize; MAX_GUESS],
    /// Sequences that tokens were guessed for.
    pub(crate) drafts: usize,
}

/// Where tokens come from and go to.
pub(crate) struct Committer<'a> {
    /// Scratch: the tokens that came for a slot.
    pub(crate) came: &'a mut Vec<u32>,
    pub(crate) sampler: &'a mut Sampler,
    pub(crate) first_choices: &'a mut FirstChoices,
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) vocab_size: usize,
}

/// The sequence of a slot, with the first token that was chosen for it, if one was.
struct At<'a> {
    sequence: &'a mut Sequence,
    first_choice: Option<Chosen>,
}

/// How a sequence ended.
type End = Result<FinishReason, EngineError>;

impl Scheduler {
    /// Samples the step's tokens from `logits`, stores them, takes out what ended and frees its
    /// blocks.
    ///
    /// # Panics
    /// If the runner returned a different number of rows than the batch asked for.
    pub(crate) fn commit(
        &mut self,
        batch: &Batch,
        logits: StepLogits<'_>,
        mut committer: Committer<'_>,
        blocks: &mut KvBlocks,
    ) -> StepOutcome {
        let vocab_size = committer.vocab_size;
        let num_rows = batch.num_logits_rows();
        let num_values = logits.rows().len();
        assert_eq!(num_values, num_rows * vocab_size, "logits of {num_rows} rows were asked for");
        let mut outcome =
            StepOutcome { events: Vec::with_capacity(num_rows), ..StepOutcome::default() };
        let first_choices =
            committer.first_choices.make(batch, logits, vocab_size, &mut self.running);
        let mut first_choices = first_choices.into_iter();
        let mut ended: Vec<((RequestId, usize), End)> = Vec::new();
        let mut first_row = 0;
        let now = Instant::now();
        for slot in &batch.slots {
            let sequence = &mut self.running[slot.sequence_idx];
            let mut at = At { sequence, first_choice: first_choices.next().flatten() };
            let rows = (logits, first_row);
            first_row += slot.num_logits_rows();
            if let Some(end) = committer.commit_slot(slot, rows, &mut at, now, &mut outcome) {
                ended.push(((at.sequence.id, at.sequence.sample), end));
            }
        }
        for (id, end) in ended {
            let mut removed = self.remove(blocks, |s| (s.id, s.sample) == id);
            let sequence = removed.pop().expect("it ran in this step");
            let event = match end {
                Ok(reason) => Event::Finished(sequence.complete(reason)),
                Err(error) => Event::Failed(error.to_string()),
            };
            outcome.events.push((id.0, event));
        }
        outcome
    }
}

impl Committer<'_> {
    /// Scores and samples one slot, whose logits begin at a row of those of the step; says how the
    /// sequence ended, if it did.
    fn commit_slot(
        &mut self,
        slot: &Slot,
        (logits, first_of_slot): (StepLogits<'_>, usize),
        at: &mut At<'_>,
        now: Instant,
        outcome: &mut StepOutcome,
    ) -> Option<End> {
        let At { sequence, first_choice } = at;
        let guesses = sequence.take_guesses();
        let first_row = slot.first_logits_row();
        let sampled_from = slot.first_sampled_row();
        // What stands before the guesses is in the cache now, and so are those that come true.
        sequence.num_computed = slot.start_pos + slot.num_tokens - guesses.len();
        self.came.clear();
        let mut end = None;
        for idx in 0..slot.num_logits_rows() {
            let (row, logits) = (first_row + idx, logits.row(first_of_slot + idx, self.vocab_size));
            sequence.score(slot.start_pos + row, logits.logits_v);
            if row < sampled_from {
                continue;
            }
            let chosen = first_choice.take().unwrap_or_else(|| {
                self.sampler.choose_from(logits, &sequence.params, &mut sequence.sampling)
            });
            let token = match self.accept(chosen, sequence, outcome, &mut end) {
                Ok(token) => token,
                Err(error) => return Some(Err(error)),
            };
            let as_guessed = guesses.get(self.came.len()) == Some(&token);
            self.came.push(token);
            if end.is_some() || !as_guessed {
                break;
            }
            sequence.num_computed += 1;
            outcome.accepted[self.came.len() - 1] += 1;
        }
        outcome.guessed += guesses.len();
        outcome.drafts += usize::from(!guesses.is_empty());
        if !self.came.is_empty() {
            sequence.timer.tokens(now);
        }
        sequence.proposer.learn(self.came);
        let is_scored = sequence.num_uncomputed() == 0 && sequence.params.max_new_tokens == 0;
        end.or(is_scored.then_some(FinishReason::Length)).map(Ok)
    }

    /// Takes one token.
    fn accept(
        &self,
        chosen: Chosen,
        sequence: &mut Sequence,
        outcome: &mut StepOutcome,
        end: &mut Option<FinishReason>,
    ) -> Result<u32, EngineError> {
        let choice = chosen?;
        let token = choice.token;
        let accepted = sequence.accept(choice, self.vocabulary)?;
        let event = accepted.event.map(|event| (sequence.id, Event::Token(event)));
        outcome.events.extend(event);
        *end = accepted.finish_reason;
        Ok(token)
    }
}
