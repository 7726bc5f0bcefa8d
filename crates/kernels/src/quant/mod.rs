//! Block-quantized weights times 8-bit activations.
//!
//! Weights keep the bits of their file ([`QuantFormat`]): blocks along `k` of 32 codes with an f16
//! scale, or super-blocks of 256 whose runs of 32 or 16 codes have small integers that multiply one.
//! [`QuantMatrix`] only reorders them into tiles of 16 output rows, made for the instruction that
//! multiplies four unsigned codes by four signed activations at once. Activations are quantized per
//! row and block of 32 to 8 bits at the product; integer sums are exact, and each run with one scale
//! ends in one fused multiply-add per output (two for formats with a minimum). All levels do
//! exactly these operations in the same order, so their results are the same bits.
//!
//! The way of a weight: `decode` takes a file's block apart, `tile` puts it where `geometry` says,
//! and a product's kernel, compiled for that geometry, unpacks it in registers, or once for many rows.

mod activations;
mod at_level;
mod blocks;
mod decode;
mod format;
mod geometry;
mod job;
mod matrix;
mod precise;
mod quantize;
mod scalar;
mod self_check;
mod tile;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(test)]
mod activation_tests;
#[cfg(test)]
mod block_tests;
#[cfg(test)]
mod tests;

pub(crate) use activations::{ActivationBuf, Activations, SharedActivations, Sums};
pub use blocks::dequantize_blocks;
pub use format::QuantFormat;
pub(crate) use matrix::GROUP_COLUMNS;
pub use matrix::QuantMatrix;
pub use quantize::quantize_blocks;
pub(crate) use self_check::agrees as quant_agrees;
