//! Writing a GGUF file.

use std::io::Write;

use camino::Utf8Path;

use super::ggml_type::GgmlType;
use super::read::{DEFAULT_ALIGNMENT, MAGIC, VERSION};
use super::value::{MetaArray, MetaValue, type_id};
use crate::error::ModelError;
use crate::files::{io_error, write_whole};

/// A GGUF file to be: keys and tensors in the order they are added. Tensors' bytes are asked for
/// one by one while writing, so that a model need not be in memory twice.
#[derive(Debug, Default)]
pub struct GgufWriter {
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<(String, Vec<usize>, GgmlType)>,
}

impl GgufWriter {
    /// A file without keys and tensors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key, in its old place if it was there. `general.alignment` is dropped: we write the
    /// default.
    pub fn set(&mut self, key: &str, value: MetaValue) {
        if key == "general.alignment" {
            return;
        }
        match self.keys.iter_mut().find(|(found, _)| found == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key.to_owned(), value)),
        }
    }

    /// Adds a tensor of outermost-first `shape`.
    ///
    /// # Panics
    /// If a row of `shape` is not whole blocks of `ggml_type`: the caller chose the type.
    pub fn add_tensor(&mut self, name: &str, shape: &[usize], ggml_type: GgmlType) {
        assert!(stored_bytes(shape, ggml_type).is_some(), "{shape:?} in blocks of {ggml_type}");
        self.tensors.push((name.to_owned(), shape.to_vec(), ggml_type));
    }

    /// Writes the file. `bytes_of` gives each tensor's bytes in its type, asked in order.
    ///
    /// # Errors
    /// From the file system and from `bytes_of`.
    ///
    /// # Panics
    /// If `bytes_of` gives another number of bytes than the tensor's shape and type need.
    pub fn write(
        &self,
        path: &Utf8Path,
        mut bytes_of: impl FnMut(&str) -> Result<Vec<u8>, ModelError>,
    ) -> Result<(), ModelError> {
        let head = self.head();
        write_whole(path, |out| {
            out.write_all(&head).map_err(io_error(path))?;
            for (name, shape, ggml_type) in &self.tensors {
                let bytes = bytes_of(name)?;
                let expected = stored_bytes(shape, *ggml_type).expect("checked when added");
                assert_eq!(bytes.len(), expected, "bytes of tensor {name}");
                out.write_all(&bytes).map_err(io_error(path))?;
                pad(out, bytes.len()).map_err(io_error(path))?;
            }
            Ok(())
        })
    }

    /// Everything before the data, padded.
    fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend(MAGIC);
        head.extend(VERSION.to_le_bytes());
        head.extend((self.tensors.len() as u64).to_le_bytes());
        head.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            put_string(&mut head, key);
            head.extend(value_type(value).to_le_bytes());
            put_value(&mut head, value);
        }
        let mut offset = 0u64;
        for (name, shape, ggml_type) in &self.tensors {
            put_string(&mut head, name);
            let dimensions = u32::try_from(shape.len()).expect("a tensor has few dimensions");
            head.extend(dimensions.to_le_bytes());
            for &dimension in shape.iter().rev() {
                head.extend((dimension as u64).to_le_bytes());
            }
            head.extend(ggml_type.id().to_le_bytes());
            head.extend(offset.to_le_bytes());
            let bytes = stored_bytes(shape, *ggml_type).expect("checked when added");
            offset += bytes.next_multiple_of(DEFAULT_ALIGNMENT as usize) as u64;
        }
        head.resize(head.len().next_multiple_of(DEFAULT_ALIGNMENT as usize), 0);
        head
    }
}

/// Bytes of a tensor, if its rows are whole blocks.
pub(crate) fn stored_bytes(shape: &[usize], ggml_type: GgmlType) -> Option<usize> {
    let (columns, rows) = shape.split_last()?;
    Some(ggml_type.bytes_of(*columns)? * rows.iter().product::<usize>())
}

