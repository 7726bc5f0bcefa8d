//! The guesses of one sequence.

use super::NgramIndex;
use super::gain::{Acceptance, MAX_GUESS};

/// Guesses for one sequence and how they fare.
#[derive(Debug, Default)]
pub(crate) struct Proposer {
    index: NgramIndex,
    guess: Vec<u32>,
    acceptance: Acceptance,
}

impl Proposer {
    /// Guesses at most `most` tokens behind `tokens`; how many, and how likely they are.
    pub(crate) fn propose(&mut self, tokens: &[u32], most: usize) -> (usize, Acceptance) {
        self.guess.clear();
        self.index.propose(tokens, most.min(MAX_GUESS), &mut self.guess);
        (self.guess.len(), self.acceptance)
    }

    /// The guess.
    pub(crate) fn guess(&self) -> &[u32] {
        &self.guess
    }

    /// Learns from the tokens that came: also from a guess that was not run, whose first token is
    /// as good a witness.
    pub(crate) fn learn(&mut self, tokens: &[u32]) {
        for (guessed, token) in self.guess.iter().zip(tokens) {
            self.acceptance.record(guessed == token);
        }
        self.guess.clear();
    }
}
