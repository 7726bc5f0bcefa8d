//! Which experts a row goes through, with which weights, and the rows of each expert.
//!
//! Decoding and training choose by the same operations, so the same scores give the same experts.

use std::ops::Range;

use crate::config::MoeConfig;

/// Rows dealt to their experts: expert after expert, the rows of each in order.
///
/// A pair is a row with one of its experts; the pairs of a row stand side by side, `k` of each.
#[derive(Default)]
pub(crate) struct Dealt {
    /// The place of each pair.
    pub(crate) places: Vec<usize>,
    /// The same the other way round: which pair stands at each place.
    pub(crate) by_expert: Vec<usize>,
    /// The first place of each expert, then their number.
    firsts_e: Vec<usize>,
    /// The next place of each expert while pairs are dealt.
    next_e: Vec<usize>,
}

impl Dealt {
    /// With room for so many pairs.
    pub(crate) fn with_capacity(num_experts: usize, pairs: usize) -> Self {
        Self {
            places: Vec::with_capacity(pairs),
            by_expert: Vec::with_capacity(pairs),
            firsts_e: Vec::with_capacity(num_experts + 1),
            next_e: Vec::with_capacity(num_experts + 1),
        }
    }

    /// Memory of [`Self::with_capacity`].
    pub(crate) fn capacity_bytes(num_experts: usize, pairs: usize) -> usize {
        2 * (pairs + num_experts + 1) * size_of::<usize>()
    }

    /// Gives every pair its place.
    pub(crate) fn deal(
        &mut self,
        experts: impl Iterator<Item = usize> + Clone,
        num_experts: usize,
    ) {
        self.firsts_e.clear();
        self.firsts_e.resize(num_experts + 1, 0);
        for expert in experts.clone() {
            self.firsts_e[expert + 1] += 1;
        }
        for expert in 0..num_experts {
            self.firsts_e[expert + 1] += self.firsts_e[expert];
        }
        self.next_e.clone_from(&self.firsts_e);
        self.places.clear();
        self.by_expert.clear();
        self.by_expert.resize(self.firsts_e[num_experts], 0);
        for (pair, expert) in experts.enumerate() {
            let place = self.next_e[expert];
            self.next_e[expert] += 1;
            self.by_expert[place] = pair;
            self.places.push(place);
        }
    }

    /// The places of an expert's rows.
    pub(crate) fn of_expert(&self, expert: usize) -> Range<usize> {
        self.firsts_e[expert]..self.firsts_e[expert + 1]
    }
}

/// Replaces the scores of a row by their softmax.
pub(crate) fn softmax(scores_e: &mut [f32]) {
    let max = scores_e.iter().copied().fold(f32::MIN, f32::max);
    for score in &mut *scores_e {
        *score = (*score - max).exp();
    }
    let sum: f32 = scores_e.iter().sum();
    for score in scores_e {
        *score /= sum;
    }
}

/// Appends the experts of a row with their weights, in the order of the experts.
///
/// Weights are the probabilities, over all experts, of the few that are the highest, of equal ones
/// the first; `order` is working memory.
pub(crate) fn choose(
    shape: &MoeConfig,
    probs_e: &[f32],
    order: &mut Vec<usize>,
    chosen: &mut Vec<(usize, f32)>,
) {
    let (first, k) = (chosen.len(), shape.num_experts_per_tok);
    match shape.groups {
        None => {
            highest(order, probs_e.len(), k, |expert| probs_e[expert]);
            chosen.extend(order.iter().map(|&expert| (expert, probs_e[expert])));
        }
        Some((n_group, topk_group)) => {
            let group = probs_e.len() / n_group;
            let best = |idx: usize| {
                probs_e[idx * group..][..group].iter().copied().fold(f32::MIN, f32::max)
            };
            highest(order, n_group, topk_group, best);
            // The experts of these groups, one after another, then the highest of them.
            let groups = order.len();
            for at in 0..groups {
                let idx = order[at];
                order.extend(idx * group..(idx + 1) * group);
            }
            order.drain(..groups);
            keep_highest(order, k, |expert| probs_e[expert]);
            chosen.extend(order.iter().map(|&expert| (expert, probs_e[expert])));
        }
    }
    let of_row = &mut chosen[first..];
    let sum: f32 = of_row.iter().map(|(_, prob)| prob).sum();
    let norm = if shape.norm_topk_prob { sum } else { 1.0 };
    for (_, weight) in of_row {
        *weight = *weight / norm * shape.routed_scaling_factor;
    }
}

