//! Mixing of integers.

/// The output function of SplitMix64: a bijection that spreads every bit.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The upper half of `value`.
#[inline(always)]
pub(super) fn high32(value: u64) -> u32 {
    u32::try_from(value >> 32).expect("32 bits are left")
}

/// The lower half of `value`.
#[inline(always)]
pub(super) fn low32(value: u64) -> u32 {
    u32::try_from(value & 0xFFFF_FFFF).expect("32 bits are left")
}

/// A sequence of numbers from a seed: SplitMix64.
pub(super) struct Sequence(u64);

impl Sequence {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }
}
