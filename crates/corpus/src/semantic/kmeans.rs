//! Spherical k-means.

use super::dot::each_dot;
use super::embeddings::{Embeddings, scale_to_one};
use super::seeding::draw_centroids;
use crate::error::CorpusError;
use crate::seeded::Seeded;
use catena_protocol::{Cancel, Progress};
use rayon::prelude::*;

/// Rows that one thread takes at a time.
const BLOCK_ROWS: usize = 256;

/// How rows are clustered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KMeansOptions {
    /// Number of clusters, at least 1; rows if there are fewer.
    pub clusters: usize,
    /// Rounds at most, at least 1.
    pub max_rounds: usize,
    /// Rows looked at in a round, drawn anew each time; none takes all. A sample makes a round of
    /// millions of rows cheap, and the clusters a little worse.
    pub batch_rows: Option<usize>,
    /// Seed of the first centroids and of the samples.
    pub seed: u64,
}

impl Default for KMeansOptions {
    fn default() -> Self {
        Self { clusters: 1000, max_rounds: 50, batch_rows: None, seed: 0 }
    }
}

/// Rows in clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// The centroids, row by row, each of length 1.
    pub centroids: Vec<f32>,
    /// Numbers of a row.
    pub dims: usize,
    /// The cluster of each row.
    pub clusters: Vec<u32>,
    /// Cosine of each row with its centroid.
    pub similarities: Vec<f32>,
    /// Sum over all rows of `1 - cosine`: half the inertia of k-means on rows of length 1, up to
    /// the length of the means.
    pub distortion: f64,
    /// Rounds until nothing moved, or all.
    pub rounds: usize,
}

/// Clusters the rows by cosine: each belongs to the centroid nearest in direction, each centroid
/// is the direction of the sum of its rows.
///
/// A cluster that loses all its rows takes the one that fits its own worst. Batches move a
/// centroid by the share that the batch has of all rows it has seen.
///
/// # Errors
/// [`CorpusError::Config`] for options out of range, [`CorpusError::Interrupted`].
///
/// # Source
/// Dhillon and Modha 2001, spherical k-means; Sculley 2010, mini-batches.
pub fn spherical_kmeans(
    embeddings: Embeddings,
    options: &KMeansOptions,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Clustering, CorpusError> {
    let counts = [
        ("clusters", options.clusters),
        ("max_rounds", options.max_rounds),
        ("batch_rows", options.batch_rows.unwrap_or(1)),
    ];
    if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
        return Err(CorpusError::Config { key, found: 0.0, expected: "at least 1" });
    }
    let dims = embeddings.dims();
    let unit = embeddings.normalized();
    let rows = Embeddings::new(&unit, dims)?;
    let clusters = options.clusters.min(rows.rows());
    if clusters == 0 {
        return Ok(Clustering {
            centroids: Vec::new(),
            dims,
            clusters: Vec::new(),
            similarities: Vec::new(),
            distortion: 0.0,
            rounds: 0,
        });
    }
    let mut stream = Seeded::new(options.seed);
    let first = draw_centroids(rows, clusters, &mut stream);
    let mut centroids = Centroids::new(rows, &first);
    let mut before: Vec<u32> = Vec::new();
    let mut rounds = 0;
    while rounds < options.max_rounds {
        if cancel.is_cancelled() {
            return Err(CorpusError::Interrupted);
        }
        let batch = options.batch_rows.filter(|&batch| batch < rows.rows());
        rounds += 1;
        if let Some(batch) = batch {
            let sample = draw_rows(rows.rows(), batch, &mut stream);
            centroids.move_by_batch(rows, &sample);
        } else {
            let nearest = nearest(rows, &centroids.values);
            let now: Vec<u32> = nearest.iter().map(|near| near.0).collect();
            if now == before {
                break;
            }
            centroids.move_to_means(rows, &nearest);
            before = now;
        }
        progress.update(rounds as u64);
    }
    Ok(finish(rows, centroids.values, rounds))
}

fn finish(rows: Embeddings, centroids: Vec<f32>, rounds: usize) -> Clustering {
    let nearest = nearest(rows, &centroids);
    let distortion = nearest.iter().map(|near| 1.0 - f64::from(near.1)).sum();
    let (clusters, similarities) = nearest.into_iter().unzip();
    Clustering { centroids, dims: rows.dims(), clusters, similarities, distortion, rounds }
}

