//! Selection by what a document adds to those chosen.

use super::budget::{Budget, Purse};
use super::facility::facility_location;
use crate::error::CorpusError;
use crate::quality::{check_finite, check_length};
use crate::seeded::Seeded;
use crate::semantic::{Embeddings, dot};
use rayon::prelude::*;

/// What makes a choice diverse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Diversity {
    /// Each next row is the one farthest from all chosen, the first one drawn by the seed: no row
    /// is left far from the choice, outliers come early. At most twice the best radius.
    ///
    /// # Source
    /// Gonzalez 1985; Sener and Savarese 2018, arXiv:1708.00489.
    KCenter,
    /// Each next row is the one that brings all rows nearest to the choice: the choice stands for
    /// the whole, outliers come late. At least `1 - 1/e` of the best sum. Compares all with all,
    /// so the rows are limited to 20,000.
    ///
    /// # Source
    /// Minoux 1978, the lazy greedy method; Wei, Iyer and Bilmes 2015.
    FacilityLocation,
    /// Each next row has the greatest `lambda * score - (1 - lambda) * cosine with the most
    /// similar row chosen`: maximal marginal relevance.
    ///
    /// # Source
    /// Carbonell and Goldstein 1998.
    MarginalRelevance {
        /// Weight of the score, from 0 to 1. Scores should be about as large as cosines.
        lambda: f32,
    },
}

/// Rows that differ from each other, in the order chosen.
///
/// `scores` matters to marginal relevance alone and may be empty otherwise; `sizes` matters to
/// a budget of tokens alone. A row that no longer fits the budget is passed over. Rows are scaled
/// to length 1 first.
///
/// # Errors
/// [`CorpusError::Lengths`], [`CorpusError::NotFinite`], [`CorpusError::TooMany`], and
/// [`CorpusError::Config`] for a lambda out of range.
pub fn select_diverse(
    embeddings: Embeddings,
    scores: &[f32],
    sizes: &[u64],
    budget: Budget,
    diversity: Diversity,
    seed: u64,
) -> Result<Vec<usize>, CorpusError> {
    let rows = embeddings.rows();
    let purse = Purse::new(budget, sizes, rows)?;
    let unit = embeddings.normalized();
    let unit = Embeddings::new(&unit, embeddings.dims())?;
    if rows == 0 {
        return Ok(Vec::new());
    }
    match diversity {
        Diversity::KCenter => {
            let first = Seeded::new(seed).place(rows);
            // Only the first choice needs a preference: all others are nearer than infinity.
            let mut values = vec![0.0; rows];
            values[first] = 1.0;
            Ok(greedy(unit, purse, &values, 0.0, 1.0))
        }
        Diversity::FacilityLocation => facility_location(unit, purse),
        Diversity::MarginalRelevance { lambda } => {
            if !(0.0..=1.0).contains(&lambda) {
                let (key, found) = ("lambda", f64::from(lambda));
                return Err(CorpusError::Config { key, found, expected: "from 0 to 1" });
            }
            check_length("scores", scores.len(), rows)?;
            check_finite("score", scores)?;
            Ok(greedy(unit, purse, scores, lambda, 1.0 - lambda))
        }
    }
}

/// Chooses the row with the greatest `gain * value - cost * cosine with the nearest chosen`, again
/// and again; the first one by its value alone.
fn greedy(unit: Embeddings, mut purse: Purse, values: &[f32], gain: f32, cost: f32) -> Vec<usize> {
    let mut nearest = vec![f32::NEG_INFINITY; unit.rows()];
    let mut is_open = vec![true; unit.rows()];
    let mut chosen: Vec<usize> = Vec::new();
    while !purse.is_empty() {
        let worth = |row: usize| {
            if chosen.is_empty() { values[row] } else { gain * values[row] - cost * nearest[row] }
        };
        let open = (0..unit.rows()).filter(|&row| is_open[row] && purse.holds(row));
        let best = open.reduce(|best, row| if worth(row) > worth(best) { row } else { best });
        let Some(best) = best else { break };
        purse.pay(best);
        is_open[best] = false;
        chosen.push(best);
        let added = unit.row(best);
        nearest.par_iter_mut().enumerate().with_min_len(256).for_each(|(row, nearest)| {
            *nearest = nearest.max(dot(unit.row(row), added));
        });
    }
    chosen
}
