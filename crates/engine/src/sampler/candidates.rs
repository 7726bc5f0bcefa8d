//! The tokens that may be drawn.

use std::cmp::Ordering;

/// A token that may be drawn, with its unnormalized probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) token: u32,
    pub(super) weight: f32,
}

/// The tokens that are left, in order of id between two filters.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) list: Vec<Candidate>,
    /// The gathered tokens of a row, and their weights: the first `num_gathered` of each.
    pub(super) tokens: Vec<u32>,
    pub(super) weights: Vec<f32>,
    pub(super) num_gathered: usize,
    /// Scratch of [`Candidates::keep_mass`].
    ranks: Vec<u32>,
    masses: Vec<f64>,
    edge: Vec<(u32, Candidate)>,
}

/// High bits of a rank by which weights are summed: sign, exponent and 3 bits of the mantissa.
const RANK_BITS: u32 = 12;

fn high(rank: u32) -> usize {
    (rank >> (u32::BITS - RANK_BITS)) as usize
}

/// Ranks the heaviest first. Weights are not negative, so their bits are in their order.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that ranking calls")]
pub(super) fn lightness(candidate: &Candidate) -> u32 {
    !candidate.weight.to_bits()
}

impl Candidates {
    /// Makes the list of the gathered tokens.
    pub(super) fn list_gathered(&mut self) {
        let Self { list, tokens, weights, num_gathered, .. } = self;
        list.clear();
        let pairs = tokens.iter().zip(weights.iter());
        list.extend(pairs.take(*num_gathered).map(|(&token, &weight)| Candidate { token, weight }));
    }

    /// The sum of the weights.
    pub(super) fn total(&self) -> f64 {
        self.list.iter().map(|candidate| f64::from(candidate.weight)).sum()
    }

    /// The largest weight.
    pub(super) fn heaviest(&self) -> f32 {
        self.list.iter().map(|candidate| candidate.weight).fold(0.0, f32::max)
    }

    /// Keeps the first `count` tokens in `order`.
    pub(super) fn keep_count(
        &mut self,
        count: usize,
        order: impl Fn(&Candidate, &Candidate) -> Ordering,
    ) {
        if count < self.list.len() {
            self.list.select_nth_unstable_by(count - 1, order);
            self.list.truncate(count);
            self.sort_by_token();
        }
    }

    /// Keeps the fewest tokens of the lowest ranks whose weights sum to `needed`; at least one. Of
    /// equal ranks the lower token id comes first.
    ///
    /// The weights of equal high bits of the rank are summed first, then only the tokens of the
    /// one sum that reaches `needed` are sorted: linear time, and the order by id stays.
    pub(super) fn keep_mass(&mut self, needed: f64, rank: impl FnMut(&Candidate) -> u32) {
        let Self { list, ranks, masses, edge, .. } = self;
        ranks.clear();
        ranks.extend(list.iter().map(rank));
        masses.clear();
        masses.resize(1 << RANK_BITS, 0.0);
        for (candidate, &rank) in list.iter().zip(&*ranks) {
            masses[high(rank)] += f64::from(candidate.weight);
        }
        let mut reached = 0.0;
        let crossed = masses.iter().position(|mass| {
            reached += mass;
            reached >= needed
        });
        let Some(crossed) = crossed else { return };
        reached -= masses[crossed];
        let pairs = list.iter().zip(&*ranks).filter(|&(_, &rank)| high(rank) == crossed);
        edge.clear();
        edge.extend(pairs.map(|(&candidate, &rank)| (rank, candidate)));
        edge.sort_unstable_by_key(|&(rank, candidate)| (rank, candidate.token));
        let last = edge.iter().find(|(_, candidate)| {
            reached += f64::from(candidate.weight);
            reached >= needed
        });
        let Some(&(last_rank, last)) = last.or(edge.last()) else { return };
        let mut ranks = ranks.iter();
        list.retain(|candidate| {
            ranks.next().is_some_and(|&rank| (rank, candidate.token) <= (last_rank, last.token))
        });
    }

    fn sort_by_token(&mut self) {
        self.list.sort_unstable_by_key(|candidate| candidate.token);
    }
}

/// Heaviest first; the lower token id first on a tie, so that no choice depends on memory order.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that sorting calls")]
pub(super) fn by_weight(a: &Candidate, b: &Candidate) -> Ordering {
    b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token))
}
