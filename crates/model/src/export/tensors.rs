//! Putting the decoder's tensors together again to those of a kind of file.

use super::source::ExportSource;
use crate::checkpoint::{FileTensor, Layout, RowOrder, Source, transpose};
use crate::error::ModelError;

/// The bytes of a tensor of a file: rows of its parts that `stored` has as they are (blocks that
/// nobody changed), the others' values through `encode`, which must treat every row alone.
///
/// # Errors
/// If a part cannot be read.
pub(super) fn assemble(
    source: &ExportSource<'_>,
    layout: &Layout,
    tensor: &FileTensor,
    stored: &dyn Fn(&str) -> Option<Vec<u8>>,
    encode: &dyn Fn(&[f32]) -> Vec<u8>,
) -> Result<Vec<u8>, ModelError> {
    let of_part = |name: &String| &layout.sources[name];
    if tensor.parts.iter().map(of_part).any(|at| at.transposed && at.shape.len() > 1) {
        return transposed_values(source, layout, tensor).map(|values| encode(&values));
    }
    let mut parts = Vec::with_capacity(tensor.parts.len());
    for name in &tensor.parts {
        let at = of_part(name);
        let unchanged = at.offset == 0.0 && at.transposed_heads.is_none();
        let bytes = match stored(name).filter(|_| unchanged) {
            Some(bytes) => bytes,
            None => encode(&file_values(source.values(name)?, at)),
        };
        parts.push((at, bytes));
    }
    let total: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut out = vec![0; total];
    for (at, bytes) in parts {
        let rows = file_rows(at);
        let row_bytes = bytes.len() / rows;
        if let RowOrder::InOrder { first } = at.rows {
            out[first * row_bytes..][..bytes.len()].copy_from_slice(&bytes);
            continue;
        }
        for (row, bytes) in bytes.chunks_exact(row_bytes).enumerate() {
            out[at.rows.place(row) * row_bytes..][..row_bytes].copy_from_slice(bytes);
        }
    }
    Ok(out)
}

/// Rows that the part has in the file; each value of a tensor of one dimension is one.
fn file_rows(at: &Source) -> usize {
    match at.transposed_heads {
        Some(heads) => heads * at.shape[1],
        None => at.shape[0],
    }
}

/// The values as the file has them, in the order of the decoder's rows.
fn file_values(mut values: Vec<f32>, at: &Source) -> Vec<f32> {
    if let Some(heads) = at.transposed_heads {
        let head = values.len() / heads;
        let rows = head / at.shape[1];
        values = values.chunks_exact(head).flat_map(|head| transpose(head, rows)).collect();
    }
    if at.offset != 0.0 {
        for value in &mut values {
            *value -= at.offset;
        }
    }
    values
}

/// The rows of all parts, transposed together.
fn transposed_values(
    source: &ExportSource<'_>,
    layout: &Layout,
    tensor: &FileTensor,
) -> Result<Vec<f32>, ModelError> {
    let mut values = Vec::new();
    for name in &tensor.parts {
        values.extend(source.values(name)?);
    }
    let rows = tensor.parts.iter().map(|name| layout.sources[name].shape[0]).sum();
    Ok(transpose(&values, rows))
}
