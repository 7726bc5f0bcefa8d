//! Reading a GGUF file.

use std::collections::HashMap;

use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::dequantize_blocks;

use super::cursor::Cursor;
use super::error::GgufError;
use super::ggml_type::GgmlType;
use super::limits::{
    MAX_ALIGNMENT, MAX_DIMENSIONS, MAX_KEYS, MAX_NAME_BYTES, MAX_TENSORS, MIN_ALIGNMENT,
};
use super::parts::{Place, part_paths};
use super::value::MetaValue;
use crate::error::ModelError;
use crate::files::Mapped;
use crate::safetensors::{bf16_values, f16_values, f32_values};
use crate::tensors::nearest_name;

pub(super) const MAGIC: [u8; 4] = *b"GGUF";
pub(super) const VERSION: u32 = 3;
pub(super) const DEFAULT_ALIGNMENT: u32 = 32;
/// Bytes of the smallest key entry: name length, type, one byte of value.
const MIN_KEY_BYTES: usize = 13;
/// Bytes of the smallest tensor entry: name length, dimension count, type, offset.
const MIN_TENSOR_BYTES: usize = 24;

/// Where and how one tensor stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Dimensions outermost first, as everywhere above this format: `[rows, columns]`.
    pub shape: Vec<usize>,
    /// How it is stored.
    pub ggml_type: GgmlType,
    /// The file that it is in, if there are several.
    part: usize,
    /// First byte in that file's data section.
    offset: usize,
    bytes: usize,
}

/// An open GGUF file, or all parts of one that was split: metadata in memory, tensors mapped.
#[derive(Debug)]
pub struct GgufFile {
    path: Utf8PathBuf,
    parts: Vec<Part>,
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<TensorInfo>,
    by_name: HashMap<String, usize>,
}

/// One file.
#[derive(Debug)]
struct Part {
    mapped: Mapped,
    data_start: usize,
}

impl GgufFile {
    /// Opens and checks a file, and the others of a model that was split. Everything but the tensors'
    /// values is checked here, so later reads cannot fail.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Gguf`] with the fault.
    pub fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        let gguf = |source| ModelError::Gguf { path: path.to_owned(), source };
        let (first, head) = Part::open(path)?;
        let Head { keys, mut tensors, .. } = head;
        let place = Place::of(&keys).map_err(gguf)?;
        let count = place.count;
        place.check(1, count).map_err(gguf)?;
        let paths = part_paths(path);
        if count > 1 && paths.len() as u64 != count {
            return Err(gguf(GgufError::SplitName { count }));
        }
        let mut parts = vec![first];
        // A name with numbers alone does not make a file one of several.
        let others = paths.iter().skip(1).take(if count > 1 { paths.len() } else { 0 });
        for path in others {
            let gguf = |source| ModelError::Gguf { path: path.clone(), source };
            let (part, head) = Part::open(path)?;
            let idx = parts.len();
            let place = Place::of(&head.keys).map_err(gguf)?;
            place.check(idx as u64 + 1, count).map_err(gguf)?;
            tensors
                .extend(head.tensors.into_iter().map(|tensor| TensorInfo { part: idx, ..tensor }));
            parts.push(part);
        }
        let found = tensors.len() as u64;
        if let Some(expected) = place.tensors.filter(|&expected| count > 1 && expected != found) {
            return Err(gguf(GgufError::SplitTensors { count, found, expected }));
        }
        let by_name = by_name(&tensors).map_err(gguf)?;
        Ok(Self { path: path.to_owned(), parts, keys, tensors, by_name })
    }

    /// The file's path.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All keys in file order.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &MetaValue)> {
        self.keys.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of a key.
    pub fn metadata(&self, key: &str) -> Option<&MetaValue> {
        self.keys.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// All tensors in file order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// One tensor's place and type.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.by_name.get(name).map(|&idx| &self.tensors[idx])
    }

    /// One tensor's bytes as they are stored.
    pub fn tensor_bytes(&self, name: &str) -> Option<&[u8]> {
        let tensor = self.tensor(name)?;
        let part = &self.parts[tensor.part];
        let start = part.data_start + tensor.offset;
        Some(&part.mapped.bytes()[start..start + tensor.bytes])
    }

    /// One tensor's values.
    ///
    /// # Errors
    /// If there is none of that name, or its type is not one that we compute with.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let found = self.tensor(name).zip(self.tensor_bytes(name));
        let Some((tensor, bytes)) = found else {
            let nearest = nearest_name(name, self.tensors.iter().map(|t| t.name.as_str()));
            let (name, file) = (name.to_owned(), self.path.clone());
            return Err(ModelError::MissingTensor { name, file, nearest });
        };
        if let Some(format) = tensor.ggml_type.quant_format() {
            let mut values = vec![0.0; tensor.shape.iter().product()];
            dequantize_blocks(format, bytes, &mut values);
            Ok(values)
        } else if tensor.ggml_type == GgmlType::F32 {
            Ok(f32_values(bytes))
        } else if tensor.ggml_type == GgmlType::F16 {
            Ok(f16_values(bytes))
        } else if tensor.ggml_type == GgmlType::BF16 {
            Ok(bf16_values(bytes))
        } else {
            let (name, found) = (name.to_owned(), tensor.ggml_type.to_string());
            let supported = GgmlType::SUPPORTED;
            Err(ModelError::UnsupportedType { name, found, supported })
        }
    }

    /// Takes a tensor's bytes out of the process's memory until they are used again.
    pub(crate) fn release(&self, name: &str) {
        if let Some((tensor, bytes)) = self.tensor(name).zip(self.tensor_bytes(name)) {
            self.parts[tensor.part].mapped.release(bytes);
        }
    }

    /// The chat template, if the file has one.
    pub fn chat_template(&self) -> Option<&str> {
        self.metadata("tokenizer.chat_template")?.as_str()
    }
}

