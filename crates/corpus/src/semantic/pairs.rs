//! Pairs of rows that are alike, and what follows from them.

use crate::dedup::Duplicate;
use crate::error::CorpusError;

/// Against which earlier rows a row is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Judge {
    /// Those kept so far: whatever is dropped has a kept row as like as the threshold asks.
    #[default]
    Kept,
    /// All, kept or not, as SemDeDup and NeMo Curator do: of a chain of rows, each like the next,
    /// only the first stays.
    All,
}

/// Pairs of rows from some similarity on, so that any higher threshold can be tried without
/// comparing again.
#[derive(Clone, Debug, PartialEq)]
pub struct SimilarPairs {
    rows: usize,
    floor: f32,
    /// Rank of each row: of two alike, the one of lower rank stays.
    ranks: Vec<u32>,
    /// Pairs of (rank of the later, rank of the earlier, cosine), in that order.
    pairs: Vec<(u32, u32, f32)>,
    /// The row at each rank.
    order: Vec<u32>,
}

impl SimilarPairs {
    /// Pairs of rows, where `order` has the rows from the one to keep first on.
    pub(super) fn new(floor: f32, order: Vec<u32>, pairs: Vec<(u32, u32, f32)>) -> Self {
        let mut ranks = vec![0; order.len()];
        for (rank, &row) in (0..).zip(&order) {
            ranks[row as usize] = rank;
        }
        let ranked = |(a, b, similarity): (u32, u32, f32)| {
            let (a, b) = (ranks[a as usize], ranks[b as usize]);
            (a.max(b), a.min(b), similarity)
        };
        let mut pairs: Vec<_> = pairs.into_iter().map(ranked).collect();
        pairs.sort_unstable_by_key(|&(later, earlier, _)| (later, earlier));
        Self { rows: order.len(), floor, ranks, pairs, order }
    }

    /// Forgets the pairs of rows of which `may` says, given the row that would stay and the other,
    /// that they are not alike whatever their similarity.
    pub fn retain(&mut self, may: impl Fn(usize, usize) -> bool) {
        let order = &self.order;
        let row = |rank: u32| order[rank as usize] as usize;
        self.pairs.retain(|&(later, earlier, _)| may(row(earlier), row(later)));
    }

    /// The lowest similarity that is known.
    pub fn floor(&self) -> f32 {
        self.floor
    }

    /// Pairs known.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether no pair is known.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs: the row that would stay, the other, and their cosine.
    pub fn iter(&self) -> impl Iterator<Item = (usize, usize, f32)> {
        let row = |rank: u32| self.order[rank as usize] as usize;
        self.pairs.iter().map(move |&(later, earlier, cosine)| (row(earlier), row(later), cosine))
    }

    /// For each row, the row that it repeats from this similarity on, if it does: the most
    /// similar of those before it in order, of several the first.
    ///
    /// # Errors
    /// [`CorpusError::BelowFloor`].
    pub fn duplicates(
        &self,
        threshold: f32,
        judge: Judge,
    ) -> Result<Vec<Option<Duplicate>>, CorpusError> {
        if threshold < self.floor || threshold.is_nan() {
            return Err(CorpusError::BelowFloor { threshold, floor: self.floor });
        }
        let mut found: Vec<Option<Duplicate>> = vec![None; self.rows];
        for same in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let mut best: Option<(u32, f32)> = None;
            for &(_, earlier, cosine) in same {
                let counts =
                    judge == Judge::All || found[self.order[earlier as usize] as usize].is_none();
                let beats = best.is_none_or(|best| cosine > best.1);
                if cosine >= threshold && counts && beats {
                    best = Some((earlier, cosine));
                }
            }
            let duplicate = |(earlier, cosine): (u32, f32)| Duplicate {
                of: self.order[earlier as usize] as usize,
                similarity: f64::from(cosine),
            };
            found[self.order[same[0].0 as usize] as usize] = best.map(duplicate);
        }
        Ok(found)
    }

    /// Rank of a row: the lower of two alike stays.
    pub fn rank(&self, row: usize) -> usize {
        self.ranks[row] as usize
    }
}
