//! A row before it is cut.

use super::options::{EncodeOptions, TrainOn, Truncation};
use super::sample::EncodedSample;
use super::truncate::keep_turns;
use std::ops::Range;

/// Tokens with what is trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) tokens: Vec<u32>,
    /// For each token whether it is to be predicted.
    pub(super) trained: Vec<bool>,
    /// Tokens of each answer that was looked for, in order, trained or not.
    pub(super) answers: Vec<Range<usize>>,
}

impl Row {
    /// A row of which everything is trained.
    pub(super) fn whole(tokens: Vec<u32>) -> Self {
        let len = tokens.len();
        Self { tokens, trained: vec![true; len], answers: std::iter::once(0..len).collect() }
    }

    /// Tokens before the first one trained.
    pub(super) fn prompt_tokens(&self) -> usize {
        self.trained.iter().position(|trained| *trained).unwrap_or(self.tokens.len())
    }

    /// The row within the limit of `options`.
    pub(super) fn finish(&self, options: &EncodeOptions) -> EncodedSample {
        let (len, max) = (self.tokens.len(), options.max_tokens);
        let one = |range: Range<usize>| self.keep(std::slice::from_ref(&range));
        match options.truncation {
            _ if len <= max => one(0..len),
            Truncation::End => one(0..max),
            Truncation::Start => one(len - max..len),
            Truncation::Turns => {
                let last_first = options.train_on == TrainOn::LastTurn;
                self.keep(&keep_turns(&self.answers, len, max, last_first))
            }
        }
    }

    /// The row with the tokens of `kept` only, which are in order.
    pub(super) fn keep(&self, kept: &[Range<usize>]) -> EncodedSample {
        let ranges = || kept.iter().cloned();
        let tokens: Vec<u32> = ranges().flat_map(|range| &self.tokens[range]).copied().collect();
        let trained: Vec<bool> = ranges().flat_map(|range| &self.trained[range]).copied().collect();
        let label = |at: usize| trained.get(at + 1)?.then(|| tokens[at + 1]);
        let labels: Vec<Option<u32>> = (0..tokens.len()).map(label).collect();
        let prompt = self.prompt_tokens();
        let before = |range: &Range<usize>| range.end.min(prompt).saturating_sub(range.start);
        // Nothing predicts the first token of a row.
        let wanted = self.trained.iter().skip(1).filter(|trained| **trained).count();
        let supervised = labels.iter().flatten().count();
        EncodedSample {
            prompt_tokens: kept.iter().map(before).sum(),
            lost_tokens: self.tokens.len() - tokens.len(),
            lost_trained: wanted.saturating_sub(supervised),
            tokens,
            labels,
        }
    }
}
