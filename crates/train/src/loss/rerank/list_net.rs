//! All documents of a query at once.

use crate::loss::result::{LossAndGrad, wide};
use crate::loss::scalar::log_sum_exp;

/// ListNet: cross-entropy between the softmax of the relevance and that of the scores, the mean
/// over `total` queries.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// Cao et al. 2007; `ListNetLoss` of sentence-transformers' cross-encoders.
pub fn list_net_loss(
    scores: &[f32],
    relevance: &[f32],
    list_lens: &[usize],
    total: usize,
) -> LossAndGrad {
    assert_eq!(scores.len(), relevance.len(), "scores and relevance");
    assert_eq!(scores.len(), list_lens.iter().sum::<usize>(), "scores of the lists");
    LossAndGrad::new(list_net(&wide(scores), &wide(relevance), list_lens, total))
}

pub(super) fn list_net(
    scores: &[f64],
    relevance: &[f64],
    list_lens: &[usize],
    total: usize,
) -> (f64, Vec<f64>) {
    let mut loss = 0.0;
    let mut grad = Vec::with_capacity(scores.len());
    let mut start = 0;
    for &len in list_lens {
        let (scores, relevance) = (&scores[start..start + len], &relevance[start..start + len]);
        let (score_z, relevance_z) = (log_sum_exp(scores), log_sum_exp(relevance));
        for (score, relevance) in scores.iter().zip(relevance) {
            let (log_q, target) = (score - score_z, (relevance - relevance_z).exp());
            loss -= target * log_q / total as f64;
            grad.push((log_q.exp() - target) / total as f64);
        }
        start += len;
    }
    (loss, grad)
}
