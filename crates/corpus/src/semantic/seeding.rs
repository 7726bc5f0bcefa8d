//! The centroids that k-means begins with.

use super::dot::dot;
use super::embeddings::Embeddings;
use crate::seeded::Seeded;
use rayon::prelude::*;

/// Rows looked at for each cluster; all of a larger set would cost as much as many rounds.
const ROWS_PER_CLUSTER: usize = 64;

/// Draws `clusters` different rows, each next one with a probability in proportion to its
/// distance `1 - cosine` from the nearest drawn before, so that they lie apart.
///
/// # Source
/// Arthur and Vassilvitskii 2007, k-means++. Of rows of length 1, `1 - cosine` is half the squared
/// distance.
pub(super) fn draw_centroids(rows: Embeddings, clusters: usize, stream: &mut Seeded) -> Vec<usize> {
    let mut pool: Vec<usize> = (0..rows.rows()).collect();
    let limit = clusters.saturating_mul(ROWS_PER_CLUSTER);
    if pool.len() > limit {
        stream.shuffle(&mut pool);
        pool.truncate(limit);
        pool.sort_unstable();
    }
    let mut chosen = vec![stream.place(pool.len())];
    let mut distances = vec![f32::INFINITY; pool.len()];
    while chosen.len() < clusters {
        let last = rows.row(pool[chosen[chosen.len() - 1]]);
        distances.par_iter_mut().zip(&pool).for_each(|(distance, &row)| {
            *distance = distance.min((1.0 - dot(rows.row(row), last)).max(0.0));
        });
        for &at in &chosen {
            distances[at] = 0.0;
        }
        chosen.push(draw(&distances, &chosen, stream));
    }
    chosen.into_iter().map(|at| pool[at]).collect()
}

fn draw(distances: &[f32], chosen: &[usize], stream: &mut Seeded) -> usize {
    let sum: f64 = distances.iter().map(|&distance| f64::from(distance)).sum();
    let mut target = stream.open_unit() * sum;
    for (at, &distance) in distances.iter().enumerate() {
        target -= f64::from(distance);
        if target < 0.0 {
            return at;
        }
    }
    // Every row left equals one that is chosen.
    (0..distances.len()).find(|at| !chosen.contains(at)).unwrap_or(0)
}
