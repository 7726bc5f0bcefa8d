//! Cross-encoders: scores of a query's documents.

use super::api::{Objective, Pass};
use super::row::{Row, TextRow, batch_of_texts, check_rows, check_samples, num_tokens};
use crate::check::check;
use crate::error::TrainError;
use crate::loss::{
    LossAndGrad, PairwiseConfig, list_net_loss, pairwise_loss, pairwise_total, pointwise_loss,
};
use crate::run::Figures;
use crate::trainable::Trainable;

/// A query with its documents, each a pair of texts, and how relevant they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RerankSample {
    /// Query and document together.
    pub rows: Vec<TextRow>,
    /// Relevance of each, 0 to 1 for pointwise losses.
    pub relevance: Vec<f32>,
}

/// What scores are learnt by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RerankLoss {
    /// Binary cross-entropy of each document.
    Pointwise {
        /// Weight of relevant documents.
        positive_weight: f64,
    },
    /// Which of two documents is more relevant.
    Pairwise(PairwiseConfig),
    /// The distribution over a query's documents.
    ListNet,
}

impl RerankLoss {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(self) -> Result<(), TrainError> {
        let (key, value) = match self {
            Self::Pointwise { positive_weight } => ("pos_weight", positive_weight),
            Self::Pairwise(PairwiseConfig { sigma, .. }) => ("sigma", sigma),
            Self::ListNet => return Ok(()),
        };
        check(key, &value, value.is_finite() && value > 0.0, "greater than 0")
    }
}

/// Training of cross-encoders.
pub struct Rerank<'a> {
    samples: &'a [RerankSample],
    loss: RerankLoss,
}

impl<'a> Rerank<'a> {
    /// Takes queries whose documents have at most `max_tokens` tokens together.
    ///
    /// # Errors
    /// There are none, one could not be trained on, or a parameter of the loss is out of range.
    pub fn new(
        samples: &'a [RerankSample],
        loss: RerankLoss,
        max_tokens: usize,
    ) -> Result<Self, TrainError> {
        loss.validate()?;
        check_samples(samples, |index, sample| {
            let (tokens, labels) = (sample.rows.len(), sample.relevance.len());
            if tokens != labels || tokens == 0 {
                return Err(TrainError::LabelCount { index, tokens, labels });
            }
            check_rows(index, &sample.rows, max_tokens)
        })?;
        Ok(Self { samples, loss })
    }

    /// Relevance of all documents, and how many each query has.
    fn relevance(&self, indices: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let samples = || indices.iter().map(|&index| &self.samples[index]);
        let relevance = samples().flat_map(|sample| sample.relevance.iter().copied()).collect();
        (relevance, samples().map(|sample| sample.rows.len()).collect())
    }

    /// What the mean goes over.
    fn total(&self, indices: &[usize]) -> usize {
        let (relevance, lens) = self.relevance(indices);
        match self.loss {
            RerankLoss::Pointwise { .. } => relevance.len(),
            RerankLoss::Pairwise(_) => pairwise_total(&relevance, &lens).max(1),
            RerankLoss::ListNet => indices.len(),
        }
    }

    fn loss(&self, scores: &[f32], relevance: &[f32], lens: &[usize], total: usize) -> LossAndGrad {
        match self.loss {
            RerankLoss::Pointwise { positive_weight } => {
                pointwise_loss(scores, relevance, positive_weight, total)
            }
            RerankLoss::Pairwise(config) => pairwise_loss(&config, scores, relevance, lens, total),
            RerankLoss::ListNet => list_net_loss(scores, relevance, lens, total),
        }
    }
}

/// Sum over queries of one by the rank of the most relevant document.
fn reciprocal_ranks(scores: &[f32], relevance: &[f32], lens: &[usize]) -> f64 {
    let mut first = 0;
    let of_query = |&len: &usize| {
        let (scores, relevance) = (&scores[first..first + len], &relevance[first..first + len]);
        first += len;
        let best = super::classify::argmax(relevance);
        let ahead = scores.iter().filter(|&&score| score > scores[best]).count();
        1.0 / (ahead + 1) as f64
    };
    lens.iter().map(of_query).sum()
}

impl Objective for Rerank<'_> {
    fn name(&self) -> &'static str {
        "rerank"
    }

    fn num_samples(&self) -> usize {
        self.samples.len()
    }

    fn num_tokens(&self, index: usize) -> usize {
        num_tokens(&self.samples[index].rows)
    }

    fn identify(&self, feed: &mut dyn FnMut(&[u8])) {
        feed(format!("{:?}", self.loss).as_bytes());
        for sample in self.samples {
            sample.rows.iter().for_each(|row| row.identify(feed));
            sample.relevance.iter().for_each(|value| feed(&value.to_le_bytes()));
        }
    }

    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError> {
        let total = self.total(pass.chosen);
        let mut figures = Figures { supervised: pass.chosen.len(), ..Figures::default() };
        let mut ranks = 0.0;
        for indices in pass.micro_steps(|index| self.num_tokens(index)) {
            let indices = indices?;
            let rows = indices.iter().flat_map(|&index| &self.samples[index].rows);
            let (relevance, lens) = self.relevance(indices);
            pass.run_outputs(model, &batch_of_texts(rows), &mut figures, |scores| {
                ranks += reciprocal_ranks(scores, &relevance, &lens);
                self.loss(scores, &relevance, &lens, total)
            })?;
        }
        figures.extra.insert("mrr".to_owned(), ranks / pass.chosen.len() as f64);
        Ok(figures)
    }
}
