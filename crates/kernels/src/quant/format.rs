//! The block formats and their geometry.

use std::fmt;

/// Values per block and scale, in every format here and for activations.
pub(crate) const BLOCK: usize = 32;

/// How a block of 32 weights is stored, by ggml's names.
///
/// # Source
/// ggml, `ggml-common.h` and `ggml-quants.c`. A block is `d: f16`, for `Q4_1` also `m: f16`, then
/// the codes; in 4-bit formats byte `i` holds code `i` low and code `i + 16` high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuantFormat {
    /// 4 bits, `w = d * (q - 8)`; 18 bytes per block.
    Q4_0,
    /// 4 bits, `w = d * q + m`; 20 bytes per block.
    Q4_1,
    /// 8 bits signed, `w = d * q`; 34 bytes per block.
    Q8_0,
}

impl QuantFormat {
    /// Every format.
    pub const ALL: [QuantFormat; 3] = [QuantFormat::Q4_0, QuantFormat::Q4_1, QuantFormat::Q8_0];

    /// ggml's name of the format.
    pub fn name(self) -> &'static str {
        match self {
            QuantFormat::Q4_0 => "Q4_0",
            QuantFormat::Q4_1 => "Q4_1",
            QuantFormat::Q8_0 => "Q8_0",
        }
    }

    /// Values per block.
    pub fn block_len(self) -> usize {
        BLOCK
    }

    /// Bytes of one block in a file.
    pub fn block_bytes(self) -> usize {
        self.header_bytes() + self.code_bytes()
    }

    /// Bytes of a row of `k` values in a file; `k` is a multiple of the block length.
    pub fn row_bytes(self, k: usize) -> usize {
        k / BLOCK * self.block_bytes()
    }

    pub(crate) fn has_min(self) -> bool {
        matches!(self, QuantFormat::Q4_1)
    }

    /// Bytes before the codes of a block.
    pub(crate) fn header_bytes(self) -> usize {
        if self.has_min() { 4 } else { 2 }
    }

    /// Bytes of the codes of a block.
    pub(crate) fn code_bytes(self) -> usize {
        match self {
            QuantFormat::Q4_0 | QuantFormat::Q4_1 => BLOCK / 2,
            QuantFormat::Q8_0 => BLOCK,
        }
    }

    /// What an unsigned code is too large by: the zero point of the packed form.
    pub(crate) fn zero_point(self) -> i32 {
        match self {
            QuantFormat::Q4_0 => 8,
            QuantFormat::Q4_1 => 0,
            QuantFormat::Q8_0 => 128,
        }
    }
}

impl fmt::Display for QuantFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
