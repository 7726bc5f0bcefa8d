//! Labels, or a number, of texts and pairs of texts.

use super::api::{Objective, Pass};
use super::row::{Row, TextRow, batch_of_texts, check_samples};
use crate::error::TrainError;
use crate::loss::{
    CrossEntropyConfig, LossAndGrad, cross_entropy_weight, label_cross_entropy, multi_label_loss,
    regression_loss,
};
use crate::run::Figures;
use crate::trainable::Trainable;

/// A text with what it should be told as.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassifySample {
    /// The text or the pair.
    pub row: TextRow,
    /// What it is.
    pub target: Target,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One of the labels.
    Label(u32),
    /// Any number of the labels: 1 for those that hold.
    Labels(Vec<f32>),
    /// A number, or several.
    Numbers(Vec<f32>),
}

/// What all samples of a set are learnt by.
#[derive(Clone, Debug, PartialEq)]
pub enum ClassifyLoss {
    /// Cross-entropy of the one label.
    One(CrossEntropyConfig),
    /// Binary cross-entropy of each label.
    Many,
    /// Squared error.
    Numbers,
}

/// Classification and regression of sequences.
pub struct Classify<'a> {
    samples: &'a [ClassifySample],
    loss: ClassifyLoss,
    width: usize,
}

impl<'a> Classify<'a> {
    /// Takes texts of at most `max_tokens` tokens for a head of `width` outputs.
    ///
    /// # Errors
    /// There are none, one could not be trained on or does not go with the loss, or the loss is out
    /// of range.
    pub fn new(
        samples: &'a [ClassifySample],
        loss: ClassifyLoss,
        width: usize,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        if let ClassifyLoss::One(config) = &loss {
            config.validate()?;
        }
        check_samples(samples, |index, sample| {
            sample.row.check(index, max_tokens)?;
            let fits = match (&sample.target, &loss) {
                (Target::Label(label), ClassifyLoss::One(_)) => (*label as usize) < width,
                (Target::Labels(values), ClassifyLoss::Many)
                | (Target::Numbers(values), ClassifyLoss::Numbers) => values.len() == width,
                (Target::Label(_) | Target::Labels(_) | Target::Numbers(_), _) => false,
            };
            if !fits {
                let target = format!("{:?}", sample.target);
                return Err(TrainError::Target { index, target, width });
            }
            Ok(())
        })?;
        Ok(Self { samples, loss, width })
    }

    /// What the mean goes over.
    fn total(&self, indices: &[usize]) -> f64 {
        match &self.loss {
            ClassifyLoss::One(config) => cross_entropy_weight(config, &self.labels(indices)),
            ClassifyLoss::Many | ClassifyLoss::Numbers => (indices.len() * self.width) as f64,
        }
    }

    fn labels(&self, indices: &[usize]) -> Vec<Option<u32>> {
        let label = |&index: &usize| match self.samples[index].target {
            Target::Label(label) => Some(label),
            Target::Labels(_) | Target::Numbers(_) => None,
        };
        indices.iter().map(label).collect()
    }

    fn values(&self, indices: &[usize]) -> Vec<f32> {
        let values = |&index: &usize| match &self.samples[index].target {
            Target::Labels(values) | Target::Numbers(values) => values.clone(),
            Target::Label(_) => Vec::new(),
        };
        indices.iter().flat_map(values).collect()
    }

    fn loss(&self, logits: &[f32], indices: &[usize], total: f64) -> LossAndGrad {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of outputs"
        )]
        let count = total as usize;
        match &self.loss {
            ClassifyLoss::One(config) => {
                label_cross_entropy(config, logits, &self.labels(indices), self.width, total)
            }
            ClassifyLoss::Many => multi_label_loss(logits, &self.values(indices), None, count),
            ClassifyLoss::Numbers => regression_loss(logits, &self.values(indices), count),
        }
    }

    fn is_right(&self, index: usize, logits: &[f32]) -> bool {
        match &self.samples[index].target {
            Target::Label(label) => argmax(logits) == *label as usize,
            Target::Labels(values) => {
                logits.iter().zip(values).all(|(logit, value)| (*logit > 0.0) == (*value > 0.5))
            }
            Target::Numbers(_) => false,
        }
    }
}

/// The first of the largest values.
pub(super) fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
    (0..values.len()).fold(0, better)
}

impl Objective for Classify<'_> {
    fn name(&self) -> &'static str {
        "classify"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.samples[index].row.tokens.len()
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(format!("{:?}", self.loss).as_bytes());
        for sample in self.samples {
            sample.row.identify(feed);
            match &sample.target {
                Target::Label(label) => feed(&label.to_le_bytes()),
                Target::Labels(values) | Target::Numbers(values) => {
                    for value in values {
                        feed(&value.to_le_bytes());
                    }
                }
            }
        }
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let total = self.total(pass.chosen);
        let mut figures = Figures { supervised: pass.chosen.len(), ..Figures::default() };
        let mut right = 0;
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let indices = indices?;
            let batch = batch_of_texts(indices.iter().map(|&index| &self.samples[index].row));
            pass.run_outputs(model, &batch, &mut figures, |logits| {
                let told = indices.iter().zip(logits.chunks_exact(self.width));
                right += told.filter(|(index, logits)| self.is_right(**index, logits)).count();
                self.loss(logits, indices, total)
            })?;
        }
        if self.loss != ClassifyLoss::Numbers {
            let accuracy = right as f64 / figures.supervised as f64;
            figures.extra.insert("accuracy".to_owned(), accuracy);
        }
        Ok(figures)
    }
}
