//! NumPy's files: one array of one dimension.

use super::atomic::AtomicFile;
use super::shard::{ShardInfo, ShardWriter};
use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::Utf8Path;

/// Bytes of the header, a multiple of 64 so that the numbers are aligned.
const HEADER_BYTES: usize = 128;

/// Writes all tokens as one array that `numpy.load` opens or maps; where documents end is known
/// from their last token alone.
///
/// # Source
/// The NPY format, version 1.0, of NumPy's enhancement proposal 1.
#[derive(Debug)]
pub struct NumpyWriter {
    file: AtomicFile,
    width: TokenWidth,
    info: ShardInfo,
    buffer: Vec<u8>,
}

impl NumpyWriter {
    /// Begins the file at `path`, usually `NAME.npy`.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn create(path: &Utf8Path, width: TokenWidth) -> Result<Self, CorpusError> {
        let mut file = AtomicFile::create(path)?;
        file.write(&header(width, 0))?;
        Ok(Self { file, width, info: ShardInfo::default(), buffer: Vec::new() })
    }
}

impl ShardWriter for NumpyWriter {
    fn write(&mut self, _id: &str, tokens: &[u32]) -> Result<(), CorpusError> {
        self.buffer.clear();
        self.width.encode(tokens, self.width.limit(), &mut self.buffer)?;
        self.file.write(&self.buffer)?;
        self.info.tokens += tokens.len() as u64;
        self.info.documents += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<ShardInfo, CorpusError> {
        self.file.write_start(&header(self.width, self.info.tokens))?;
        self.file.finish()?;
        Ok(self.info)
    }
}

/// Magic, version, length and a Python dictionary, filled up with spaces.
fn header(width: TokenWidth, tokens: u64) -> [u8; HEADER_BYTES] {
    let bytes = width.bytes();
    let words = format!("{{'descr': '<u{bytes}', 'fortran_order': False, 'shape': ({tokens},), }}");
    let mut header = [b' '; HEADER_BYTES];
    header[..8].copy_from_slice(b"\x93NUMPY\x01\x00");
    let rest = u16::try_from(HEADER_BYTES - 10).expect("a header is small");
    header[8..10].copy_from_slice(&rest.to_le_bytes());
    header[10..10 + words.len()].copy_from_slice(words.as_bytes());
    header[HEADER_BYTES - 1] = b'\n';
    header
}
