//! Near duplicates by meaning, searched within clusters.

use super::cosine::{check_floor, check_pairs, pairs_among};
use super::embeddings::Embeddings;
use super::kmeans::Clustering;
use super::pairs::SimilarPairs;
use crate::error::CorpusError;
use crate::quality::check_length;
use catena_protocol::Cancel;
use rayon::prelude::*;

/// Clusters searched at a time, before the pairs found so far are counted.
const CLUSTERS_AT_A_TIME: usize = 64;

/// Which of two rows alike stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepRule {
    /// The earlier.
    First,
    /// The one farther from the centroid, which SemDeDup calls hard.
    #[default]
    Farthest,
    /// The one nearer to the centroid, which SemDeDup calls easy.
    Nearest,
}

/// All pairs of rows of the same cluster whose cosine is `floor` or more.
///
/// SemDeDup drops at `1 - epsilon`; take the lowest such value that may be tried as the floor.
///
/// # Errors
/// [`CorpusError::Config`] unless the floor is from -1 to 1; [`CorpusError::Lengths`] if the
/// clustering is of other rows; [`CorpusError::TooMany`] beyond [`super::MAX_PAIRS`];
/// [`CorpusError::Interrupted`].
///
/// # Source
/// Abbas et al. 2023, SemDeDup, arXiv:2303.09540.
pub fn semantic_pairs(
    embeddings: Embeddings,
    clustering: &Clustering,
    floor: f32,
    keep: KeepRule,
    cancel: &Cancel,
) -> Result<SimilarPairs, CorpusError> {
    check_floor(floor)?;
    check_length("cluster numbers", clustering.clusters.len(), embeddings.rows())?;
    let unit = embeddings.normalized();
    let dims = embeddings.dims();
    let mut members: Vec<u32> = embeddings.numbers().collect();
    members.sort_by_key(|&row| clustering.clusters[row as usize]);
    let clusters: Vec<&[u32]> =
        members.chunk_by(|a, b| cluster_of(clustering, *a) == cluster_of(clustering, *b)).collect();
    let mut pairs: Vec<(u32, u32, f32)> = Vec::new();
    for some in clusters.chunks(CLUSTERS_AT_A_TIME) {
        if cancel.is_cancelled() {
            return Err(CorpusError::Interrupted);
        }
        let of_cluster = |numbers: &&[u32]| {
            let row = |&row: &u32| &unit[row as usize * dims..][..dims];
            let rows: Vec<f32> = numbers.iter().flat_map(row).copied().collect();
            pairs_among(&rows, numbers, dims, floor)
        };
        pairs.par_extend(some.par_iter().flat_map_iter(of_cluster));
        check_pairs(pairs.len())?;
    }
    Ok(SimilarPairs::new(floor, keep_order(embeddings, clustering, keep), pairs))
}

fn cluster_of(clustering: &Clustering, row: u32) -> u32 {
    clustering.clusters[row as usize]
}

/// All rows, those that stay first; equal ones by row.
fn keep_order(embeddings: Embeddings, clustering: &Clustering, keep: KeepRule) -> Vec<u32> {
    let near = |row: u32| clustering.similarities[row as usize];
    let mut order: Vec<u32> = embeddings.numbers().collect();
    match keep {
        KeepRule::First => {}
        KeepRule::Farthest => order.sort_by(|&a, &b| near(a).total_cmp(&near(b))),
        KeepRule::Nearest => order.sort_by(|&a, &b| near(b).total_cmp(&near(a))),
    }
    order
}
