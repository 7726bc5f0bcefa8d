//! Block-quantized weights times 8-bit activations.
//!
//! Weights keep the bits of their file ([`QuantFormat`]): blocks of 32 along `k`, each with an f16
//! scale. [`QuantMatrix`] only reorders them into tiles of 16 output rows, made for the
//! instruction that multiplies four unsigned codes by four signed activations at once. Activations
//! are quantized per row and block of 32 to 8 bits at the product; integer sums are exact, and each
//! block ends in one fused multiply-add per output (two for formats with a minimum). All levels do
//! exactly these operations in the same order, so their results are the same bits.

mod activations;
mod blocks;
mod format;
mod job;
mod matrix;
mod scalar;
mod tile;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

#[cfg(test)]
mod tests;

pub(crate) use activations::Activations;
pub use blocks::{dequantize_blocks, quantize_blocks};
pub use format::QuantFormat;
pub use matrix::QuantMatrix;
