//! Every document against every less relevant one.

use crate::loss::result::{LossAndGrad, wide};
use crate::loss::scalar::logistic;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of [`pairwise_loss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairwiseConfig {
    /// Multiple of the difference of scores.
    pub sigma: f64,
    /// Measure in bits, as sentence-transformers does; in nats otherwise.
    pub bits: bool,
}

impl Default for PairwiseConfig {
    fn default() -> Self {
        Self { sigma: 1.0, bits: true }
    }
}

/// Pairs that [`pairwise_loss`] compares: what its mean divides by.
pub fn pairwise_total(relevance: &[f32], list_lens: &[usize]) -> usize {
    pairs(&wide(relevance), list_lens).count()
}

/// RankNet: the mean over `total` pairs of `-ln sigmoid(sigma (s_i - s_j))`, where document `i` of
/// a query is more relevant than `j`; nothing when no two differ.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// Burges et al. 2005; `RankNetLoss` of sentence-transformers' cross-encoders.
pub fn pairwise_loss(
    config: &PairwiseConfig,
    scores: &[f32],
    relevance: &[f32],
    list_lens: &[usize],
    total: usize,
) -> LossAndGrad {
    assert_eq!(scores.len(), relevance.len(), "scores and relevance");
    assert_eq!(scores.len(), list_lens.iter().sum::<usize>(), "scores of the lists");
    LossAndGrad::new(rank_net(config, &wide(scores), &wide(relevance), list_lens, total))
}

pub(super) fn rank_net(
    config: &PairwiseConfig,
    scores: &[f64],
    relevance: &[f64],
    list_lens: &[usize],
    total: usize,
) -> (f64, Vec<f64>) {
    let unit = if config.bits { std::f64::consts::LN_2 } else { 1.0 };
    let share = 1.0 / (total.max(1) as f64 * unit);
    let mut loss = 0.0;
    let mut grad = vec![0.0; scores.len()];
    for (better, worse) in pairs(relevance, list_lens) {
        let (term, slope) = logistic(config.sigma * (scores[better] - scores[worse]), 0.0);
        loss += share * term;
        grad[better] += share * slope * config.sigma;
        grad[worse] -= share * slope * config.sigma;
    }
    (loss, grad)
}

/// Indices of a more and a less relevant document of the same list.
fn pairs<'a>(
    relevance: &'a [f64],
    list_lens: &'a [usize],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let lists = list_lens.iter().scan(0, |start, len| {
        let list = *start..*start + len;
        *start += len;
        Some(list)
    });
    lists.flat_map(move |list| {
        let others = list.clone();
        list.flat_map(move |i| others.clone().map(move |j| (i, j)))
            .filter(move |&(i, j)| relevance[i] > relevance[j])
    })
}
