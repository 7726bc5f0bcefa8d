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

/// What a sieve leaves of some keys.
#[derive(Clone, Copy)]
pub(super) struct Left<'s> {
    /// The indices of all keys that stand more than once, and of few others, in order.
    pub(super) indices: &'s [u32],
    /// Where each of all the keys fell.
    pub(super) places: &'s [u32],
}

impl Sieve {
    /// The indices of all keys that `keys` holds more than once, and of few others, in order.
    #[inline]
    pub(super) fn repeated(&mut self, keys: impl ExactSizeIterator<Item = u64>) -> &[u32] {
        let left = self.repeated_places(keys.len(), |places, mask| {
            // The upper half of a key: tables of keys look at the lower.
            places.extend(keys.map(|key| (key >> 32) as u32 & mask));
        });
        left.indices
    }

    /// As [`Self::repeated`], of `number` keys of which `fill` appends to what it gets those of 32
    /// bits that the mask leaves.
    ///
    /// # Panics
    /// If the keys are more or fewer, or one has a bit beyond the mask, which is a caller's bug.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 Gi keys")]
    pub(super) fn repeated_places(
        &mut self,
        number: usize,
        fill: impl FnOnce(&mut Vec<u32>, u32),
    ) -> Left<'_> {
        let length = (number * SPARSENESS).next_power_of_two().max(64);
        if self.marks.len() < length {
            self.marks.resize(length, 0);
        }
        if self.left.len() < number {
            self.left.resize(number, 0);
        }
        let mask = (length - 1) as u32;
        self.places.clear();
        fill(&mut self.places, mask);
        let all = self.places.iter().fold(0, |all, place| all | place);
        assert!(self.places.len() == number && all <= mask, "{number} keys below {length}");
        let (marks, left) = (&mut self.marks[..length], &mut self.left[..number]);
        marks.fill(0);
        for &place in &self.places {
            // SAFETY: no place has a bit beyond the mask, which is one below the length.
            let mark = unsafe { marks.get_unchecked_mut(place as usize) };
            *mark = *mark << 1 | 1;
        }
        let mut found = 0;
        for (index, &place) in self.places.iter().enumerate() {
            // SAFETY: for each of `number` places one index at most is found, and the places are
            // as above.
            let mark = unsafe {
                *left.get_unchecked_mut(found) = index as u32;
                *marks.get_unchecked(place as usize)
            };
            found += usize::from(mark > 1);
        }
        Left { indices: &self.left[..found], places: &self.places }
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