/// The nearest centroid of each row and the cosine with it; of several the first.
fn nearest(rows: Embeddings, centroids: &[f32]) -> Vec<(u32, f32)> {
    let dims = rows.dims();
    let block = |block: &[f32]| {
        let mut best = vec![(0, f32::NEG_INFINITY); block.len() / dims];
        each_dot(block, centroids, dims, |row, centroid, similarity| {
            if similarity > best[row].1 {
                #[expect(clippy::cast_possible_truncation, reason = "one of at most as many rows")]
                let centroid = centroid as u32;
                best[row] = (centroid, similarity);
            }
        });
        best
    };
    rows.values().par_chunks(BLOCK_ROWS * dims).flat_map_iter(block).collect()
}

/// `count` different rows, drawn by chance, in ascending order.
fn draw_rows(rows: usize, count: usize, stream: &mut Seeded) -> Vec<usize> {
    // Floyd's method: as many draws as rows wanted, whatever the number of rows.
    let mut drawn = std::collections::BTreeSet::new();
    for end in rows - count..rows {
        let row = stream.place(end + 1);
        if !drawn.insert(row) {
            drawn.insert(end);
        }
    }
    drawn.into_iter().collect()
}

/// Centroids that move.
struct Centroids {
    values: Vec<f32>,
    dims: usize,
    /// Rows that a centroid has seen in batches.
    seen: Vec<u64>,
}

impl Centroids {
    fn new(rows: Embeddings, first: &[usize]) -> Self {
        let values = first.iter().flat_map(|&row| rows.row(row)).copied().collect();
        Self { values, dims: rows.dims(), seen: vec![0; first.len()] }
    }

    fn move_to_means(&mut self, rows: Embeddings, nearest: &[(u32, f32)]) {
        let mut sums = vec![0.0f64; self.values.len()];
        let mut counts = vec![0usize; self.seen.len()];
        for (row, &(cluster, _)) in nearest.iter().enumerate() {
            add(&mut sums[cluster as usize * self.dims..][..self.dims], rows.row(row));
            counts[cluster as usize] += 1;
        }
        let mut worst: Vec<usize> = Vec::new();
        if counts.contains(&0) {
            worst = (0..nearest.len()).collect();
            worst.sort_by(|&a, &b| nearest[a].1.total_cmp(&nearest[b].1));
        }
        let mut worst = worst.into_iter();
        for (cluster, centroid) in self.values.chunks_exact_mut(self.dims).enumerate() {
            let sum = &sums[cluster * self.dims..][..self.dims];
            match (counts[cluster], worst.as_slice().is_empty()) {
                (0, false) => {
                    let row = worst.next().expect("a row is left");
                    centroid.copy_from_slice(rows.row(row));
                }
                _ => set_direction(centroid, sum),
            }
        }
    }

    fn move_by_batch(&mut self, rows: Embeddings, sample: &[usize]) {
        let values: Vec<f32> = sample.iter().flat_map(|&row| rows.row(row)).copied().collect();
        let batch = Embeddings::new(&values, self.dims).expect("rows of an embedding are rows");
        let nearest = nearest(batch, &self.values);
        let mut sums = vec![0.0f64; self.values.len()];
        let mut counts = vec![0u64; self.seen.len()];
        for (row, (cluster, _)) in nearest.into_iter().enumerate() {
            add(&mut sums[cluster as usize * self.dims..][..self.dims], batch.row(row));
            counts[cluster as usize] += 1;
        }
        for (cluster, centroid) in self.values.chunks_exact_mut(self.dims).enumerate() {
            let sum = &mut sums[cluster * self.dims..][..self.dims];
            let seen = self.seen[cluster] as f64;
            sum.iter_mut().zip(&*centroid).for_each(|(sum, &old)| *sum += seen * f64::from(old));
            if counts[cluster] > 0 {
                set_direction(centroid, sum);
                self.seen[cluster] += counts[cluster];
            }
        }
    }
}

fn add(sum: &mut [f64], row: &[f32]) {
    sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
}

/// Gives `centroid` the direction of `sum`; where rows cancel out it stays as it is.
#[expect(clippy::cast_possible_truncation, reason = "centroids are f32, as the rows are")]
fn set_direction(centroid: &mut [f32], sum: &[f64]) {
    let norm = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
    if norm > 0.0 {
        centroid.iter_mut().zip(sum).for_each(|(new, sum)| *new = (sum / norm) as f32);
        scale_to_one(centroid);
    }
}
