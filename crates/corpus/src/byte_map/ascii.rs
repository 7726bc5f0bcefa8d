//! What a short piece of ASCII is made of, byte by byte.

use super::block::BYTES;

/// The classes of at most 64 bytes of ASCII, one bit each, the first byte lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AsciiBits {
    /// Letters.
    pub(super) letters: u64,
    /// Digits.
    pub(super) digits: u64,
    /// Full stops and apostrophes.
    pub(super) points: u64,
    pub(super) length: usize,
}

impl AsciiBits {
    /// The bytes from `start` up to `end` of these.
    #[inline]
    pub(crate) fn part(self, start: usize, end: usize) -> Self {
        let Some(last) = (end - start).checked_sub(1) else {
            return Self { letters: 0, digits: 0, points: 0, length: 0 };
        };
        let wanted = !0 >> (BYTES - 1 - last);
        let part = |bits: u64| bits >> start & wanted;
        Self {
            letters: part(self.letters),
            digits: part(self.digits),
            points: part(self.points),
            length: end - start,
        }
    }

    /// Where bytes stand that are neither letters nor digits.
    #[inline]
    pub(crate) fn marks(self) -> impl Iterator<Item = usize> {
        let mut marks = self.mark_bits();
        std::iter::from_fn(move || {
            let at = (marks != 0).then(|| marks.trailing_zeros() as usize)?;
            marks &= marks - 1;
            Some(at)
        })
    }

    /// Whether all bytes are letters.
    pub(crate) fn is_alphabetic(self) -> bool {
        self.letters.count_ones() as usize == self.length
    }

    /// Whether some byte is a letter.
    pub(crate) fn has_letter(self) -> bool {
        self.letters != 0
    }

    /// Whether some byte is a digit.
    pub(crate) fn has_digit(self) -> bool {
        self.digits != 0
    }

    /// Whether some byte is a full stop or an apostrophe.
    pub(crate) fn has_point(self) -> bool {
        self.points != 0
    }

    /// Whether the first byte is a letter or a digit.
    pub(crate) fn starts_alphanumeric(self) -> bool {
        (self.letters | self.digits) & 1 != 0
    }

    /// Whether the last byte is a letter or a digit.
    pub(crate) fn ends_alphanumeric(self) -> bool {
        let last = self.length.wrapping_sub(1) % BYTES;
        (self.letters | self.digits) >> last & 1 != 0
    }

    fn mark_bits(self) -> u64 {
        let all = if self.length == 0 { 0 } else { !0 >> (BYTES - self.length) };
        !(self.letters | self.digits) & all
    }
}
