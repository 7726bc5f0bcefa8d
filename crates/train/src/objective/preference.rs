//! Pairs of completions, of which one was chosen.

use super::api::{Objective, Pass, Preparation, identify_config};
use super::reference::{reference_logps, sums_of_rows};
use super::row::{Row, Sample, batch_of, check_rows, check_samples, num_tokens};
use crate::error::TrainError;
use crate::loss::{
    PairLogps, PairOutcome, PreferenceConfig, PreferenceTotals, ReferenceLogps, preference_loss,
};
use crate::run::Figures;
use crate::trainable::Trainable;

/// Both completions behind their prompt, with labels on the completions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceSample {
    /// The row with the chosen completion.
    pub chosen: Sample,
    /// The row with the rejected completion.
    pub rejected: Sample,
}

/// DPO and its relatives.
pub struct Preference<'a> {
    samples: &'a [PreferenceSample],
    config: PreferenceConfig,
    max_tokens: usize,
    /// Log-probabilities under the reference model, chosen and rejected in turn.
    reference: Vec<f64>,
}

impl<'a> Preference<'a> {
    /// Takes samples whose two rows have at most `max_tokens` tokens together.
    ///
    /// # Errors
    /// There are none, one could not be trained on, or the configuration is out of range.
    pub fn new(
        samples: &'a [PreferenceSample],
        config: PreferenceConfig,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        check_samples(samples, |index, sample| check_rows(index, sample.rows(), max_tokens))?;
        Ok(Self { samples, config, max_tokens, reference: Vec::new() })
    }

    /// The pairs' log-probabilities from the losses of a batch of them.
    fn pairs(&self, indices: &[usize], losses: &[f64]) -> Vec<PairLogps> {
        let rows = rows(indices.iter().map(|&index| &self.samples[index]));
        let logps: Vec<f64> = sums_of_rows(&rows, losses).map(|nll| -nll).collect();
        let pair = |(&index, logps): (&usize, &[f64; 2])| PairLogps {
            chosen: logps[0],
            rejected: logps[1],
            chosen_tokens: self.samples[index].chosen.num_supervised(),
            rejected_tokens: self.samples[index].rejected.num_supervised(),
            reference: self
                .reference
                .get(2 * index..2 * index + 2)
                .map(|pair| ReferenceLogps { chosen: pair[0], rejected: pair[1] }),
        };
        indices.iter().zip(logps.as_chunks::<2>().0).map(pair).collect()
    }

    fn totals(&self, indices: &[usize]) -> PreferenceTotals {
        let tokens = |&index: &usize| self.samples[index].chosen.num_supervised();
        PreferenceTotals { pairs: indices.len(), chosen_tokens: indices.iter().map(tokens).sum() }
    }
}

impl PreferenceSample {
    fn rows(&self) -> [&Sample; 2] {
        [&self.chosen, &self.rejected]
    }

    fn num_tokens(&self) -> usize {
        num_tokens(self.rows())
    }
}

/// Chosen and rejected rows in turn.
fn rows<'a>(samples: impl Iterator<Item = &'a PreferenceSample>) -> Vec<&'a Sample> {
    samples.flat_map(PreferenceSample::rows).collect()
}

impl Objective for Preference<'_> {
    fn name(&self) -> &'static str {
        "preference"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.samples[index].num_tokens()
    }

    fn reference_tokens(&self) -> usize {
        let tokens = || self.samples.iter().map(PreferenceSample::num_tokens).sum();
        if self.config.needs_reference() { tokens() } else { 0 }
    }

    fn rehearse(&mut self) {
        self.reference = vec![0.0; 2 * self.samples.len()];
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        identify_config(&self.config, feed);
        for row in rows(self.samples.iter()) {
            row.identify(feed);
        }
    }

    fn prepare(
        &mut self,
        model: &mut dyn Trainable,
        preparation: &Preparation<'_>,
    ) -> Result<(), TrainError> {
        if self.config.needs_reference() {
            let rows = rows(self.samples.iter());
            self.reference = reference_logps(model, &rows, self.max_tokens, "pairs", preparation)?;
        }
        Ok(())
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let totals = self.totals(pass.chosen);
        let mut sums = Sums::default();
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let indices = indices?;
            let rows = rows(indices.iter().map(|&index| &self.samples[index]));
            let batch = batch_of(rows.iter().copied());
            let pairs = self.pairs(indices, model.losses(&batch)?);
            let loss = preference_loss(&self.config, &pairs, totals);
            if pass.learns() {
                let mut scales = Vec::new();
                for (pair, rows) in loss.outcomes.iter().zip(rows.as_chunks::<2>().0) {
                    // The model's losses are negative log-likelihoods.
                    push_scales(&mut scales, -pair.chosen_grad, rows[0].num_supervised());
                    push_scales(&mut scales, -pair.rejected_grad, rows[1].num_supervised());
                }
                model.backward_losses(&batch, &scales)?;
            }
            sums.add(&loss.outcomes, &pairs, batch.tokens.len());
        }
        Ok(sums.figures())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the model's backward pass is f32")]
pub(super) fn push_scales(scales: &mut Vec<f32>, scale: f64, count: usize) {
    scales.resize(scales.len() + count, scale as f32);
}

/// What a step adds up about its pairs.
#[derive(Default)]
struct Sums {
    loss: f64,
    pairs: usize,
    tokens: usize,
    accurate: usize,
    rewards: [f64; 2],
    logps: [f64; 2],
}

impl Sums {
    fn add(&mut self, outcomes: &[PairOutcome], pairs: &[PairLogps], tokens: usize) {
        self.tokens += tokens;
        for (outcome, pair) in outcomes.iter().zip(pairs) {
            self.loss += outcome.loss;
            self.pairs += 1;
            self.accurate += usize::from(outcome.chosen_reward > outcome.rejected_reward);
            self.rewards[0] += outcome.chosen_reward;
            self.rewards[1] += outcome.rejected_reward;
            self.logps[0] += pair.chosen;
            self.logps[1] += pair.rejected;
        }
    }

    fn figures(&self) -> Figures {
        let mean = |sum: f64| sum / self.pairs as f64;
        let extra = [
            ("rewards/chosen", mean(self.rewards[0])),
            ("rewards/rejected", mean(self.rewards[1])),
            ("rewards/margins", mean(self.rewards[0] - self.rewards[1])),
            ("rewards/accuracies", mean(self.accurate as f64)),
            ("logps/chosen", mean(self.logps[0])),
            ("logps/rejected", mean(self.logps[1])),
        ];
        Figures {
            loss: self.loss,
            supervised: self.pairs,
            tokens: self.tokens,
            extra: extra.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}
