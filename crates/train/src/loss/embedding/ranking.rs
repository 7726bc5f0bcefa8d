//! A text's own document among all documents of the batch.

use super::result::EmbeddingLoss;
use super::vectors::{UnitRows, add_scaled, dot, num_rows};
use crate::loss::result::wide;
use crate::loss::scalar::log_sum_exp;
use serde::{Deserialize, Serialize};

/// How alike two vectors are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// The cosine of their angle.
    #[default]
    Cosine,
    /// Their dot product.
    Dot,
}

/// Hyper-parameters of [`ranking_loss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingConfig {
    /// Multiple of the similarities: one over the temperature.
    pub scale: f64,
    /// The similarity.
    pub similarity: Similarity,
    /// Find the anchor of each positive too, and take the mean of both.
    pub symmetric: bool,
}

impl Default for RankingConfig {
    fn default() -> Self {
        Self { scale: 20.0, similarity: Similarity::Cosine, symmetric: false }
    }
}

/// InfoNCE, also known as multiple negatives ranking: cross-entropy of picking each anchor's own
/// positive among the documents of the whole batch.
///
/// With `s_ij = scale * similarity(anchor_i, document_j)`, the mean over anchors of
/// `ln(sum_j exp(s_ij)) - s_ii`; symmetric, the mean of it and of
/// `ln(sum_j exp(s_ji)) - s_ii` over the anchors `j`.
///
/// # Shapes
/// `anchors_bc` `[b, c]`; `documents_nc` `[n, c]` with `n` a multiple of `b`: the positives in the
/// order of the anchors, then any number of columns of hard negatives. Gradients likewise, anchors
/// first.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// van den Oord et al. 2018, arXiv:1807.03748; `MultipleNegativesRankingLoss` of
/// sentence-transformers, symmetric as its directions `query_to_doc` and `doc_to_query` with
/// `partition_mode="per_direction"`.
pub fn ranking_loss(
    config: &RankingConfig,
    anchors_bc: &[f32],
    documents_nc: &[f32],
    c: usize,
) -> EmbeddingLoss {
    let (b, n) = (num_rows(anchors_bc, c), num_rows(documents_nc, c));
    assert!(b > 0 && n > 0 && n.is_multiple_of(b), "{n} documents of {b} anchors");
    EmbeddingLoss::new(ranking(config, &wide(anchors_bc), &wide(documents_nc), c))
}

pub(super) fn ranking(
    config: &RankingConfig,
    anchors: &[f64],
    documents: &[f64],
    c: usize,
) -> (f64, [Vec<f64>; 2]) {
    match config.similarity {
        Similarity::Dot => products(config, anchors, documents, c),
        Similarity::Cosine => {
            let (anchors, documents) = (UnitRows::new(anchors, c), UnitRows::new(documents, c));
            let (loss, mut grads) = products(config, &anchors.rows, &documents.rows, c);
            anchors.backward(&mut grads[0]);
            documents.backward(&mut grads[1]);
            (loss, grads)
        }
    }
}

/// The loss with dot products.
fn products(
    config: &RankingConfig,
    anchors: &[f64],
    documents: &[f64],
    c: usize,
) -> (f64, [Vec<f64>; 2]) {
    let (b, n) = (anchors.len() / c, documents.len() / c);
    let anchor = |i: usize| &anchors[i * c..][..c];
    let document = |j: usize| &documents[j * c..][..c];
    let mut scores = vec![0.0; b * n];
    for (i, row) in scores.chunks_exact_mut(n).enumerate() {
        for (j, score) in row.iter_mut().enumerate() {
            *score = config.scale * dot(anchor(i), document(j));
        }
    }
    let (loss, slopes) = score_slopes(config, &scores, b, n);
    let mut grads = [vec![0.0; anchors.len()], vec![0.0; documents.len()]];
    let [anchor_grads, document_grads] = &mut grads;
    for (i, row) in slopes.chunks_exact(n).enumerate() {
        for (j, slope) in row.iter().enumerate() {
            let slope = config.scale * slope;
            add_scaled(&mut anchor_grads[i * c..][..c], slope, document(j));
            add_scaled(&mut document_grads[j * c..][..c], slope, anchor(i));
        }
    }
    (loss, grads)
}

/// The loss of scores `[b, n]` and its derivative by each.
fn score_slopes(config: &RankingConfig, scores: &[f64], b: usize, n: usize) -> (f64, Vec<f64>) {
    let direction_share = if config.symmetric { 0.5 } else { 1.0 } / b as f64;
    let mut loss = 0.0;
    let mut slopes = vec![0.0; scores.len()];
    for (i, (row, slopes)) in scores.chunks_exact(n).zip(slopes.chunks_exact_mut(n)).enumerate() {
        let log_z = log_sum_exp(row);
        loss += direction_share * log_z - row[i] / b as f64;
        for (score, slope) in row.iter().zip(slopes.iter_mut()) {
            *slope = direction_share * (score - log_z).exp();
        }
        slopes[i] -= 1.0 / b as f64;
    }
    if config.symmetric {
        for j in 0..b {
            let column: Vec<f64> = (0..b).map(|i| scores[i * n + j]).collect();
            let log_z = log_sum_exp(&column);
            loss += direction_share * log_z;
            for (i, score) in column.iter().enumerate() {
                slopes[i * n + j] += direction_share * (score - log_z).exp();
            }
        }
    }
    (loss, slopes)
}
