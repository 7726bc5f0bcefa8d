//! All pairs of rows that are alike.

use super::dot::each_dot;
use super::embeddings::Embeddings;
use super::pairs::SimilarPairs;
use crate::error::CorpusError;
use catena_protocol::Cancel;
use rayon::prelude::*;

/// Pairs kept at most: 12 bytes each, so 1.2 GB.
pub const MAX_PAIRS: usize = 100_000_000;
/// Rows of a block: two blocks of 1024 numbers a row fit in a second-level cache.
const BLOCK_ROWS: usize = 128;

/// All pairs of rows whose cosine is `floor` or more; of two alike the earlier stays.
///
/// Costs `rows^2 * dims / 2` multiplications: for up to some hundred thousand rows. For more,
/// [`super::semantic_pairs`] compares within clusters.
///
/// # Errors
/// [`CorpusError::Config`] unless the floor is from -1 to 1, [`CorpusError::TooMany`] beyond
/// [`MAX_PAIRS`], [`CorpusError::Interrupted`].
pub fn cosine_pairs(
    embeddings: Embeddings,
    floor: f32,
    cancel: &Cancel,
) -> Result<SimilarPairs, CorpusError> {
    check_floor(floor)?;
    let unit = embeddings.normalized();
    let rows: Vec<u32> = embeddings.numbers().collect();
    let mut pairs: Vec<(u32, u32, f32)> = Vec::new();
    // One band of blocks at a time, so that too many pairs are noticed early.
    for start in (0..rows.len()).step_by(BLOCK_ROWS) {
        if cancel.is_cancelled() {
            return Err(CorpusError::Interrupted);
        }
        let band = start..(start + BLOCK_ROWS).min(rows.len());
        pairs.extend(band_pairs(&unit, embeddings.dims(), band, floor));
        check_pairs(pairs.len())?;
    }
    Ok(SimilarPairs::new(floor, rows, pairs))
}

/// Pairs of a row of the band with any row before it.
fn band_pairs(
    unit: &[f32],
    dims: usize,
    band: std::ops::Range<usize>,
    floor: f32,
) -> Vec<(u32, u32, f32)> {
    let of_band = &unit[band.start * dims..band.end * dims];
    let block = |(block, others): (usize, &[f32])| {
        let mut found = Vec::new();
        each_dot(of_band, others, dims, |row, other, cosine| {
            let (row, other) = (band.start + row, block * BLOCK_ROWS + other);
            if cosine >= floor && other < row {
                #[expect(clippy::cast_possible_truncation, reason = "numbers of embeddings")]
                found.push((row as u32, other as u32, cosine));
            }
        });
        found
    };
    let before = &unit[..band.end * dims];
    before.par_chunks(BLOCK_ROWS * dims).enumerate().flat_map_iter(block).collect()
}

/// All pairs among a few rows, given as rows of length 1 and their numbers.
pub(super) fn pairs_among(
    unit: &[f32],
    numbers: &[u32],
    dims: usize,
    floor: f32,
) -> Vec<(u32, u32, f32)> {
    let mut pairs = Vec::new();
    for (block, rows) in unit.chunks(BLOCK_ROWS * dims).enumerate() {
        let start = block * BLOCK_ROWS;
        let end = start + rows.len() / dims;
        each_dot(rows, &unit[..end * dims], dims, |row, other, cosine| {
            if cosine >= floor && other < start + row {
                pairs.push((numbers[start + row], numbers[other], cosine));
            }
        });
    }
    pairs
}

pub(super) fn check_floor(floor: f32) -> Result<(), CorpusError> {
    if (-1.0..=1.0).contains(&floor) {
        return Ok(());
    }
    let (key, found) = ("similarity_floor", f64::from(floor));
    Err(CorpusError::Config { key, found, expected: "from -1 to 1" })
}

pub(super) fn check_pairs(found: usize) -> Result<(), CorpusError> {
    if found <= MAX_PAIRS {
        return Ok(());
    }
    let (found, limit) = (found as u64, MAX_PAIRS as u64);
    Err(CorpusError::TooMany { what: "pairs of similar rows", found, limit })
}
