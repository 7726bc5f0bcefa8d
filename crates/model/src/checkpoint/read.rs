//! Reading tensors: the model's out of those of the file.

use std::borrow::Cow;

use catena_kernels::QuantFormat;

use super::files::Files;
use super::layout::{RowOrder, Source};
use super::weight::{Weight, WeightData, f32_cow, ordered_rows};
use crate::error::ModelError;
use crate::gguf::GgmlType;
use crate::safetensors::{Dtype, f32_values};

/// A tensor of a file.
pub(super) struct Stored<'a> {
    pub(super) shape: &'a [usize],
    kind: Kind,
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F16,
    Bf16,
    Blocks(QuantFormat),
}

impl<'a> Stored<'a> {
    /// The tensor of the files that holds the one called `name`.
    pub(super) fn of(files: &'a Files, source: &Source, name: &str) -> Result<Self, ModelError> {
        match files {
            Files::Gguf(file) => {
                let tensor = file.tensor(&source.file).expect("the file was checked for it");
                let bytes = file.tensor_bytes(&source.file).expect("the tensor is in the file");
                let kind = if let Some(format) = tensor.ggml_type.quant_format() {
                    Kind::Blocks(format)
                } else if tensor.ggml_type == GgmlType::F32 {
                    Kind::F32
                } else if tensor.ggml_type == GgmlType::F16 {
                    Kind::F16
                } else if tensor.ggml_type == GgmlType::BF16 {
                    Kind::Bf16
                } else {
                    let found = tensor.ggml_type.to_string();
                    return Err(unsupported(name, found, GgmlType::SUPPORTED));
                };
                Ok(Self { shape: &tensor.shape, kind, bytes })
            }
            Files::Folder(file) => {
                let view = file.tensor(&source.file)?;
                let kind = if view.dtype == Dtype::F32 {
                    Kind::F32
                } else if view.dtype == Dtype::F16 {
                    Kind::F16
                } else if view.dtype == Dtype::BF16 {
                    Kind::Bf16
                } else {
                    return Err(unsupported(name, format!("{:?}", view.dtype), "F32, F16, BF16"));
                };
                Ok(Self { shape: view.shape, kind, bytes: view.bytes })
            }
        }
    }

    /// The rows that belong to the model's tensor, without a copy if they follow each other.
    pub(super) fn rows(&self, source: &Source, name: &str) -> Result<WeightData<'a>, ModelError> {
        // A tensor of one dimension is one row of blocks, but as many rows of floats.
        let one_dimension = self.shape.len() == 1;
        if let Kind::Blocks(format) = self.kind
            && one_dimension
        {
            if source.shape != self.shape || source.rows != (RowOrder::InOrder { first: 0 }) {
                let found = "blocks of values that belong apart".to_owned();
                return Err(unsupported(name, found, "F32, F16, BF16"));
            }
            return Ok(WeightData::Blocks { format, rows: vec![self.bytes] });
        }
        let file_rows =
            if one_dimension { self.shape[0] } else { self.shape.iter().rev().skip(1).product() };
        let rows = source.shape[0];
        if let Kind::Blocks(format) = self.kind {
            let rows = ordered_rows(self.bytes, file_rows, rows, |row| source.rows.place(row));
            return Ok(WeightData::Blocks { format, rows });
        }
        let bytes = if let RowOrder::InOrder { first } = source.rows {
            let row_bytes = self.bytes.len() / file_rows;
            Cow::Borrowed(&self.bytes[first * row_bytes..(first + rows) * row_bytes])
        } else {
            let rows = ordered_rows(self.bytes, file_rows, rows, |row| source.rows.place(row));
            Cow::Owned(rows.concat())
        };
        Ok(match (self.kind, bytes) {
            (Kind::F16, bytes) => WeightData::F16(bytes),
            (Kind::Bf16, bytes) => WeightData::Bf16(bytes),
            (_, Cow::Borrowed(bytes)) => WeightData::F32(f32_cow(bytes)),
            (_, Cow::Owned(bytes)) => WeightData::F32(Cow::Owned(f32_values(&bytes))),
        })
    }

    /// The values of the model's tensor where they are not simply rows of the file's.
    pub(super) fn changed(&self, source: &Source, name: &str) -> Result<Vec<f32>, ModelError> {
        let len: usize = self.shape.iter().product();
        let columns = *self.shape.last().expect("a tensor has a dimension");
        if source.transposed && self.shape.len() > 1 {
            let whole = Source {
                shape: self.shape.to_vec(),
                rows: RowOrder::InOrder { first: 0 },
                ..source.clone()
            };
            let data = self.rows(&whole, name)?;
            let values = Weight { shape: self.shape.to_vec(), data }.to_f32();
            let values = transpose(&values, len / columns);
            let width = len / columns;
            let rows = (0..source.shape[0]).map(|row| source.rows.place(row));
            return Ok(rows.flat_map(|row| &values[row * width..][..width]).copied().collect());
        }
        let taken: usize = source.shape.iter().product();
        let mut shape = source.shape.clone();
        if source.transposed_heads.is_some() {
            shape = vec![taken / columns, columns];
        }
        let part = Source { shape: shape.clone(), ..source.clone() };
        let mut values = Weight { shape, data: self.rows(&part, name)? }.to_f32();
        if let Some(heads) = source.transposed_heads {
            let head = taken / heads;
            values = values
                .chunks_exact(head)
                .flat_map(|values| transpose(values, head / columns))
                .collect();
        }
        for value in &mut values {
            *value += source.offset;
        }
        Ok(values)
    }
}

/// `[rows, columns]` as `[columns, rows]`.
pub(crate) fn transpose(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows;
    (0..columns).flat_map(|column| values[column..].iter().step_by(columns).copied()).collect()
}

fn unsupported(name: &str, found: String, supported: &'static str) -> ModelError {
    ModelError::UnsupportedType { name: name.to_owned(), found, supported }
}
