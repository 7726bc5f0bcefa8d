//! GGUF, the file format of ggml and llama.cpp: metadata, then tensors in blocks.
//!
//! | part | content |
//! |---|---|
//! | header | magic `GGUF`, version u32 (we read 2 and 3, write 3), tensor count u64, key count u64 |
//! | keys | name, value type u32, value; strings are u64 length and UTF-8; arrays are element type u32, count u64, elements |
//! | tensors | name, number of dimensions u32, each u64 (innermost first), type u32, offset u64 |
//! | data | at the next multiple of `general.alignment` (32), each tensor at its offset from there |
//!
//! A model may be in several files, of which the first is opened.
//!
//! All numbers are little-endian. Limits are in [`limits`]; the reader refuses what breaks the
//! format or a limit, before it allocates.

mod cursor;
mod error;
mod file_type;
mod ggml_type;
pub mod limits;
mod parts;
mod read;
#[cfg(test)]
pub(crate) mod tests;
mod value;
mod vocab;
mod write;

pub use error::GgufError;
pub use file_type::file_type_name;
pub(crate) use file_type::file_type_number;
pub use ggml_type::GgmlType;
pub use parts::{is_later_part, part_paths};
pub use read::{GgufFile, TensorInfo};
pub use value::{MetaArray, MetaValue};
pub(crate) use vocab::typed;
pub use vocab::vocab_metadata;
pub use write::GgufWriter;
