//! The random numbers of NumPy's `RandomState`.

const SIZE: usize = 624;

/// MT19937 as `numpy.random.RandomState(seed)` seeds it.
///
/// # Source
/// Matsumoto and Nishimura 1998.
pub(super) struct MersenneTwister {
    state: [u32; SIZE],
    at: usize,
}

impl MersenneTwister {
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [seed; SIZE];
        for at in 1..SIZE {
            let before = state[at - 1];
            let place = u32::try_from(at).expect("at most 623");
            state[at] = (before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(place);
        }
        Self { state, at: SIZE }
    }

    /// `randint(low, high, dtype=uint64)`: the first of the masked draws that is in the range.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        let range = high - 1 - low;
        let mask = u64::MAX >> range.leading_zeros();
        loop {
            let upper = u64::from(self.next_u32());
            let value = (upper << 32 | u64::from(self.next_u32())) & mask;
            if value <= range {
                return low + value;
            }
        }
    }

    fn next_u32(&mut self) -> u32 {
        if self.at == SIZE {
            self.refill();
        }
        let mut value = self.state[self.at];
        self.at += 1;
        value ^= value >> 11;
        value ^= (value << 7) & 0x9D2C_5680;
        value ^= (value << 15) & 0xEFC6_0000;
        value ^ (value >> 18)
    }

    fn refill(&mut self) {
        for at in 0..SIZE {
            let joined =
                (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7FFF_FFFF);
            let twist = if joined & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[at] = self.state[(at + 397) % SIZE] ^ (joined >> 1) ^ twist;
        }
        self.at = 0;
    }
}
