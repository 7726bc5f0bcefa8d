//! The hashing of words and character n-grams, and the buckets that n-grams fall into.

/// Start value of the hash.
pub(super) const HASH_START: u32 = 2_166_136_261;

/// One byte more in a hash. FNV-1a, but that fastText takes a byte for a signed number, so that
/// bytes from 0x80 set the upper bits as well.
#[inline]
pub(super) fn hash_byte(hash: u32, byte: u8) -> u32 {
    (hash ^ i32::from(byte.cast_signed()).cast_unsigned()).wrapping_mul(16_777_619)
}

/// The hash of a whole word.
pub(super) fn hash_word(word: &[u8]) -> u32 {
    word.iter().fold(HASH_START, |hash, &byte| hash_byte(hash, byte))
}

/// Remainders by one fixed divisor without a division.
///
/// # Source
/// Lemire, Kaser and Kurz 2019, "Faster remainder by direct computation", arXiv:1902.01961.
#[derive(Debug)]
pub(super) struct Remainder {
    divisor: u32,
    factor: u64,
}

impl Remainder {
    /// For a divisor from 1.
    pub(super) fn new(divisor: u32) -> Self {
        Self { divisor, factor: (u64::MAX / u64::from(divisor)).wrapping_add(1) }
    }

    #[inline]
    pub(super) fn of(&self, value: u32) -> u32 {
        let fraction = self.factor.wrapping_mul(u64::from(value));
        let product = u128::from(fraction) * u128::from(self.divisor);
        u32::try_from(product >> 64).unwrap_or(0)
    }

    /// For the 64-bit hashes of word n-grams, which are rare enough to divide.
    pub(super) fn of_wide(&self, value: u64) -> u32 {
        u32::try_from(value % u64::from(self.divisor)).unwrap_or(0)
    }
}

/// Which row stands for a bucket, after the model was cut to its most useful n-grams.
///
/// A small bit set answers for nearly all buckets that were cut, so that the table is read for
/// few others; together they stay in the second-level cache.
#[derive(Debug)]
pub(super) struct KeptBuckets {
    bits: Vec<u64>,
    bit_shift: u32,
    slots: Vec<(u32, u32)>,
    slot_shift: u32,
}

/// Marks a slot without a bucket; buckets are numbers of 31 bits.
const EMPTY: u32 = u32::MAX;

/// Spreads neighbouring numbers (the golden ratio times 2^32).
#[inline]
fn spread(bucket: u32) -> u32 {
    bucket.wrapping_mul(0x9E37_79B9)
}

impl KeptBuckets {
    pub(super) fn new(kept: &[(u32, u32)]) -> Self {
        let entries = kept.len().max(16).next_power_of_two();
        let bit_shift = 32 - (entries * 16).ilog2().min(31);
        let slot_shift = 32 - (entries * 2).ilog2().min(31);
        let mut buckets = Self {
            bits: vec![0; (1_usize << (32 - bit_shift)) / 64],
            bit_shift,
            slots: vec![(EMPTY, 0); 1 << (32 - slot_shift)],
            slot_shift,
        };
        for &(bucket, row) in kept {
            buckets.insert(bucket, row);
        }
        buckets
    }

    fn insert(&mut self, bucket: u32, row: u32) {
        let bit = (spread(bucket) >> self.bit_shift) as usize;
        self.bits[bit / 64] |= 1 << (bit % 64);
        let mut slot = (spread(bucket) >> self.slot_shift) as usize;
        while self.slots[slot].0 != EMPTY && self.slots[slot].0 != bucket {
            slot = (slot + 1) % self.slots.len();
        }
        self.slots[slot] = (bucket, row);
    }

    /// Whether a bucket may have been kept: right for all that were and for few others.
    #[inline]
    pub(super) fn may_have(&self, bucket: u32) -> bool {
        let bit = (spread(bucket) >> self.bit_shift) as usize;
        self.bits[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// The row of a bucket, if it was kept.
    #[inline]
    pub(super) fn row(&self, bucket: u32) -> Option<u32> {
        let mut slot = (spread(bucket) >> self.slot_shift) as usize;
        loop {
            let (found, row) = self.slots[slot];
            if found == bucket {
                return Some(row);
            }
            if found == EMPTY {
                return None;
            }
            slot = (slot + 1) % self.slots.len();
        }
    }
}
