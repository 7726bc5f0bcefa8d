//! Working memory of the matrix products, kept by the caller between calls.

use crate::chain::OperandSet;

/// Buffers that products need for their activations: grown on demand, never shrunk, reused.
///
/// One per thread of control that multiplies; holds nothing that outlives a call.
#[derive(Debug, Default)]
pub struct MatmulScratch {
    /// Activations that all threads read.
    pub(crate) shared: OperandSet,
    /// For each thread what it reads alone.
    pub(crate) own: Vec<OperandSet>,
}

impl MatmulScratch {
    /// An empty scratch; the first product sizes it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held now.
    pub fn bytes(&self) -> usize {
        self.shared.bytes() + self.own.iter().map(OperandSet::bytes).sum::<usize>()
    }
}
