//! Clusters and semantic duplicates against scikit-learn and a plain SemDeDup.

#![expect(clippy::unwrap_used, reason = "tests: what fails shall panic")]

use catena_corpus::{
    Clustering, Embeddings, Judge, KMeansOptions, KeepRule, semantic_pairs, spherical_kmeans,
};
use catena_protocol::{Cancel, NoProgress};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    dims: usize,
    clusters: usize,
    values: Vec<f32>,
    inertia: f64,
    labels: Vec<u32>,
    centroids: Vec<f32>,
    similarities: Vec<f32>,
    dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
struct Dropped {
    threshold: f32,
    hard: Vec<usize>,
    easy: Vec<usize>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/semantic/semantic.json")).unwrap()
}

/// Inertia of k-means with means: the squared distances of all rows from the mean of their cluster.
fn inertia(golden: &Golden, clustering: &Clustering) -> f64 {
    let rows = Embeddings::new(&golden.values, golden.dims).unwrap().normalized();
    let mut sums = vec![vec![0.0f64; golden.dims]; golden.clusters];
    let mut counts = vec![0.0f64; golden.clusters];
    for (row, &cluster) in rows.chunks(golden.dims).zip(&clustering.clusters) {
        let sum = &mut sums[cluster as usize];
        sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        counts[cluster as usize] += 1.0;
    }
    // The sum of squares about a mean is the sum of squares less count times the mean's square.
    let of_sums: f64 = sums
        .iter()
        .zip(&counts)
        .map(|(sum, count)| sum.iter().map(|value| value * value).sum::<f64>() / count.max(1.0))
        .sum();
    let squares: f64 = rows.iter().map(|&value| f64::from(value).powi(2)).sum();
    squares - of_sums
}

#[test]
fn the_best_of_some_starts_is_as_good_as_scikit_learn() {
    let golden = golden();
    let rows = Embeddings::new(&golden.values, golden.dims).unwrap();
    let start = |seed| {
        let options = KMeansOptions { clusters: golden.clusters, seed, ..Default::default() };
        let found = spherical_kmeans(rows, &options, &NoProgress, &Cancel::new()).unwrap();
        inertia(&golden, &found)
    };
    let best = (0..20).map(start).fold(f64::INFINITY, f64::min);
    // Both minimise nearly, not quite, the same sum: ours scales the means to length 1.
    assert!((best / golden.inertia - 1.0).abs() < 0.01, "{best} for {}", golden.inertia);
}

#[test]
fn semantic_duplicates_are_those_of_semdedup() {
    let golden = golden();
    let clustering = Clustering {
        centroids: golden.centroids,
        dims: golden.dims,
        clusters: golden.labels,
        similarities: golden.similarities,
        distortion: 0.0,
        rounds: 0,
    };
    let rows = Embeddings::new(&golden.values, golden.dims).unwrap();
    let cancel = Cancel::new();
    let pairs = |keep| semantic_pairs(rows, &clustering, 0.85, keep, &cancel).unwrap();
    let (hard, easy) = (pairs(KeepRule::Farthest), pairs(KeepRule::Nearest));
    for expected in golden.dropped {
        for (pairs, rows) in [(&hard, &expected.hard), (&easy, &expected.easy)] {
            let found = pairs.duplicates(expected.threshold, Judge::All).unwrap();
            let found: Vec<usize> = (0..found.len()).filter(|&row| found[row].is_some()).collect();
            assert_eq!(&found, rows, "at {}", expected.threshold);
        }
    }
}
