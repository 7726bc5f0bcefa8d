//! What foreign input can do wrong to the kernels; everything else is a caller's bug and asserts.

use crate::QuantFormat;

/// Errors of building kernel objects from sizes and bytes that come from a file or a user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    // Fix the input.
    /// The forced SIMD level has a name that nobody knows.
    #[error("unknown SIMD level `{name}`; known levels are: {known}")]
    UnknownLevel {
        /// What was asked for.
        name: String,
        /// The accepted names, comma separated.
        known: String,
    },
    /// The forced SIMD level exists, but this processor lacks it.
    #[error("this processor has no {missing}, which SIMD level `{name}` needs")]
    LevelNotSupported {
        /// What was asked for.
        name: &'static str,
        /// The first missing processor feature.
        missing: &'static str,
    },
    /// A level was already in use when another one was forced.
    #[error("SIMD level is already `{current}`, too late to force `{name}`")]
    LevelAlreadySelected {
        /// The level in use.
        current: &'static str,
        /// What was asked for.
        name: &'static str,
    },
    /// A row of a block-quantized matrix has the wrong number of bytes.
    #[error("row {row} of a {format} matrix has {found} bytes, {k} columns imply {expected}")]
    RowBytes {
        /// Row number.
        row: usize,
        /// Format of the blocks.
        format: QuantFormat,
        /// Number of columns.
        k: usize,
        /// Bytes found.
        found: usize,
        /// Bytes that the columns imply.
        expected: usize,
    },
    /// The number of columns is not a positive multiple of the block length.
    #[error("{format} needs a positive multiple of {block} columns, found {k}")]
    Columns {
        /// Format of the blocks.
        format: QuantFormat,
        /// Columns found.
        k: usize,
        /// Values per block.
        block: usize,
    },
    /// A matrix or cache without rows, layers or heads.
    #[error("{what} must be between {min} and {max}, found {found}")]
    OutOfRange {
        /// The quantity.
        what: &'static str,
        /// Smallest accepted value.
        min: usize,
        /// Largest accepted value.
        max: usize,
        /// What was found.
        found: usize,
    },
    /// Rotary positions and bf16 pairs need an even head dimension.
    #[error("head_dim must be even, found {found}")]
    OddHeadDim {
        /// What was found.
        found: usize,
    },
    // Fix the machine.
    /// The product of the sizes does not fit the address space, or the allocator refused it.
    #[error("cannot reserve {bytes} bytes for {what}")]
    OutOfMemory {
        /// What the memory is for.
        what: &'static str,
        /// Bytes asked for (saturated if the product overflows).
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_reads_well() {
        let format = QuantFormat::Q4_0;
        let errors = [
            KernelError::UnknownLevel { name: "avx1024".into(), known: "scalar, avx2".into() },
            KernelError::LevelNotSupported { name: "avx512", missing: "avx512vnni" },
            KernelError::LevelAlreadySelected { current: "avx2", name: "scalar" },
            KernelError::RowBytes { row: 3, format, k: 64, found: 30, expected: 36 },
            KernelError::Columns { format, k: 33, block: 32 },
            KernelError::OutOfRange { what: "num_blocks", min: 1, max: 9, found: 0 },
            KernelError::OddHeadDim { found: 7 },
        ];
        let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
