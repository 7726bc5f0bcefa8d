//! Writing one file.

use std::borrow::Cow;

use camino::Utf8Path;
use safetensors::Dtype;
use serde_json::{Map, Value, json};

use crate::error::ModelError;
use crate::files::{io_error, write_whole};

/// Name, type and shape of a tensor to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    fn bytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.bitsize() / 8
    }
}

/// Writes `tensors` in order; `bytes_of` gives each one's bytes, asked in order, so that a model
/// need not be in memory twice. `metadata` are the header's free-form strings; PyTorch's readers
/// want `format` = `pt`.
///
/// # Errors
/// From the file system and from `bytes_of`.
///
/// # Panics
/// If `bytes_of` gives another number of bytes than shape and type need.
pub fn write_safetensors<'a>(
    path: &Utf8Path,
    tensors: &[TensorSpec],
    metadata: &[(&str, &str)],
    mut bytes_of: impl FnMut(&TensorSpec) -> Result<Cow<'a, [u8]>, ModelError>,
) -> Result<(), ModelError> {
    let header = header(tensors, metadata);
    write_whole(path, |out| {
        let length = (header.len() as u64).to_le_bytes();
        out.write_all(&length).map_err(io_error(path))?;
        out.write_all(&header).map_err(io_error(path))?;
        for tensor in tensors {
            let bytes = bytes_of(tensor)?;
            assert_eq!(bytes.len(), tensor.bytes(), "bytes of tensor {}", tensor.name);
            out.write_all(&bytes).map_err(io_error(path))?;
        }
        Ok(())
    })
}

/// Writes f32 tensors that are in memory: name, shape and values each.
///
/// # Errors
/// From the file system.
///
/// # Panics
/// If a tensor has another number of values than its shape.
pub fn write_f32<'a>(
    path: &Utf8Path,
    tensors: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    metadata: &[(&str, &str)],
) -> Result<(), ModelError> {
    let mut specs = Vec::new();
    let mut values = Vec::new();
    for (name, shape, data) in tensors {
        specs.push(TensorSpec { name: name.to_owned(), dtype: Dtype::F32, shape: shape.to_vec() });
        values.push(data);
    }
    let mut values = values.into_iter();
    write_safetensors(path, &specs, metadata, |_| {
        let data = values.next().expect("as many values as specs");
        Ok(f32_bytes(data))
    })
}

/// The bytes of f32 values as files have them: in place where the machine's order is the same.
pub fn f32_bytes(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        return Cow::Borrowed(bytemuck::cast_slice(values));
    }
    Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// The JSON header, padded with spaces so that the data is aligned to 8 bytes.
fn header(tensors: &[TensorSpec], metadata: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = Map::new();
    if !metadata.is_empty() {
        let strings = metadata.iter().map(|&(key, value)| (key.to_owned(), json!(value)));
        fields.insert("__metadata__".to_owned(), Value::Object(strings.collect()));
    }
    let mut offset = 0;
    for tensor in tensors {
        let end = offset + tensor.bytes();
        let entry = json!({
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": [offset, end],
        });
        fields.insert(tensor.name.clone(), entry);
        offset = end;
    }
    let mut header = Value::Object(fields).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}
