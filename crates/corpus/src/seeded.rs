//! Numbers that follow from a seed, the same on every machine and in every release.

use crate::dedup::mix;

/// The odd step of SplitMix64: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of numbers that follows from its seed.
///
/// # Source
/// Steele, Lea and Flood 2014, SplitMix64. It is written here because a data set must come out
/// the same after the random number crate has changed its algorithm.
#[derive(Clone, Debug)]
pub(crate) struct Seeded {
    state: u64,
}

impl Seeded {
    /// The stream of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: mix(seed ^ STEP) }
    }

    /// The stream of the item `index` under `seed`: what one item draws depends on no other.
    pub(crate) fn of_item(seed: u64, index: u64) -> Self {
        Self { state: mix(mix(seed ^ STEP).wrapping_add(index.wrapping_mul(STEP))) }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number from 0 to `end` exclusive, without bias.
    ///
    /// # Panics
    /// If `end` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "halves of a wider number")]
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "a number below {end} was asked for");
        // Draws above the last multiple of `end` are thrown away (Lemire 2019).
        loop {
            let wide = u128::from(self.next()) * u128::from(end);
            let low = wide as u64;
            if low >= end || low >= end.wrapping_neg() % end {
                return (wide >> 64) as u64;
            }
        }
    }

    /// The place of one of `len` items, each equally likely.
    ///
    /// # Panics
    /// If `len` is 0.
    #[expect(clippy::cast_possible_truncation, reason = "below a length")]
    pub(crate) fn place(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number strictly between 0 and 1.
    pub(crate) fn open_unit(&mut self) -> f64 {
        open_unit(self.next())
    }

    /// A draw from the standard Gumbel distribution: `-ln(-ln(u))`.
    pub(crate) fn gumbel(&mut self) -> f64 {
        -(-self.open_unit().ln()).ln()
    }

    /// Brings `items` into an order in which every permutation is equally likely.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            let other = self.place(end);
            items.swap(end - 1, other);
        }
    }
}

/// The upper 52 bits as a number strictly between 0 and 1.
pub(crate) fn open_unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / (1u64 << 52) as f64
}

/// A hash of `bytes` under `seed`: FNV-1a, then the output function of SplitMix64.
pub(crate) fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
    mix(bytes.iter().fold(0xCBF2_9CE4_8422_2325 ^ mix(seed ^ STEP), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_follow_from_the_seed() {
        let mut stream = Seeded::new(7);
        let mut counts = [0usize; 5];
        for _ in 0..50_000 {
            counts[stream.place(5)] += 1;
        }
        // Five standard deviations of a binomial with n 50,000 and p 0.2.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 450), "{counts:?}");
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            Seeded::new(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(3), shuffled(3));
        assert_ne!(shuffled(3), shuffled(4));
        assert_ne!(shuffled(3), (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn a_unit_draw_is_never_zero_or_one() {
        assert!(open_unit(0) > 0.0);
        assert!(open_unit(u64::MAX) < 1.0);
    }
}
