//! The guesses of one sequence.

use super::NgramIndex;
use super::gain::{Acceptance, DraftWork, MAX_GUESS, Offer};

/// Guesses for one sequence, where they come from and how they fare.
#[derive(Debug, Default)]
pub(crate) struct Proposer {
    index: NgramIndex,
    /// What followed the same words before.
    found: Source,
    /// What a draft model wrote.
    drafted: Source,
    /// Whether drafts of this sequence were seen to come true or not.
    knows_drafts: bool,
    /// Whether the guess to run is the drafted one.
    is_drafted: bool,
    /// Drafted tokens of the last step, accepted and wrong.
    news: (usize, usize),
}

/// One source of guesses.
#[derive(Debug, Default)]
struct Source {
    guess: Vec<u32>,
    acceptance: Acceptance,
}

impl Proposer {
    /// Looks up at most `most` tokens behind `tokens`. Where drafts fare better than what is found,
    /// a draft model may write as many; `drafts` says how they fare elsewhere and what it takes, if
    /// there is one.
    pub(crate) fn offer(
        &mut self,
        tokens: &[u32],
        most: usize,
        drafts: Option<(Acceptance, DraftWork)>,
    ) -> Offer {
        let most = most.min(MAX_GUESS);
        self.found.guess.clear();
        self.drafted.guess.clear();
        self.index.propose(tokens, most, &mut self.found.guess);
        if let Some((elsewhere, work)) = drafts {
            if !self.knows_drafts {
                self.drafted.acceptance = elsewhere;
            }
            let drafted = self.drafted.acceptance;
            if self.found.guess.is_empty() || drafted.rate() > self.found.acceptance.rate() {
                return Offer { most, acceptance: drafted, draft: Some(work) };
            }
        }
        let acceptance = self.found.acceptance;
        Offer { most: self.found.guess.len(), acceptance, draft: None }
    }

    /// Decides for the offer's source. A sequence whose drafts were not worth it forgets why, slowly,
    /// in favour of how they fare `elsewhere`, and so tries again some day.
    pub(crate) fn settle(&mut self, offer: Offer, length: usize, elsewhere: Acceptance) {
        self.is_drafted = offer.draft.is_some();
        if self.is_drafted && length == 0 {
            self.drafted.acceptance.drift(elsewhere);
        }
    }

    /// Another chance for drafts.
    pub(crate) fn hope(&mut self) {
        self.drafted.acceptance = self.drafted.acceptance.hopeful();
    }

    /// Where a draft model puts its guess.
    pub(crate) fn draft_mut(&mut self) -> &mut Vec<u32> {
        &mut self.drafted.guess
    }

    /// The guess to run.
    pub(crate) fn guess(&self) -> &[u32] {
        let is_drafted = self.is_drafted && !self.drafted.guess.is_empty();
        if is_drafted { &self.drafted.guess } else { &self.found.guess }
    }

    /// Learns from the tokens that came: also from a guess that was not run, which is as good a
    /// witness up to where it errs.
    pub(crate) fn learn(&mut self, tokens: &[u32]) {
        self.found.learn(tokens);
        self.knows_drafts |= !self.drafted.guess.is_empty();
        self.news = self.drafted.learn(tokens);
    }

    /// Drafted tokens of the last step: those that came true, and those that did not.
    pub(crate) fn take_news(&mut self) -> (usize, usize) {
        std::mem::take(&mut self.news)
    }
}

impl Source {
    /// Learns from the tokens that came; says how many were right, and whether one was wrong.
    fn learn(&mut self, tokens: &[u32]) -> (usize, usize) {
        let pairs = || self.guess.iter().zip(tokens);
        let right = pairs().take_while(|(guessed, token)| guessed == token).count();
        let wrong = usize::from(right < pairs().count());
        self.acceptance.record_all(right, wrong);
        self.guess.clear();
        (right, wrong)
    }
}
