//! Vectors of texts that should be near each other.

use super::api::{Objective, Pass, check_cancel};
use super::row::{TextRow, batch_of_texts};
use crate::error::TrainError;
use crate::loss::{RankingConfig, ranking_loss};
use crate::run::{Figures, groups};
use crate::trainable::Trainable;

/// Samples whose texts are told apart when they are evaluated, as if they were one step.
const EVALUATED_TOGETHER: usize = 64;

/// A text, what it should be near, and what it should not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbedSample {
    /// The query.
    pub anchor: TextRow,
    /// The text that answers it.
    pub positive: TextRow,
    /// Texts that do not; all samples of a set have the same number.
    pub negatives: Vec<TextRow>,
}

/// InfoNCE over the texts of a step.
///
/// Every anchor is told from the documents of the whole step, however many passes they take: the
/// vectors are computed first, and where they did not fit one pass, texts are run again for their
/// gradient.
///
/// # Source
/// Gao et al. 2021, arXiv:2101.06983, for the two passes.
pub struct Embed<'a> {
    samples: &'a [EmbedSample],
    config: RankingConfig,
}

impl<'a> Embed<'a> {
    /// Takes texts of at most `max_tokens` tokens.
    ///
    /// # Errors
    /// There are none, one could not be trained on, or the numbers of negatives differ.
    pub fn new(
        samples: &'a [EmbedSample],
        config: RankingConfig,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        let Some(first) = samples.first() else { return Err(TrainError::NoSamples) };
        for (index, sample) in samples.iter().enumerate() {
            for row in [&sample.anchor, &sample.positive].into_iter().chain(&sample.negatives) {
                row.check(index, max_tokens)?;
            }
            let (found, expected) = (sample.negatives.len(), first.negatives.len());
            if found != expected {
                return Err(TrainError::Negatives { index, found, expected });
            }
        }
        Ok(Self { samples, config })
    }

    /// Anchors, positives, then the first negative of each, and so on.
    fn rows(&self, indices: &[usize]) -> Vec<&TextRow> {
        let of = |part: &dyn Fn(&'a EmbedSample) -> &'a TextRow| -> Vec<&'a TextRow> {
            indices.iter().map(|&index| part(&self.samples[index])).collect()
        };
        let mut rows = of(&|sample| &sample.anchor);
        rows.extend(of(&|sample| &sample.positive));
        for negative in 0..self.samples[0].negatives.len() {
            rows.extend(of(&|sample| &sample.negatives[negative]));
        }
        rows
    }

    /// Tells the texts of `indices` apart.
    fn run_together(
        &self,
        model: &mut dyn Trainable,
        indices: &[usize],
        max_tokens: usize,
        learn: bool,
    ) -> Result<Figures, TrainError> {
        let rows = self.rows(indices);
        let lens: Vec<usize> = rows.iter().map(|row| row.tokens.len()).collect();
        let groups = groups(&lens, max_tokens);
        let width = model.output_width();
        let batches: Vec<_> = groups
            .iter()
            .map(|group| batch_of_texts(rows[group.clone()].iter().copied()))
            .collect();
        let mut vectors = Vec::with_capacity(rows.len() * width);
        for batch in &batches {
            vectors.extend_from_slice(model.outputs(batch)?);
        }
        let (anchors, documents) = vectors.split_at(indices.len() * width);
        let loss = ranking_loss(&self.config, anchors, documents, width);
        if learn {
            let grads = loss.grads.concat();
            for (batch, group) in batches.iter().zip(&groups) {
                if batches.len() > 1 {
                    model.outputs(batch)?;
                }
                model.backward_outputs(batch, &grads[group.start * width..group.end * width])?;
            }
        }
        let right = (0..indices.len()).filter(|&row| {
            let score = |document: usize| {
                let (a, b) =
                    (&anchors[row * width..][..width], &documents[document * width..][..width]);
                cosine(a, b)
            };
            (0..documents.len() / width).all(|other| other == row || score(row) > score(other))
        });
        let accuracy = right.count() as f64 / indices.len() as f64;
        Ok(Figures {
            loss: loss.loss,
            supervised: indices.len(),
            tokens: lens.iter().sum(),
            extra: [("accuracy".to_owned(), accuracy)].into(),
        })
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

impl Objective for Embed<'_> {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        self.rows(&[index]).iter().map(|row| row.tokens.len()).sum()
    }

    fn longest(&self) -> usize {
        let all: Vec<usize> = (0..self.samples.len()).collect();
        self.rows(&all).iter().map(|row| row.tokens.len()).max().unwrap_or(0)
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(format!("{:?}", self.config).as_bytes());
        for sample in self.samples {
            for row in [&sample.anchor, &sample.positive].into_iter().chain(&sample.negatives) {
                row.identify(feed);
            }
        }
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let (max_tokens, learn) = (pass.micro_step_tokens, pass.learns());
        let together = if learn { pass.chosen.len() } else { EVALUATED_TOGETHER };
        let mut figures = Figures::default();
        let mut accurate = 0.0;
        for indices in pass.chosen.chunks(together) {
            check_cancel(pass.cancel())?;
            let found = self.run_together(model, indices, max_tokens, learn)?;
            let weight = indices.len() as f64;
            figures.loss += found.loss * weight;
            accurate += found.extra["accuracy"] * weight;
            figures.supervised += indices.len();
            figures.tokens += found.tokens;
        }
        figures.loss /= figures.supervised as f64;
        figures.extra.insert("accuracy".to_owned(), accurate / figures.supervised as f64);
        Ok(figures)
    }
}
