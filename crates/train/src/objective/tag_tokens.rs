//! Labels of tokens, such as names of people and places.

use super::api::{Objective, Pass};
use super::classify::argmax;
use super::row::{Row, Sample, batch_of, check_samples};
use crate::error::TrainError;
use crate::loss::{CrossEntropyConfig, label_cross_entropy};
use crate::run::Figures;
use crate::trainable::Trainable;

/// Classification of tokens: the mean cross-entropy of the tokens that have a label.
pub struct TagTokens<'a> {
    samples: &'a [Sample],
    config: CrossEntropyConfig,
    width: usize,
}

impl<'a> TagTokens<'a> {
    /// Takes rows of at most `max_tokens` tokens whose labels are below `width`.
    ///
    /// # Errors
    /// There are none, one could not be trained on, or the configuration is out of range.
    pub fn new(
        samples: &'a [Sample],
        config: CrossEntropyConfig,
        width: usize,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        check_samples(samples, |index, sample| {
            sample.check(index, max_tokens)?;
            let labels = sample.labels.iter().flatten();
            if let Some(label) = labels.into_iter().find(|&&label| label as usize >= width) {
                return Err(TrainError::Target { index, target: label.to_string(), width });
            }
            Ok(())
        })?;
        Ok(Self { samples, config, width })
    }
}

impl Objective for TagTokens<'_> {
    fn name(&self) -> &'static str {
        "tag_tokens"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.samples[index].tokens.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(format!("{:?}", self.config).as_bytes());
        self.samples.iter().for_each(|sample| sample.identify(feed));
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let labelled = pass.chosen.iter().map(|&index| self.samples[index].num_supervised());
        let total: usize = labelled.sum();
        let mut figures = Figures { supervised: total, ..Figures::default() };
        let mut right = 0;
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let batch = batch_of(indices?.iter().map(|&index| &self.samples[index]));
            let labels: Vec<Option<u32>> =
                batch.labels.iter().flatten().map(|&label| Some(label)).collect();
            pass.run_outputs(model, &batch, &mut figures, |logits| {
                let told = labels.iter().flatten().zip(logits.chunks_exact(self.width));
                right += told.filter(|(label, row)| argmax(row) == **label as usize).count();
                label_cross_entropy(&self.config, logits, &labels, self.width, total as f64)
            })?;
        }
        figures.extra.insert("accuracy".to_owned(), right as f64 / total as f64);
        Ok(figures)
    }
}
