//! Working memory of the matrix products, kept by the caller between calls.

use crate::AlignedBuf;
use crate::quant::Activations;

/// Buffers that a product needs for its activations: grown on demand, never shrunk, reused.
///
/// One per thread of control that multiplies; holds nothing that outlives a call.
#[derive(Debug, Default)]
pub struct MatmulScratch {
    /// Activations as 8-bit codes, for block-quantized weights.
    pub(crate) quantized: Activations,
    /// Activations as the words that the dense kernels read.
    pub(crate) row_words: AlignedBuf<u32>,
}

impl MatmulScratch {
    /// An empty scratch; the first product sizes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.quantized.bytes() + self.row_words.bytes()
    }
}
