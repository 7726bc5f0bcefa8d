//! Activations as 8-bit codes with one scale per row and block of 32.

use super::format::BLOCK;
use crate::{AlignedBuf, Level, Pool};

/// `x ~ scale * q`, `scale = max|x| / 127` per block of 32, with the sums that zero points and
/// minima of the weights multiply.
///
/// # Shapes
/// `codes_tk`; `scales_tb`, `sums_tb`, `scaled_sums_tb`, `corrections_tb` with `b = k / 32` blocks.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    pub(super) rows: usize,
    pub(super) k: usize,
    pub(super) codes_tk: AlignedBuf<i8>,
    pub(super) scales_tb: AlignedBuf<f32>,
    /// `sum(q)`.
    pub(super) sums_tb: AlignedBuf<i32>,
    /// `scale * sum(q)`.
    pub(super) scaled_sums_tb: AlignedBuf<f32>,
    /// `-zero_point * sum(q)` for the format last asked for.
    pub(super) corrections_tb: AlignedBuf<i32>,
}

impl Activations {
    pub(crate) fn bytes(&self) -> usize {
        self.codes_tk.bytes()
            + self.scales_tb.bytes()
            + self.sums_tb.bytes()
            + self.scaled_sums_tb.bytes()
            + self.corrections_tb.bytes()
    }
}
