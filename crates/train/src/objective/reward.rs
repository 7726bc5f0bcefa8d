//! Reward models: a score that is higher for the chosen completion.

use super::api::{Objective, Pass, identify_config};
use super::row::{Row, TextRow, batch_of_texts, check_rows, check_samples, num_tokens};
use crate::error::TrainError;
use crate::loss::{LossAndGrad, RewardConfig, RewardPair, reward_loss};
use crate::run::Figures;
use crate::trainable::Trainable;

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
    /// There are none, one could not be trained on, or the configuration is out of range.
    pub fn new(
        samples: &'a [RewardSample],
        config: RewardConfig,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        check_samples(samples, |index, sample| check_rows(index, sample.rows(), max_tokens))?;
        Ok(Self { samples, config })
    }
}

impl RewardSample {
    fn rows(&self) -> [&TextRow; 2] {
        [&self.chosen, &self.rejected]
    }
}

impl Objective for Reward<'_> {
    fn name(&self) -> &'static str {
        "reward"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        num_tokens(self.samples[index].rows())
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        identify_config(&self.config, feed);
        for sample in self.samples {
            sample.rows().into_iter().for_each(|row| row.identify(feed));
            feed(&sample.margin.to_bits().to_le_bytes());
        }
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let total = pass.chosen.len();
        let mut figures = Figures { supervised: total, ..Figures::default() };
        let mut accurate = 0;
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let indices = indices?;
            let samples = || indices.iter().map(|&index| &self.samples[index]);
            let rows = samples().flat_map(RewardSample::rows);
            pass.run_outputs(model, &batch_of_texts(rows), &mut figures, |scores| {
                let pair = |(sample, scores): (&RewardSample, &[f32; 2])| RewardPair {
                    chosen: f64::from(scores[0]),
                    rejected: f64::from(scores[1]),
                    margin: sample.margin,
                };
                let pairs: Vec<_> = samples().zip(scores.as_chunks::<2>().0).map(pair).collect();
                let loss = reward_loss(&self.config, &pairs, total);
                accurate += loss.num_accurate;
                #[expect(clippy::cast_possible_truncation, reason = "the backward pass is f32")]
                let grad = loss.grads.as_flattened().iter().map(|&grad| grad as f32).collect();
                LossAndGrad { loss: loss.loss, grad }
            })?;
        }
        figures.extra.insert("accuracy".to_owned(), accurate as f64 / total as f64);
        Ok(figures)
    }
}
