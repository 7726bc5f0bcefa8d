//! Labels of tokens, such as names of people and places.

use super::api::{Objective, Step, check_cancel};
use super::classify::argmax;
use super::row::{Sample, batch_of};
use crate::error::TrainError;
use crate::loss::{CrossEntropyConfig, label_cross_entropy};
use crate::run::{Figures, groups};
use crate::trainable::Trainable;
use catena_protocol::Cancel;

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
    /// There are none, or one could not be trained on.
    pub fn new(
        samples: &'a [Sample],
        config: CrossEntropyConfig,
        width: usize,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        if samples.is_empty() {
            return Err(TrainError::NoSamples);
        }
        for (index, sample) in samples.iter().enumerate() {
            sample.check(index, max_tokens)?;
            let labels = sample.labels.iter().flatten();
            if let Some(label) = labels.into_iter().find(|&&label| label as usize >= width) {
                return Err(TrainError::Target { index, target: label.to_string(), width });
            }
        }
        Ok(Self { samples, config, width })
    }

    fn run(
        &self,
        model: &mut dyn Trainable,
        rows: &[&Sample],
        total: f64,
        learn: bool,
        figures: &mut Figures,
    ) -> Result<usize, TrainError> {
        let batch = batch_of(rows.iter().copied());
        let labels: Vec<Option<u32>> =
            batch.labels.iter().flatten().map(|&label| Some(label)).collect();
        let logits = model.outputs(&batch)?;
        let loss = label_cross_entropy(&self.config, logits, &labels, self.width, total);
        let right = labels.iter().flatten().zip(logits.chunks_exact(self.width));
        let right = right.filter(|(label, row)| argmax(row) == **label as usize).count();
        figures.loss += loss.loss;
        figures.tokens += batch.tokens.len();
        figures.supervised += labels.len();
        if learn {
            model.backward_outputs(&batch, &loss.grad)?;
        }
        Ok(right)
    }
}

impl Objective for TagTokens<'_> {
    fn name(&self) -> &'static str {
        "tag_tokens"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        self.samples.iter().for_each(|sample| sample.identify(feed));
    }

    fn learn(&mut self, model: &mut dyn Trainable, step: &Step<'_>) -> Result<Figures, TrainError> {
        let chosen: Vec<&Sample> = step.chosen.iter().map(|&index| &self.samples[index]).collect();
        over(self, model, &chosen, step.micro_step_tokens, true, &Cancel::new())
    }

    fn evaluate(
        &mut self,
        model: &mut dyn Trainable,
        micro_step_tokens: usize,
        cancel: &Cancel,
    ) -> Result<Figures, TrainError> {
        let all: Vec<&Sample> = self.samples.iter().collect();
        over(self, model, &all, micro_step_tokens, false, cancel)
    }
}

fn over(
    this: &TagTokens<'_>,
    model: &mut dyn Trainable,
    rows: &[&Sample],
    max_tokens: usize,
    learn: bool,
    cancel: &Cancel,
) -> Result<Figures, TrainError> {
    let lens: Vec<usize> = rows.iter().map(|row| row.tokens.len()).collect();
    let total: usize = rows.iter().map(|row| row.num_supervised()).sum();
    let (mut figures, mut right) = (Figures::default(), 0);
    for group in groups(&lens, max_tokens) {
        check_cancel(cancel)?;
        right += this.run(model, &rows[group], total as f64, learn, &mut figures)?;
    }
    figures.extra.insert("accuracy".to_owned(), right as f64 / total as f64);
    Ok(figures)
}