/// The `k` of `0..count` with the highest `score`, of equal ones the first, in their order.
fn highest(order: &mut Vec<usize>, count: usize, k: usize, score: impl Fn(usize) -> f32) {
    order.clear();
    order.extend(0..count);
    keep_highest(order, k, score);
}

fn keep_highest(order: &mut Vec<usize>, k: usize, score: impl Fn(usize) -> f32) {
    if k < order.len() {
        let falling = |&a: &usize, &b: &usize| score(b).total_cmp(&score(a)).then(a.cmp(&b));
        order.select_nth_unstable_by(k, falling);
        order.truncate(k);
    }
    order.sort_unstable();
}

#[cfg(test)]
mod tests {
    use super::{Dealt, choose, softmax};
    use crate::config::MoeConfig;

    const SHAPE: MoeConfig = MoeConfig {
        num_experts: 6,
        num_experts_per_tok: 2,
        moe_intermediate_size: 1,
        shared_intermediate_size: 0,
        norm_topk_prob: false,
        routed_scaling_factor: 1.0,
        groups: None,
    };

    #[track_caller]
    fn check(shape: &MoeConfig, probs_e: &[f32], expected: &[(usize, f32)]) {
        let (mut order, mut chosen) = (Vec::new(), vec![(9, 9.0)]);
        choose(shape, probs_e, &mut order, &mut chosen);
        assert_eq!(chosen[1..], *expected, "{shape:?}");
    }

    #[test]
    fn the_highest_are_chosen_and_of_equal_ones_the_first() {
        let probs_e = [0.125, 0.25, 0.0625, 0.25, 0.0625, 0.25];
        check(&SHAPE, &probs_e, &[(1, 0.25), (3, 0.25)]);
        check(
            &MoeConfig { num_experts_per_tok: 4, ..SHAPE },
            &probs_e,
            &[(0, 0.125), (1, 0.25), (3, 0.25), (5, 0.25)],
        );
        let all = MoeConfig { num_experts_per_tok: 6, ..SHAPE };
        check(&all, &probs_e, &probs_e.into_iter().enumerate().collect::<Vec<_>>());
    }

    #[test]
    fn weights_are_divided_by_their_sum_where_a_family_does_so() {
        let probs_e = [0.25, 0.0, 0.125, 0.0, 0.0, 0.125];
        let divided = MoeConfig { norm_topk_prob: true, routed_scaling_factor: 3.0, ..SHAPE };
        let three = MoeConfig { num_experts_per_tok: 3, ..divided };
        check(&three, &probs_e, &[(0, 1.5), (2, 0.75), (5, 0.75)]);
        let scaled = MoeConfig { routed_scaling_factor: 2.0, ..SHAPE };
        check(&scaled, &probs_e, &[(0, 0.5), (2, 0.25)]);
    }

    #[test]
    fn experts_come_from_the_groups_with_the_highest() {
        let probs_e = [0.25, 0.125, 0.1875, 0.1875, 0.25, 0.0];
        let groups = MoeConfig { groups: Some((3, 2)), num_experts_per_tok: 3, ..SHAPE };
        // Two of the second group would be next.
        check(&groups, &probs_e, &[(0, 0.25), (1, 0.125), (4, 0.25)]);
    }

    #[test]
    fn rows_are_dealt_expert_after_expert() {
        let chosen = [1, 2, 1, 0];
        let mut dealt = Dealt::with_capacity(4, 4);
        for _ in 0..2 {
            dealt.deal(chosen.iter().copied(), 4);
            assert_eq!(dealt.by_expert, [3, 0, 2, 1]);
            assert_eq!(dealt.places, [1, 3, 2, 0]);
            assert_eq!([0, 1, 2, 3].map(|e| dealt.of_expert(e)), [0..1, 1..3, 3..4, 4..4]);
        }
    }

    #[test]
    fn a_softmax_sums_to_one_whatever_the_scores() {
        for shift in [-1e4, 0.0, 1e4] {
            let mut scores_e = [1.0, 2.0, 3.0].map(|score: f32| score + shift);
            softmax(&mut scores_e);
            assert!((scores_e.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{scores_e:?}");
            assert!((scores_e[2] / scores_e[1] - 1f32.exp()).abs() < 1e-2, "{scores_e:?}");
        }
    }
}
