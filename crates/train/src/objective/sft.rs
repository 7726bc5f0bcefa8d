//! Next-token prediction: pre-training and supervised fine-tuning.

use super::api::{Objective, Step, check_cancel};
use super::row::{Sample, batch_of};
use crate::error::TrainError;
use crate::neftune::add_neftune_noise;
use crate::run::{Figures, groups};
use crate::trainable::Trainable;
use catena_protocol::Cancel;

/// The mean negative log-likelihood of the supervised tokens of a step.
///
/// Every token of the step weighs the same, in whatever sample and micro-step it stands.
pub struct Sft<'a> {
    samples: &'a [Sample],
}

impl<'a> Sft<'a> {
    /// Takes samples of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// There are none, or one could not be trained on.
    pub fn new(samples: &'a [Sample], max_tokens: usize) -> Result<Self, TrainError> {
        if samples.is_empty() {
            return Err(TrainError::NoSamples);
        }
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, max_tokens)?;
        }
        Ok(Self { samples })
    }
}

impl Objective for Sft<'_> {
    fn name(&self) -> &'static str {
        "sft"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        self.samples.iter().for_each(|sample| sample.identify(feed));
    }

    fn learn(&mut self, model: &mut dyn Trainable, step: &Step<'_>) -> Result<Figures, TrainError> {
        let chosen: Vec<&Sample> = step.chosen.iter().map(|&index| &self.samples[index]).collect();
        let supervised: usize = chosen.iter().map(|sample| sample.num_supervised()).sum();
        let mut figures = Figures { supervised, ..Figures::default() };
        let lens: Vec<usize> = chosen.iter().map(|sample| sample.tokens.len()).collect();
        let mut row = 0;
        for group in groups(&lens, step.micro_step_tokens) {
            let mut batch = batch_of(chosen[group].iter().copied());
            if let Some((alpha, seed)) = step.noise {
                let c = model.hidden_size();
                batch.noise = vec![0.0; batch.tokens.len() * c];
                let ends = batch.seq_starts.iter().skip(1).copied().chain([batch.tokens.len()]);
                for (&start, end) in batch.seq_starts.iter().zip(ends) {
                    let noise = &mut batch.noise[start * c..end * c];
                    add_neftune_noise((seed, step.number, row), alpha, noise, end - start, c);
                    row += 1;
                }
            }
            let count = batch.labels.iter().flatten().count();
            let scales = vec![1.0 / supervised as f32; count];
            figures.tokens += batch.tokens.len();
            figures.loss += model.learn_losses(&batch, &scales)?.iter().sum::<f64>();
        }
        figures.loss /= supervised as f64;
        Ok(figures)
    }

    fn evaluate(
        &mut self,
        model: &mut dyn Trainable,
        micro_step_tokens: usize,
        cancel: &Cancel,
    ) -> Result<Figures, TrainError> {
        let lens: Vec<usize> = self.samples.iter().map(|sample| sample.tokens.len()).collect();
        let mut figures = Figures::default();
        for group in groups(&lens, micro_step_tokens) {
            check_cancel(cancel)?;
            let batch = batch_of(&self.samples[group]);
            let losses = model.losses(&batch)?;
            figures.loss += losses.iter().sum::<f64>();
            figures.supervised += losses.len();
            figures.tokens += batch.tokens.len();
        }
        figures.loss /= figures.supervised as f64;
        figures.extra.insert("perplexity".to_owned(), figures.loss.exp());
        Ok(figures)
    }
}