fn pad(out: &mut dyn Write, written: usize) -> std::io::Result<()> {
    let padded = written.next_multiple_of(DEFAULT_ALIGNMENT as usize);
    out.write_all(&[0; DEFAULT_ALIGNMENT as usize][..padded - written])
}

fn put_string(head: &mut Vec<u8>, text: &str) {
    head.extend((text.len() as u64).to_le_bytes());
    head.extend(text.as_bytes());
}

fn value_type(value: &MetaValue) -> u32 {
    match value {
        MetaValue::U8(_) => type_id::U8,
        MetaValue::I8(_) => type_id::I8,
        MetaValue::U16(_) => type_id::U16,
        MetaValue::I16(_) => type_id::I16,
        MetaValue::U32(_) => type_id::U32,
        MetaValue::I32(_) => type_id::I32,
        MetaValue::F32(_) => type_id::F32,
        MetaValue::Bool(_) => type_id::BOOL,
        MetaValue::String(_) => type_id::STRING,
        MetaValue::Array(_) => type_id::ARRAY,
        MetaValue::U64(_) => type_id::U64,
        MetaValue::I64(_) => type_id::I64,
        MetaValue::F64(_) => type_id::F64,
    }
}

fn put_value(head: &mut Vec<u8>, value: &MetaValue) {
    match value {
        MetaValue::U8(value) => head.push(*value),
        MetaValue::I8(value) => head.extend(value.to_le_bytes()),
        MetaValue::U16(value) => head.extend(value.to_le_bytes()),
        MetaValue::I16(value) => head.extend(value.to_le_bytes()),
        MetaValue::U32(value) => head.extend(value.to_le_bytes()),
        MetaValue::I32(value) => head.extend(value.to_le_bytes()),
        MetaValue::F32(value) => head.extend(value.to_le_bytes()),
        MetaValue::Bool(value) => head.push(u8::from(*value)),
        MetaValue::String(value) => put_string(head, value),
        MetaValue::Array(value) => put_array(head, value),
        MetaValue::U64(value) => head.extend(value.to_le_bytes()),
        MetaValue::I64(value) => head.extend(value.to_le_bytes()),
        MetaValue::F64(value) => head.extend(value.to_le_bytes()),
    }
}

fn put_array(head: &mut Vec<u8>, array: &MetaArray) {
    match array {
        MetaArray::U8(all) => put_each(head, type_id::U8, all, |head, value| head.push(*value)),
        MetaArray::I8(all) => put_all(head, type_id::I8, all, |value| value.to_le_bytes()),
        MetaArray::U16(all) => put_all(head, type_id::U16, all, |value| value.to_le_bytes()),
        MetaArray::I16(all) => put_all(head, type_id::I16, all, |value| value.to_le_bytes()),
        MetaArray::U32(all) => put_all(head, type_id::U32, all, |value| value.to_le_bytes()),
        MetaArray::I32(all) => put_all(head, type_id::I32, all, |value| value.to_le_bytes()),
        MetaArray::F32(all) => put_all(head, type_id::F32, all, |value| value.to_le_bytes()),
        MetaArray::Bool(all) => put_all(head, type_id::BOOL, all, |value| [u8::from(*value)]),
        MetaArray::String(all) => put_each(head, type_id::STRING, all, |head, value| {
            put_string(head, value);
        }),
        MetaArray::Array(all) => put_each(head, type_id::ARRAY, all, put_array),
        MetaArray::U64(all) => put_all(head, type_id::U64, all, |value| value.to_le_bytes()),
        MetaArray::I64(all) => put_all(head, type_id::I64, all, |value| value.to_le_bytes()),
        MetaArray::F64(all) => put_all(head, type_id::F64, all, |value| value.to_le_bytes()),
    }
}

fn put_all<T, const N: usize>(head: &mut Vec<u8>, id: u32, all: &[T], le: impl Fn(&T) -> [u8; N]) {
    put_each(head, id, all, |head, value| head.extend(le(value)));
}

fn put_each<T>(head: &mut Vec<u8>, id: u32, all: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    head.extend(id.to_le_bytes());
    head.extend((all.len() as u64).to_le_bytes());
    for value in all {
        put(head, value);
    }
}
