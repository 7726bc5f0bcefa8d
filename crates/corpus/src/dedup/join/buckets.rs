//! Which documents of a bucket are compared.

use super::super::hash::low32;
use std::collections::VecDeque;

/// The first documents of a bucket that every later one is compared with.
const STARS: usize = 16;
/// The documents just before one that it is compared with.
const WINDOW: usize = 112;

/// Odd, so that multiplying permutes the 32-bit numbers; and what undoes it.
const SPREAD: u32 = 0x9E37_79B1;
const GATHER: u32 = inverse(SPREAD);

/// The inverse of an odd number modulo 2^32: Newton's iteration doubles the right bits.
const fn inverse(odd: u32) -> u32 {
    let mut inverse = odd;
    let mut step = 0;
    while step < 5 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse)));
        step += 1;
    }
    inverse
}

/// A band of a document as a record that sorts by band and then in an order of its own for each
/// band, so that the neighbours of a document differ from band to band.
pub(super) fn record(band: u64, document: u32) -> u128 {
    let place = document.wrapping_mul(SPREAD) ^ low32(band);
    u128::from(band) << 32 | u128::from(place)
}

/// The band and the document of a record.
pub(super) fn of_record(record: u128) -> (u64, u32) {
    let [low, high] = [record, record >> 32]
        .map(|part| u64::try_from(part & u128::from(u64::MAX)).expect("64 bits"));
    (high, (low32(low) ^ low32(high)).wrapping_mul(GATHER))
}

/// Pairs within a bucket, as its documents come: all of them up to 128 documents; in a larger
/// bucket each document with the first 16 and the 112 before it, so that the work does not grow
/// with the square of a bucket.
#[derive(Default)]
pub(super) struct Bucket {
    band: u64,
    stars: Vec<u32>,
    recent: VecDeque<u32>,
    /// Pairs of large buckets that were left out.
    pub(super) left_out: u64,
    seen: u64,
}

impl Bucket {
    /// Takes the next document in order of bands; calls `on_pair` with each one it met.
    pub(super) fn push<E>(
        &mut self,
        band: u64,
        document: u32,
        mut on_pair: impl FnMut(u32) -> Result<(), E>,
    ) -> Result<(), E> {
        if band != self.band {
            self.band = band;
            self.stars.clear();
            self.recent.clear();
            self.seen = 0;
        }
        self.stars.iter().chain(&self.recent).try_for_each(|&other| on_pair(other))?;
        self.left_out += self.seen - (self.stars.len() + self.recent.len()) as u64;
        self.seen += 1;
        if self.stars.len() < STARS {
            self.stars.push(document);
        } else {
            if self.recent.len() == WINDOW {
                self.recent.pop_front();
            }
            self.recent.push_back(document);
        }
        Ok(())
    }

    /// The document before, if it is of the same bucket: enough to join all of a bucket.
    pub(super) fn chain(&mut self, band: u64, document: u32) -> Option<u32> {
        let before = (band == self.band).then(|| self.stars.first().copied()).flatten();
        self.band = band;
        self.stars.clear();
        self.stars.push(document);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_tells_its_band_and_document(band in any::<u64>(), document in any::<u32>()) {
            prop_assert_eq!(of_record(record(band, document)), (band, document));
        }

        #[test]
        fn small_buckets_give_all_pairs_and_large_ones_count_the_rest(
            sizes in proptest::collection::vec(0..300_u32, 0..4),
        ) {
            let (mut bucket, mut pairs, mut all) = (Bucket::default(), 0_u64, 0_u64);
            for (band, &size) in (1..).zip(&sizes) {
                for document in 0..size {
                    let pushed: Result<(), ()> = bucket.push(band, document, |other| {
                        assert!(other < document);
                        pairs += 1;
                        Ok(())
                    });
                    pushed.unwrap();
                }
                all += u64::from(size) * u64::from(size.saturating_sub(1)) / 2;
            }
            prop_assert_eq!(pairs + bucket.left_out, all);
            prop_assert!(sizes.iter().any(|&size| size > 128) || bucket.left_out == 0);
        }
    }
}
