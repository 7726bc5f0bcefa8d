//! Reward models: a score that is higher for the chosen completion.

use super::api::{Objective, Step, check_cancel};
use super::row::{TextRow, batch_of_texts};
use crate::error::TrainError;
use crate::loss::{RewardConfig, RewardPair, reward_loss};
use crate::run::{Figures, groups};
use crate::trainable::Trainable;
use catena_protocol::Cancel;
use std::ops::Range;

/// Both conversations of a pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RewardSample {
    /// The one that was chosen.
    pub chosen: TextRow,
    /// The one that was rejected.
    pub rejected: TextRow,
    /// By how much the first should be ahead.
    pub margin: f64,
}

/// The Bradley-Terry loss of reward models.
pub struct Reward<'a> {
    samples: &'a [RewardSample],
    config: RewardConfig,
}

impl<'a> Reward<'a> {
    /// Takes pairs of at most `max_tokens` tokens together.
    ///
    /// # Errors
    /// There are none, or one could not be trained on.
    pub fn new(
        samples: &'a [RewardSample],
        config: RewardConfig,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        if samples.is_empty() {
            return Err(TrainError::NoSamples);
        }
        for (index, sample) in samples.iter().enumerate() {
            sample.chosen.check(index, max_tokens)?;
            sample.rejected.check(index, max_tokens)?;
            let tokens = sample.len();
            if tokens > max_tokens {
                return Err(TrainError::SampleTooLong { index, tokens, max_tokens });
            }
        }
        Ok(Self { samples, config })
    }

    fn groups(&self, indices: &[usize], max_tokens: usize) -> Vec<Range<usize>> {
        let lens: Vec<usize> = indices.iter().map(|&index| self.samples[index].len()).collect();
        groups(&lens, max_tokens)
    }

    /// Runs pairs, learning from them if `learn` says so.
    fn run(
        &self,
        model: &mut dyn Trainable,
        indices: &[usize],
        total: usize,
        learn: bool,
        figures: &mut Figures,
    ) -> Result<usize, TrainError> {
        let rows: Vec<&TextRow> = indices
            .iter()
            .flat_map(|&index| [&self.samples[index].chosen, &self.samples[index].rejected])
            .collect();
        let batch = batch_of_texts(rows.iter().copied());
        let scores = model.outputs(&batch)?;
        let pair = |(&index, scores): (&usize, &[f32; 2])| RewardPair {
            chosen: f64::from(scores[0]),
            rejected: f64::from(scores[1]),
            margin: self.samples[index].margin,
        };
        let pairs: Vec<_> = indices.iter().zip(scores.as_chunks::<2>().0).map(pair).collect();
        let loss = reward_loss(&self.config, &pairs, total);
        figures.loss += loss.loss;
        figures.tokens += batch.tokens.len();
        if learn {
            #[expect(clippy::cast_possible_truncation, reason = "the backward pass is f32")]
            let doutputs: Vec<f32> =
                loss.grads.as_flattened().iter().map(|&grad| grad as f32).collect();
            model.backward_outputs(&batch, &doutputs)?;
        }
        Ok(loss.num_accurate)
    }
}

impl RewardSample {
    fn len(&self) -> usize {
        self.chosen.tokens.len() + self.rejected.tokens.len()
    }
}

impl Objective for Reward<'_> {
    fn name(&self) -> &'static str {
        "reward"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(serde_json::to_string(&self.config).expect("plain numbers serialize").as_bytes());
        for sample in self.samples {
            sample.chosen.identify(feed);
            sample.rejected.identify(feed);
            feed(&sample.margin.to_bits().to_le_bytes());
        }
    }

    fn learn(&mut self, model: &mut dyn Trainable, step: &Step<'_>) -> Result<Figures, TrainError> {
        let total = step.chosen.len();
        let mut figures = Figures { supervised: total, ..Figures::default() };
        let mut accurate = 0;
        for group in self.groups(step.chosen, step.micro_step_tokens) {
            accurate += self.run(model, &step.chosen[group], total, true, &mut figures)?;
        }
        figures.extra.insert("accuracy".to_owned(), accurate as f64 / total as f64);
        Ok(figures)
    }

    fn evaluate(
        &mut self,
        model: &mut dyn Trainable,
        micro_step_tokens: usize,
        cancel: &Cancel,
    ) -> Result<Figures, TrainError> {
        let all: Vec<usize> = (0..self.samples.len()).collect();
        let mut figures = Figures { supervised: all.len(), ..Figures::default() };
        let mut accurate = 0;
        for group in self.groups(&all, micro_step_tokens) {
            check_cancel(cancel)?;
            accurate += self.run(model, &all[group], all.len(), false, &mut figures)?;
        }
        figures.extra.insert("accuracy".to_owned(), accurate as f64 / all.len() as f64);
        Ok(figures)
    }
}
