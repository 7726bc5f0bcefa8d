//! How a GGUF file can break its format.

use thiserror::Error;

/// One fault, with where it is and the two values that disagree. All of them say: fetch the file
/// again, or fix the program that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The first four bytes are not `GGUF`.
    #[error("file begins with bytes {found:02x?}, expected `GGUF`")]
    Magic {
        /// Up to four bytes found.
        found: Vec<u8>,
    },
    /// A format version that we do not read.
    #[error("format version is {found}, supported are 2 and 3")]
    Version {
        /// Version found.
        found: u32,
    },
    /// The file ends inside something.
    #[error("file ends inside {what}: {needed} bytes needed at offset {offset}, {available} there")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where.
        offset: u64,
        /// Bytes needed.
        needed: u64,
        /// Bytes available.
        available: u64,
    },
    /// A count or size beyond its limit.
    #[error("{what} is {found} at offset {offset}, limit is {limit}")]
    Limit {
        /// The quantity.
        what: &'static str,
        /// Where.
        offset: u64,
        /// Value found.
        found: u64,
        /// Largest accepted.
        limit: u64,
    },
    /// A string is not UTF-8.
    #[error("{what} at offset {offset} is not UTF-8")]
    Utf8 {
        /// What it is.
        what: &'static str,
        /// Where it begins.
        offset: u64,
    },
    /// A value type that does not exist.
    #[error("key `{key}` has value type {found}, known are 0 to 12")]
    ValueType {
        /// The key.
        key: String,
        /// Type found.
        found: u32,
    },
    /// A truth value that is neither 0 nor 1.
    #[error("truth value at offset {offset} is {found}, expected 0 or 1")]
    Bool {
        /// Where.
        offset: u64,
        /// Byte found.
        found: u8,
    },
    /// Arrays nested too deep.
    #[error("key `{key}` nests arrays deeper than {limit}")]
    ArrayDepth {
        /// The key.
        key: String,
        /// Deepest accepted.
        limit: usize,
    },
    /// A key stands twice.
    #[error("key `{key}` stands twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A key has another type than its meaning needs.
    #[error("key `{key}` is {found}, expected {expected}")]
    KeyType {
        /// The key.
        key: String,
        /// Type or value found.
        found: String,
        /// Type expected.
        expected: &'static str,
    },
    /// `general.alignment` is not a power of two in range.
    #[error("alignment is {found}, expected a power of two from {min} to {max}")]
    Alignment {
        /// Value found.
        found: u32,
        /// Smallest accepted.
        min: u32,
        /// Largest accepted.
        max: u32,
    },
    /// A tensor stands twice.
    #[error("tensor `{name}` stands twice")]
    DuplicateTensor {
        /// The tensor.
        name: String,
    },
    /// A tensor type that does not exist.
    #[error("tensor `{name}` has unknown type {found}")]
    TensorType {
        /// The tensor.
        name: String,
        /// Type found.
        found: u32,
    },
    /// Dimensions that are zero, overflow, or do not fit the type's blocks.
    #[error("tensor `{name}` of type {format} cannot have dimensions {dimensions:?}")]
    Dimensions {
        /// The tensor.
        name: String,
        /// Its type.
        format: &'static str,
        /// Dimensions found, innermost first.
        dimensions: Vec<u64>,
    },
    /// A tensor does not begin at a multiple of the alignment.
    #[error("tensor `{name}` begins at {offset}, which is not a multiple of alignment {alignment}")]
    Misaligned {
        /// The tensor.
        name: String,
        /// Its offset in the data.
        offset: u64,
        /// The alignment.
        alignment: u64,
    },
    /// A tensor reaches past the end of the file.
    #[error("tensor `{name}` takes {bytes} bytes from {offset} of the data, which has {available}")]
    OutOfFile {
        /// The tensor.
        name: String,
        /// Its offset in the data.
        offset: u64,
        /// Its bytes.
        bytes: u64,
        /// Bytes of the data.
        available: u64,
    },
    /// A part of a model in several files that is not the one that was looked for.
    #[error(
        "it is part {found} of {found_count} of a split file, expected is part {number} of {count}; \
         the first is opened, and the others lie beside it"
    )]
    SplitPart {
        /// Its number, from 1.
        found: u64,
        /// How many parts it says there are.
        found_count: u64,
        /// The number looked for.
        number: u64,
        /// How many parts the first says there are.
        count: u64,
    },
    /// The first of several parts under a name that does not lead to the others.
    #[error(
        "it is the first of {count} parts of a split file, whose name ends in `-00001-of-{count:05}.gguf`"
    )]
    SplitName {
        /// How many parts there are.
        count: u64,
    },
    /// The parts of a split file do not hold all tensors.
    #[error("its {count} parts hold {found} tensors, {expected} are expected")]
    SplitTensors {
        /// How many parts there are.
        count: u64,
        /// Tensors in them.
        found: u64,
        /// Tensors that the first says there are.
        expected: u64,
    },
    /// Two tensors share bytes.
    #[error("tensors `{first}` and `{second}` overlap in the data")]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The other.
        second: String,
    },
}
