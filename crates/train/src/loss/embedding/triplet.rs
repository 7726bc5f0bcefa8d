//! An anchor closer to its positive than to its negative.

use super::result::EmbeddingLoss;
use super::vectors::{RowCosines, dot, num_rows};
use crate::loss::result::wide;
use crate::loss::scalar::relu;
use serde::{Deserialize, Serialize};

/// How far two vectors are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TripletDistance {
    /// The length of the difference.
    #[default]
    Euclidean,
    /// The sum of the magnitudes of the difference.
    Manhattan,
    /// One minus the cosine.
    Cosine,
}

/// Hyper-parameters of [`triplet_loss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TripletConfig {
    /// The distance.
    pub distance: TripletDistance,
    /// By how much the negative should be further away.
    pub margin: f64,
}

impl Default for TripletConfig {
    fn default() -> Self {
        Self { distance: TripletDistance::Euclidean, margin: 5.0 }
    }
}

/// Mean over rows of `max(0, d(anchor, positive) - d(anchor, negative) + margin)`.
///
/// # Shapes
/// All three matrices and their gradients `[b, c]`.
///
/// # Panics
/// If the sizes disagree: a caller's bug.
///
/// # Source
/// `TripletLoss` of sentence-transformers. Where two vectors are equal, the derivative of their
/// Euclidean distance is 0 here.
pub fn triplet_loss(
    config: &TripletConfig,
    anchors_bc: &[f32],
    positives_bc: &[f32],
    negatives_bc: &[f32],
    c: usize,
) -> EmbeddingLoss {
    let b = num_rows(anchors_bc, c);
    assert_eq!(num_rows(positives_bc, c), b, "anchors and positives");
    assert_eq!(num_rows(negatives_bc, c), b, "anchors and negatives");
    let vectors = [wide(anchors_bc), wide(positives_bc), wide(negatives_bc)];
    EmbeddingLoss::new(triplet(config, [&vectors[0], &vectors[1], &vectors[2]], c))
}

pub(super) fn triplet(
    config: &TripletConfig,
    [anchors, positives, negatives]: [&[f64]; 3],
    c: usize,
) -> (f64, [Vec<f64>; 3]) {
    let near = Distances::new(config.distance, anchors, positives, c);
    let far = Distances::new(config.distance, anchors, negatives, c);
    let share = 1.0 / near.values.len() as f64;
    let mut loss = 0.0;
    let mut slopes = Vec::with_capacity(near.values.len());
    for (near, far) in near.values.iter().zip(&far.values) {
        let (term, slope) = relu(near - far + config.margin);
        loss += share * term;
        slopes.push(share * slope);
    }
    let [mut anchor_grad, positive_grad] = near.backward(&slopes);
    for slope in &mut slopes {
        *slope = -*slope;
    }
    let [other_grad, negative_grad] = far.backward(&slopes);
    for (grad, other) in anchor_grad.iter_mut().zip(other_grad) {
        *grad += other;
    }
    (loss, [anchor_grad, positive_grad, negative_grad])
}

/// Distances of the rows of two matrices, and the way back.
struct Distances {
    values: Vec<f64>,
    way: Way,
}

enum Way {
    Cosine(RowCosines),
    /// The derivative of each distance by the first matrix; that by the second is its opposite.
    Difference {
        directions: Vec<f64>,
        width: usize,
    },
}

impl Distances {
    fn new(distance: TripletDistance, a: &[f64], b: &[f64], width: usize) -> Self {
        let mut directions: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        let mut values = Vec::with_capacity(a.len() / width);
        for row in directions.chunks_exact_mut(width) {
            match distance {
                TripletDistance::Euclidean => {
                    let length = dot(row, row).sqrt();
                    let inverse = if length > 0.0 { 1.0 / length } else { 0.0 };
                    for x in row {
                        *x *= inverse;
                    }
                    values.push(length);
                }
                TripletDistance::Manhattan => {
                    values.push(row.iter().map(|x| x.abs()).sum());
                    for x in row {
                        *x = if *x == 0.0 { 0.0 } else { x.signum() };
                    }
                }
                TripletDistance::Cosine => break,
            }
        }
        if distance != TripletDistance::Cosine {
            return Self { values, way: Way::Difference { directions, width } };
        }
        let cosines = RowCosines::new(a, b, width);
        let values = cosines.cosines.iter().map(|cosine| 1.0 - cosine).collect();
        Self { values, way: Way::Cosine(cosines) }
    }

    /// Gradients by both matrices for the gradient `slopes` by each distance.
    fn backward(&self, slopes: &[f64]) -> [Vec<f64>; 2] {
        match &self.way {
            Way::Cosine(cosines) => {
                let slopes: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
                cosines.backward(&slopes)
            }
            Way::Difference { directions, width } => {
                let rows = directions.chunks_exact(*width).zip(slopes);
                let first: Vec<f64> = rows
                    .flat_map(|(row, slope)| row.iter().map(move |direction| slope * direction))
                    .collect();
                let second = first.iter().map(|x| -x).collect();
                [first, second]
            }
        }
    }
}
