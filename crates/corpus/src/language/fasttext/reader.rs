//! Numbers from the bytes of a model file, with every count checked against what is left.

use crate::CorpusError;

/// A place in the bytes of a model file.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// The error for what was just read.
    pub(super) fn damaged(&self, what: &'static str) -> CorpusError {
        CorpusError::ModelDamaged { what, offset: self.offset }
    }

    /// The whole file's length, in bytes.
    pub(super) fn file_len(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` bytes.
    pub(super) fn take(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<&'b [u8], CorpusError> {
        let end = self.offset.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else { return Err(self.damaged(what)) };
        let taken = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CorpusError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, CorpusError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// A byte that is 0 or 1.
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, CorpusError> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.damaged(what)),
        }
    }

    pub(super) fn i32(&mut self, what: &'static str) -> Result<i32, CorpusError> {
        Ok(i32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn i64(&mut self, what: &'static str) -> Result<i64, CorpusError> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    pub(super) fn f64(&mut self, what: &'static str) -> Result<f64, CorpusError> {
        Ok(f64::from_le_bytes(self.array(what)?))
    }

    /// A count of 32 bits that is not negative.
    pub(super) fn count32(&mut self, what: &'static str) -> Result<usize, CorpusError> {
        let count = self.i32(what)?;
        usize::try_from(count).map_err(|_| self.damaged(what))
    }

    /// A count of 64 bits that is not negative.
    pub(super) fn count64(&mut self, what: &'static str) -> Result<usize, CorpusError> {
        let count = self.i64(what)?;
        usize::try_from(count).map_err(|_| self.damaged(what))
    }

    /// `count` floats, none of them infinite or not a number.
    pub(super) fn floats(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<Vec<f32>, CorpusError> {
        let Some(len) = count.checked_mul(4) else { return Err(self.damaged(what)) };
        let (chunks, _) = self.take(len, what)?.as_chunks::<4>();
        let floats: Vec<f32> = chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect();
        if floats.iter().any(|float| !float.is_finite()) {
            return Err(self.damaged(what));
        }
        Ok(floats)
    }

    /// Bytes up to a zero byte, which is passed over.
    pub(super) fn string(&mut self, what: &'static str) -> Result<&'b [u8], CorpusError> {
        let rest = &self.bytes[self.offset..];
        let Some(len) = rest.iter().position(|&byte| byte == 0) else {
            return Err(self.damaged(what));
        };
        self.offset += len + 1;
        Ok(&rest[..len])
    }
}
