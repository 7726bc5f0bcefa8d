//! Fusing ranked lists.

use std::collections::HashMap;

/// The constant of reciprocal rank fusion.
const RRF_K: f32 = 60.0;

/// Fuses ranked lists of ordinals, best first: `score(d) = sum over lists of 1 / (60 + rank)`.
///
/// Ties go to the smaller ordinal, so the result is the same in every run.
///
/// # Source
/// Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet", with their
/// k of 60; ranks count from 1.
pub(super) fn reciprocal_rank(lists: &[Vec<(usize, f32)>]) -> Vec<(usize, f32)> {
    let mut scores: HashMap<usize, f32> = HashMap::new();
    for list in lists {
        for (index, &(ordinal, _)) in list.iter().enumerate() {
            *scores.entry(ordinal).or_insert(0.0) += 1.0 / (RRF_K + (index + 1) as f32);
        }
    }
    let mut fused: Vec<(usize, f32)> = scores.into_iter().collect();
    sort_best_first(&mut fused);
    fused
}

/// Sorts by score, highest first, then by ordinal.
pub(super) fn sort_best_first(ranked: &mut [(usize, f32)]) {
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fusion_adds_reciprocal_ranks() {
        let keyword = vec![(7, 9.0), (3, 8.0)];
        let dense = vec![(3, 0.9), (5, 0.8), (7, 0.1)];
        let fused = reciprocal_rank(&[keyword, dense]);
        let expected =
            [(3, 1.0 / 62.0 + 1.0 / 61.0), (7, 1.0 / 61.0 + 1.0 / 63.0), (5, 1.0 / 62.0)];
        assert_eq!(fused, expected);
    }

    #[test]
    fn ties_go_to_the_smaller_ordinal() {
        let fused = reciprocal_rank(&[vec![(4, 1.0)], vec![(2, 1.0)]]);
        assert_eq!(fused.iter().map(|one| one.0).collect::<Vec<_>>(), [2, 4]);
    }
}
