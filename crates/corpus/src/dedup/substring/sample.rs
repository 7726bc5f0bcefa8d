//! Samples of a text that two equal spans have in common.

use super::super::hash::mix;

/// Multiplier of the rolling hash.
const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// Picks, in every run of `span` bytes, the piece of `piece` bytes with the least hash, the last of
/// several.
///
/// Two equal spans pick the same piece of theirs, so that its hash comes up twice, even if the
/// spans overlap.
///
/// # Source
/// Schleimer, Wilkerson and Aiken 2003 (winnowing; not its robust form, which picks one piece for
/// several overlapping spans).
pub(super) struct Sampler {
    piece: usize,
    /// Pieces in a span.
    window: usize,
    /// `BASE^piece`.
    leaving: u64,
    /// Hashes of the last pieces, as a ring.
    ring: Vec<u64>,
}

impl Sampler {
    pub(super) fn new(span: usize) -> Self {
        let piece = span.div_ceil(2);
        let window = span - piece + 1;
        let leaving = (0..piece).fold(1, |power: u64, _| power.wrapping_mul(BASE));
        Self { piece, window, leaving, ring: vec![0; window] }
    }

    /// How far before a sample a span that holds it can start.
    pub(super) fn reach(&self) -> usize {
        self.window - 1
    }

    /// Calls `on_sample` with hash and place of each piece picked of `text`, in order.
    pub(super) fn sample<E>(
        &mut self,
        text: &[u8],
        mut on_sample: impl FnMut(u64, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sum = 0_u64;
        let mut least = (u64::MAX, 0);
        for (at, &byte) in text.iter().enumerate() {
            sum = sum.wrapping_mul(BASE).wrapping_add(u64::from(byte) + 1);
            if at >= self.piece {
                let left = u64::from(text[at - self.piece]) + 1;
                sum = sum.wrapping_sub(left.wrapping_mul(self.leaving));
            }
            if at + 1 < self.piece {
                continue;
            }
            let place = at + 1 - self.piece;
            let hash = mix(sum);
            let slot = place % self.window;
            self.ring[slot] = hash;
            if place + 1 < self.window {
                continue;
            }
            let first = place + 1 - self.window;
            if first == 0 || least.1 < first {
                least = self.least_of(first);
                on_sample(least.0, least.1)?;
            } else if hash <= least.0 {
                least = (hash, place);
                on_sample(hash, place)?;
            }
        }
        Ok(())
    }

    /// The last of the least among the pieces from `first` on.
    fn least_of(&self, first: usize) -> (u64, usize) {
        let mut least = (u64::MAX, first);
        let mut slot = first % self.window;
        for place in first..first + self.window {
            if self.ring[slot] <= least.0 {
                least = (self.ring[slot], place);
            }
            slot = if slot + 1 == self.window { 0 } else { slot + 1 };
        }
        least
    }
}
