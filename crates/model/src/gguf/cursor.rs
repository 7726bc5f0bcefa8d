//! Checked reading of little-endian bytes.

use super::error::GgufError;
use super::limits::{MAX_ARRAY_DEPTH, MAX_ARRAY_LEN, MAX_STRING_BYTES};
use super::value::{MetaArray, MetaValue, type_id};

type Result<T> = std::result::Result<T, GgufError>;

/// A position in a file's bytes; it never passes the end.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    pub(super) offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    fn take(&mut self, needed: usize, what: &'static str) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.offset..];
        let Some(taken) = rest.get(..needed) else {
            return Err(GgufError::Truncated {
                what,
                offset: self.offset as u64,
                needed: needed as u64,
                available: rest.len() as u64,
            });
        };
        self.offset += needed;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let taken = self.take(N, what)?;
        Ok(taken.try_into().expect("as many bytes as asked for"))
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `min_bytes` each, so that it can be allocated for.
    pub(super) fn count(
        &mut self,
        what: &'static str,
        limit: u64,
        min_bytes: usize,
    ) -> Result<usize> {
        let offset = self.offset as u64;
        let found = self.u64(what)?;
        if found > limit {
            return Err(GgufError::Limit { what, offset, found, limit });
        }
        let needed = found.saturating_mul(min_bytes as u64);
        let available = self.remaining() as u64;
        if needed > available {
            return Err(GgufError::Truncated {
                what,
                offset: self.offset as u64,
                needed,
                available,
            });
        }
        Ok(usize::try_from(found).expect("no more than the bytes of a file in memory"))
    }

    pub(super) fn string(&mut self, what: &'static str, limit: u64) -> Result<String> {
        let len = self.count(what, limit, 1)?;
        let offset = self.offset as u64;
        let text = std::str::from_utf8(self.take(len, what)?);
        text.map(ToOwned::to_owned).map_err(|_| GgufError::Utf8 { what, offset })
    }

    fn bool(&mut self) -> Result<bool> {
        let offset = self.offset as u64;
        match self.array::<1>("a truth value")? {
            [0] => Ok(false),
            [1] => Ok(true),
            [found] => Err(GgufError::Bool { offset, found }),
        }
    }

    /// The value of `key`, of the type with number `id`.
    pub(super) fn value(&mut self, key: &str, id: u32) -> Result<MetaValue> {
        const WHAT: &str = "a metadata value";
        Ok(match id {
            type_id::U8 => MetaValue::U8(u8::from_le_bytes(self.array(WHAT)?)),
            type_id::I8 => MetaValue::I8(i8::from_le_bytes(self.array(WHAT)?)),
            type_id::U16 => MetaValue::U16(u16::from_le_bytes(self.array(WHAT)?)),
            type_id::I16 => MetaValue::I16(i16::from_le_bytes(self.array(WHAT)?)),
            type_id::U32 => MetaValue::U32(u32::from_le_bytes(self.array(WHAT)?)),
            type_id::I32 => MetaValue::I32(i32::from_le_bytes(self.array(WHAT)?)),
            type_id::F32 => MetaValue::F32(f32::from_le_bytes(self.array(WHAT)?)),
            type_id::BOOL => MetaValue::Bool(self.bool()?),
            type_id::STRING => MetaValue::String(self.string("a string value", MAX_STRING_BYTES)?),
            type_id::ARRAY => MetaValue::Array(self.meta_array(key, 1)?),
            type_id::U64 => MetaValue::U64(u64::from_le_bytes(self.array(WHAT)?)),
            type_id::I64 => MetaValue::I64(i64::from_le_bytes(self.array(WHAT)?)),
            type_id::F64 => MetaValue::F64(f64::from_le_bytes(self.array(WHAT)?)),
            found => return Err(GgufError::ValueType { key: key.to_owned(), found }),
        })
    }

    fn meta_array(&mut self, key: &str, depth: usize) -> Result<MetaArray> {
        if depth > MAX_ARRAY_DEPTH {
            return Err(GgufError::ArrayDepth { key: key.to_owned(), limit: MAX_ARRAY_DEPTH });
        }
        let id = self.u32("an array's element type")?;
        Ok(match id {
            type_id::U8 => MetaArray::U8(self.numbers(u8::from_le_bytes)?),
            type_id::I8 => MetaArray::I8(self.numbers(i8::from_le_bytes)?),
            type_id::U16 => MetaArray::U16(self.numbers(u16::from_le_bytes)?),
            type_id::I16 => MetaArray::I16(self.numbers(i16::from_le_bytes)?),
            type_id::U32 => MetaArray::U32(self.numbers(u32::from_le_bytes)?),
            type_id::I32 => MetaArray::I32(self.numbers(i32::from_le_bytes)?),
            type_id::F32 => MetaArray::F32(self.numbers(f32::from_le_bytes)?),
            type_id::BOOL => MetaArray::Bool(self.elements(1, Self::bool)?),
            type_id::STRING => {
                MetaArray::String(self.elements(8, |cursor| {
                    cursor.string("a string in an array", MAX_STRING_BYTES)
                })?)
            }
            type_id::ARRAY => {
                MetaArray::Array(self.elements(12, |cursor| cursor.meta_array(key, depth + 1))?)
            }
            type_id::U64 => MetaArray::U64(self.numbers(u64::from_le_bytes)?),
            type_id::I64 => MetaArray::I64(self.numbers(i64::from_le_bytes)?),
            type_id::F64 => MetaArray::F64(self.numbers(f64::from_le_bytes)?),
            found => return Err(GgufError::ValueType { key: key.to_owned(), found }),
        })
    }

    fn numbers<T, const N: usize>(&mut self, read: impl Fn([u8; N]) -> T) -> Result<Vec<T>> {
        self.elements(N, |cursor| cursor.array("an array").map(&read))
    }

    fn elements<T>(
        &mut self,
        min_bytes: usize,
        read: impl Fn(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let len = self.count("an array's length", MAX_ARRAY_LEN, min_bytes)?;
        let mut elements = Vec::with_capacity(len);
        for _ in 0..len {
            elements.push(read(self)?);
        }
        Ok(elements)
    }
}