impl Part {
    /// Opens one file; what stands before its data is checked.
    fn open(path: &Utf8Path) -> Result<(Self, Head), ModelError> {
        let mapped = Mapped::open(path)?;
        let head = Head::read(mapped.bytes());
        let head = head.map_err(|source| ModelError::Gguf { path: path.to_owned(), source })?;
        Ok((Self { mapped, data_start: head.data_start }, head))
    }
}

/// The place of each tensor in the list of all.
///
/// # Errors
/// If two parts have one of the same name.
fn by_name(tensors: &[TensorInfo]) -> Result<HashMap<String, usize>, GgufError> {
    let mut by_name = HashMap::with_capacity(tensors.len());
    for (idx, tensor) in tensors.iter().enumerate() {
        if by_name.insert(tensor.name.clone(), idx).is_some() {
            return Err(GgufError::DuplicateTensor { name: tensor.name.clone() });
        }
    }
    Ok(by_name)
}

/// Everything before the data, checked.
pub(super) struct Head {
    keys: Vec<(String, MetaValue)>,
    tensors: Vec<TensorInfo>,
    data_start: usize,
}

impl Head {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, GgufError> {
        let found = &bytes[..bytes.len().min(MAGIC.len())];
        if found != MAGIC {
            return Err(GgufError::Magic { found: found.to_vec() });
        }
        let mut cursor = Cursor::new(bytes);
        cursor.array::<4>("the magic")?;
        let found = cursor.u32("the format version")?;
        if !(2..=VERSION).contains(&found) {
            return Err(GgufError::Version { found });
        }
        let num_tensors = cursor.count("the number of tensors", MAX_TENSORS, MIN_TENSOR_BYTES)?;
        let num_keys = cursor.count("the number of keys", MAX_KEYS, MIN_KEY_BYTES)?;
        let keys = read_keys(&mut cursor, num_keys)?;
        let alignment = alignment_of(&keys)?;
        let mut tensors = Vec::with_capacity(num_tensors);
        for _ in 0..num_tensors {
            tensors.push(read_tensor(&mut cursor)?);
        }
        // A file without tensors may end before the padding.
        let data_start = cursor.offset.next_multiple_of(alignment).min(bytes.len());
        check_layout(&tensors, alignment, bytes.len() - data_start)?;
        Ok(Self { keys, tensors, data_start })
    }
}

fn read_keys(
    cursor: &mut Cursor<'_>,
    num_keys: usize,
) -> Result<Vec<(String, MetaValue)>, GgufError> {
    let mut keys: Vec<(String, MetaValue)> = Vec::with_capacity(num_keys);
    let mut seen = std::collections::HashSet::with_capacity(num_keys);
    for _ in 0..num_keys {
        let key = cursor.string("a key", MAX_NAME_BYTES)?;
        let id = cursor.u32("a value type")?;
        let value = cursor.value(&key, id)?;
        if !seen.insert(key.clone()) {
            return Err(GgufError::DuplicateKey { key });
        }
        keys.push((key, value));
    }
    Ok(keys)
}

