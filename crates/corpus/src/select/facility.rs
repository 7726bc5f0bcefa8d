//! Facility location by the lazy greedy method.

use super::budget::Purse;
use crate::error::CorpusError;
use crate::semantic::{Embeddings, dot};
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Rows at most: all are compared with all.
const MAX_ROWS: usize = 20_000;

/// A row and the most that it can add.
struct Bound {
    gain: f64,
    row: usize,
    /// Rows chosen when the bound was exact.
    chosen: usize,
}

impl PartialEq for Bound {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Bound {}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(other.row.cmp(&self.row))
    }
}

/// Chooses the row that adds most to the sum over all rows of the cosine with the nearest chosen,
/// counted from 0, again and again.
///
/// What a row adds only falls as others are chosen, so a row is looked at again only while its
/// last known gain is the greatest.
pub(super) fn facility_location(
    unit: Embeddings,
    mut purse: Purse,
) -> Result<Vec<usize>, CorpusError> {
    let rows = unit.rows();
    if rows > MAX_ROWS {
        let (found, limit) = (rows as u64, MAX_ROWS as u64);
        return Err(CorpusError::TooMany { what: "rows for facility location", found, limit });
    }
    let mut nearest = vec![0.0f32; rows];
    let gain = |row: usize, nearest: &[f32]| -> f64 {
        let of = |(other, near): (usize, &f32)| {
            f64::from((dot(unit.row(other), unit.row(row)) - near).max(0.0))
        };
        nearest.iter().enumerate().map(of).sum()
    };
    let first: Vec<Bound> = (0..rows)
        .into_par_iter()
        .map(|row| Bound { gain: gain(row, &nearest), row, chosen: 0 })
        .collect();
    let mut heap = BinaryHeap::from(first);
    let mut chosen = Vec::new();
    while let Some(best) = heap.pop() {
        if !purse.holds(best.row) {
            continue;
        }
        if best.chosen < chosen.len() {
            heap.push(Bound { gain: gain(best.row, &nearest), chosen: chosen.len(), ..best });
            continue;
        }
        purse.pay(best.row);
        chosen.push(best.row);
        for (other, near) in nearest.iter_mut().enumerate() {
            *near = near.max(dot(unit.row(other), unit.row(best.row)));
        }
    }
    Ok(chosen)
}
