//! One tensor as it is stored.

use std::borrow::Cow;

use catena_kernels::{QuantFormat, dequantize_blocks};

use crate::safetensors::{bf16_values, f16_values, f32_values};

/// A tensor of the decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight<'a> {
    /// Its shape, outermost first.
    pub shape: Vec<usize>,
    /// Its values in their stored form.
    pub data: WeightData<'a>,
}

/// The forms that we compute with.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightData<'a> {
    /// f32 values.
    F32(Cow<'a, [f32]>),
    /// f16 values, little-endian.
    F16(Cow<'a, [u8]>),
    /// bf16 values, little-endian.
    Bf16(Cow<'a, [u8]>),
    /// ggml blocks.
    Blocks {
        /// The blocks' format.
        format: QuantFormat,
        /// The blocks of each row; all rows together for a tensor of one dimension.
        rows: Vec<&'a [u8]>,
    },
}

impl Weight<'_> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are none, which no file that we open has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as f32, row-major.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.data {
            WeightData::F32(values) => values.to_vec(),
            WeightData::F16(bytes) => f16_values(bytes),
            WeightData::Bf16(bytes) => bf16_values(bytes),
            WeightData::Blocks { format, rows } => {
                let mut values = vec![0.0; self.len()];
                let columns = self.len() / rows.len();
                for (row, out) in rows.iter().zip(values.chunks_exact_mut(columns)) {
                    dequantize_blocks(*format, row, out);
                }
                values
            }
        }
    }
}

/// The slices of `bytes`, which holds `file_rows` rows, of `rows` rows that stand where `place` says.
pub(super) fn ordered_rows(
    bytes: &[u8],
    file_rows: usize,
    rows: usize,
    place: impl Fn(usize) -> usize,
) -> Vec<&[u8]> {
    let row_bytes = bytes.len() / file_rows;
    (0..rows).map(|row| &bytes[place(row) * row_bytes..][..row_bytes]).collect()
}

/// f32 values in place if the bytes are aligned, else copied.
pub(super) fn f32_cow(bytes: &[u8]) -> Cow<'_, [f32]> {
    if cfg!(target_endian = "little")
        && let Ok(values) = bytemuck::try_cast_slice(bytes)
    {
        return Cow::Borrowed(values);
    }
    Cow::Owned(f32_values(bytes))
}