fn alignment_of(keys: &[(String, MetaValue)]) -> Result<usize, GgufError> {
    let key = "general.alignment";
    let Some((_, value)) = keys.iter().find(|(found, _)| found == key) else {
        return Ok(DEFAULT_ALIGNMENT as usize);
    };
    let MetaValue::U32(found) = *value else {
        let found = value.type_name().to_owned();
        return Err(GgufError::KeyType { key: key.to_owned(), found, expected: "u32" });
    };
    let (min, max) = (MIN_ALIGNMENT, MAX_ALIGNMENT);
    if !found.is_power_of_two() || !(min..=max).contains(&found) {
        return Err(GgufError::Alignment { found, min, max });
    }
    Ok(found as usize)
}

fn read_tensor(cursor: &mut Cursor<'_>) -> Result<TensorInfo, GgufError> {
    let name = cursor.string("a tensor's name", MAX_NAME_BYTES)?;
    let what = "a tensor's number of dimensions";
    let at = cursor.offset as u64;
    let num_dimensions = cursor.u32(what)?;
    if num_dimensions > MAX_DIMENSIONS {
        let (found, limit) = (num_dimensions.into(), MAX_DIMENSIONS.into());
        return Err(GgufError::Limit { what, offset: at, found, limit });
    }
    let mut dimensions = Vec::new();
    for _ in 0..num_dimensions {
        dimensions.push(cursor.u64("a tensor's dimension")?);
    }
    let id = cursor.u32("a tensor's type")?;
    let offset = cursor.u64("a tensor's offset")?;
    let Some(ggml_type) = GgmlType::from_id(id) else {
        return Err(GgufError::TensorType { name, found: id });
    };
    let Some((shape, bytes)) = shape_and_bytes(&dimensions, ggml_type) else {
        return Err(GgufError::Dimensions { name, format: ggml_type.name(), dimensions });
    };
    let Ok(start) = usize::try_from(offset) else {
        let bytes = bytes as u64;
        return Err(GgufError::OutOfFile { name, offset, bytes, available: 0 });
    };
    Ok(TensorInfo { name, shape, ggml_type, part: 0, offset: start, bytes })
}

/// Outermost-first shape and stored size; nothing if a dimension is zero or the size overflows.
fn shape_and_bytes(dimensions: &[u64], ggml_type: GgmlType) -> Option<(Vec<usize>, usize)> {
    let mut shape = Vec::with_capacity(dimensions.len());
    for &dimension in dimensions.iter().rev() {
        shape.push(usize::try_from(dimension).ok().filter(|&dimension| dimension > 0)?);
    }
    let row = ggml_type.bytes_of(shape.last().copied().unwrap_or(1))?;
    let rows = shape.iter().rev().skip(1).try_fold(1usize, |rows, &dim| rows.checked_mul(dim))?;
    // The values must be countable too, for the buffer that they are dequantized into.
    shape.iter().try_fold(4usize, |bytes, &dim| bytes.checked_mul(dim))?;
    Some((shape, rows.checked_mul(row)?))
}

/// Every tensor lies within the data, aligned, and apart from the others.
fn check_layout(
    tensors: &[TensorInfo],
    alignment: usize,
    available: usize,
) -> Result<(), GgufError> {
    let mut order: Vec<&TensorInfo> = tensors.iter().collect();
    order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    let mut names = std::collections::HashSet::with_capacity(tensors.len());
    let mut previous: Option<&TensorInfo> = None;
    for tensor in order {
        let (name, offset) = (tensor.name.clone(), tensor.offset as u64);
        if !names.insert(tensor.name.as_str()) {
            return Err(GgufError::DuplicateTensor { name });
        }
        if !tensor.offset.is_multiple_of(alignment) {
            return Err(GgufError::Misaligned { name, offset, alignment: alignment as u64 });
        }
        let end = tensor.offset.checked_add(tensor.bytes);
        if end.is_none_or(|end| end > available) {
            let (bytes, available) = (tensor.bytes as u64, available as u64);
            return Err(GgufError::OutOfFile { name, offset, bytes, available });
        }
        if let Some(first) = previous
            && first.offset + first.bytes > tensor.offset
        {
            return Err(GgufError::Overlap { first: first.name.clone(), second: name });
        }
        previous = Some(tensor);
    }
    Ok(())
}
