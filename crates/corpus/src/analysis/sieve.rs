//! Which of many keys may stand more than once.

/// Bytes of the table for each key: from eight on, few keys meet by chance.
const SPARSENESS: usize = 8;

/// Finds the keys that may stand more than once, without a branch for any of them.
///
/// Most n-grams and most windows of a text stand in it once. What is left of them here is counted
/// in a table that looks at each.
#[derive(Default)]
pub(super) struct Sieve {
    /// One bit more for each key that falls here.
    marks: Vec<u8>,
    /// Where each key falls.
    places: Vec<u32>,
    left: Vec<u32>,
}

impl Sieve {
    /// The indices of all keys that `keys` holds more than once, and of few others, in order.
    pub(super) fn repeated(&mut self, keys: impl Iterator<Item = u64>) -> &[u32] {
        self.repeated_places(|places| {
            places.clear();
            // The upper half of a key: tables of keys look at the lower.
            places.extend(keys.map(|key| (key >> 32) as u32));
        })
    }

    /// As [`Self::repeated`], of keys that are given by 32 bits of each, to which `fill` sets what
    /// it gets.
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 Gi keys")]
    pub(super) fn repeated_places(&mut self, fill: impl FnOnce(&mut Vec<u32>)) -> &[u32] {
        fill(&mut self.places);
        let number = self.places.len();
        let length = (number * SPARSENESS).next_power_of_two().max(64);
        if self.marks.len() < length {
            self.marks.resize(length, 0);
        }
        if self.left.len() < number {
            self.left.resize(number, 0);
        }
        let (marks, left) = (&mut self.marks[..length], &mut self.left[..number]);
        marks.fill(0);
        let mask = length - 1;
        for &place in &self.places {
            // SAFETY: what is left of a mask one below the length is below the length.
            let mark = unsafe { marks.get_unchecked_mut(place as usize & mask) };
            *mark = *mark << 1 | 1;
        }
        let mut found = 0;
        for (index, &place) in self.places.iter().enumerate() {
            // SAFETY: for each of `number` places one index at most is found, and the mask is as
            // above.
            let mark = unsafe {
                *left.get_unchecked_mut(found) = index as u32;
                *marks.get_unchecked(place as usize & mask)
            };
            found += usize::from(mark > 1);
        }
        &self.left[..found]
    }

    /// Frees the memory that one huge text left behind.
    pub(super) fn shrink(&mut self, keys: usize) {
        self.marks.truncate(keys);
        self.marks.shrink_to_fit();
        for numbers in [&mut self.places, &mut self.left] {
            numbers.truncate(keys);
            numbers.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_hash::mix;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_repeats_is_left(numbers in prop::collection::vec(0_u64..200, 0..300)) {
            let keys: Vec<u64> = numbers.iter().map(|&number| mix(number, 1)).collect();
            let mut sieve = Sieve::default();
            sieve.repeated([1, 1, 1].into_iter());
            let left = sieve.repeated(keys.iter().copied()).to_vec();
            prop_assert!(left.is_sorted_by(|a, b| a < b));
            for (index, key) in keys.iter().enumerate() {
                let repeats = keys.iter().filter(|other| *other == key).count() > 1;
                prop_assert!(!repeats || left.contains(&u32::try_from(index).unwrap()));
            }
        }
    }

    #[test]
    fn few_others_are_left() {
        let keys: Vec<u64> = (0..10_000).map(|number| mix(number, 1)).collect();
        assert!(Sieve::default().repeated(keys.iter().copied()).len() < 1500);
    }
}
