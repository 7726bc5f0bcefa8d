//! Reproducible numbers for tests.

/// xorshift64*, seeded.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    /// Uniform in -1..1.
    pub(crate) fn uniform(&mut self) -> f32 {
        ((self.next_u64() >> 20) & 0xff_ffff) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Close to normal with unit variance.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.uniform()).sum::<f32>() * std::f32::consts::FRAC_1_SQRT_2
    }

    pub(crate) fn normals(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.normal()).collect()
    }
}
