//! Safetensors: a JSON header with names, types, shapes and offsets, then raw little-endian data.
//!
//! The header is checked by the `safetensors` crate (size limit 100 MB, offsets contiguous and
//! equal to shape times type, data ending with the file).

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{SafetensorsFile, TensorView};
pub(crate) use read::{bf16_values, f16_values, f32_values};
pub use safetensors::Dtype;
pub use write::{TensorSpec, f32_bytes, write_f32, write_safetensors};
