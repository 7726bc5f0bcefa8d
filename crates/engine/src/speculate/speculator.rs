//! Guessing for all sequences of a step.

use super::gain::{Acceptance, Offer, choose_lengths};
use super::{Drafter, Speculation};
use crate::error::RunnerError;
use crate::sampler::Sampler;
use crate::sequence::Sequence;

/// First number of steps without drafts after drafts that were not worth it; each rest is twice as
/// long as the one before.
const FIRST_REST: usize = 16;
const LONGEST_REST: usize = 1024;

/// Decides how far ahead each sequence guesses.
pub(crate) struct Speculator {
    kind: Speculation,
    drafter: Option<Drafter>,
    /// How drafts fare over all sequences.
    acceptance: Acceptance,
    /// Steps left without drafts, and the length of the next such rest.
    rest: (usize, usize),
    offers: Vec<Offer>,
    lengths: Vec<usize>,
}

impl Speculator {
    /// One that guesses this way, without a draft model.
    pub(crate) fn new(kind: Speculation) -> Self {
        Self {
            kind,
            drafter: None,
            acceptance: Acceptance::default(),
            rest: (0, FIRST_REST),
            offers: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Gives it a draft model.
    pub(crate) fn set_drafter(&mut self, drafter: Drafter) {
        self.drafter = Some(drafter);
    }

    /// Puts guesses behind the tokens of the sequences, if all of them decode, as far as `cost` (of
    /// a step of so many rows) lets it pay.
    ///
    /// # Errors
    /// If the draft model fails.
    pub(crate) fn guess(
        &mut self,
        running: &mut [Sequence],
        sampler: &mut Sampler,
        cost: impl Fn(usize) -> f64,
    ) -> Result<(), RunnerError> {
        for sequence in running.iter_mut() {
            sequence.keep_guesses(0);
        }
        // A step that reads a prompt is long anyway; decoding goes on beside it token by token.
        if self.kind == Speculation::Off || !running.iter().all(Sequence::is_decoding) {
            return Ok(());
        }
        let drafts = self.drafts(running);
        self.offers.clear();
        self.offers.extend(running.iter_mut().map(|sequence| {
            let (num_tokens, most_tokens) = sequence.sizes();
            let left = (most_tokens - num_tokens).saturating_sub(1);
            let drafts = drafts
                .and_then(|acceptance| Some((acceptance, self.drafter.as_mut()?.work(sequence)?)));
            sequence.proposer.offer(&sequence.tokens, left, drafts)
        }));
        let draft_cost =
            |rows: usize| self.drafter.as_ref().map_or(0.0, |drafter| drafter.step_cost(rows));
        choose_lengths(&self.offers, running.len(), cost, draft_cost, &mut self.lengths);
        self.learn_from_choice();
        let pairs = self.offers.iter().zip(&self.lengths);
        for (sequence, (&offer, &length)) in running.iter_mut().zip(pairs.clone()) {
            sequence.proposer.settle(offer, length, self.acceptance);
        }
        if let Some(drafter) = &mut self.drafter {
            let wanted =
                pairs.map(|(offer, &length)| if offer.draft.is_some() { length } else { 0 });
            drafter.write(running, wanted, sampler)?;
        }
        for (sequence, &length) in running.iter_mut().zip(&self.lengths) {
            let at_hand = sequence.proposer.guess().len();
            sequence.guess(length.min(at_hand));
        }
        Ok(())
    }

    /// Whether drafts are to be thought of in this step, and how they fare.
    fn drafts(&mut self, running: &mut [Sequence]) -> Option<Acceptance> {
        self.drafter.as_ref()?;
        for sequence in &mut *running {
            let (right, wrong) = sequence.proposer.take_news();
            self.acceptance.record_all(right, wrong);
        }
        if self.rest.0 > 0 {
            self.rest.0 -= 1;
            if self.rest.0 > 0 {
                return None;
            }
            self.acceptance = self.acceptance.hopeful();
            for sequence in running {
                sequence.proposer.hope();
            }
        }
        Some(self.acceptance)
    }

    /// Rests if no draft on offer was worth it.
    fn learn_from_choice(&mut self) {
        let pairs = self.offers.iter().zip(&self.lengths);
        let mut drafted =
            pairs.filter(|(offer, _)| offer.draft.is_some() && offer.most > 0).peekable();
        if drafted.peek().is_none() {
            return;
        }
        if drafted.any(|(_, &length)| length > 0) {
            if self.acceptance.is_good() {
                self.rest.1 = FIRST_REST;
            }
        } else {
            self.rest = (self.rest.1, (2 * self.rest.1).min(LONGEST_REST));
        }
    }
}
