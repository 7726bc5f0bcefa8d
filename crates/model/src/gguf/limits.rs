//! Sizes beyond which a GGUF file is refused.

/// Metadata keys in one file.
pub const MAX_KEYS: u64 = 1 << 16;
/// Tensors in one file.
pub const MAX_TENSORS: u64 = 1 << 16;
/// Bytes of a key's or a tensor's name.
pub const MAX_NAME_BYTES: u64 = 1 << 12;
/// Bytes of one string value. Chat templates and licences are the long ones.
pub const MAX_STRING_BYTES: u64 = 1 << 24;
/// Elements of one array. Vocabularies and merge rules are the long ones.
pub const MAX_ARRAY_LEN: u64 = 1 << 24;
/// Arrays within arrays.
pub const MAX_ARRAY_DEPTH: usize = 4;
/// Dimensions of a tensor.
pub const MAX_DIMENSIONS: u32 = 4;
/// Largest `general.alignment`.
pub const MAX_ALIGNMENT: u32 = 1 << 16;
/// Smallest `general.alignment`.
pub const MIN_ALIGNMENT: u32 = 8;
