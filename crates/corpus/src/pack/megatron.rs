//! Megatron-LM's and NeMo's shards: `NAME.bin` and `NAME.idx`.

use super::atomic::{AtomicFile, with_suffix, write_whole};
use super::reader::TokenShard;
use super::shard::{ShardInfo, ShardWriter};
use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;
/// Bytes before the lengths: magic, version, type, number of sequences, number of document ends.
const HEADER_BYTES: usize = 9 + 8 + 1 + 8 + 8;
/// Codes of the types that tokens have: 4-byte integers with a sign, 2-byte ones without.
const INT32: u8 = 4;
const UINT16: u8 = 8;

/// Writes the tokens to `PREFIX.bin` and what is where to `PREFIX.idx`; each document is one
/// sequence.
///
/// # Source
/// `megatron/core/datasets/indexed_dataset.py` of megatron-core 0.16.1: magic, version and a code
/// of the type; the numbers of sequences and of document ends; i32 lengths in tokens; i64 places
/// in bytes; i64 document ends in sequences, beginning with 0.
#[derive(Debug)]
pub struct MegatronWriter {
    tokens: AtomicFile,
    prefix: Utf8PathBuf,
    width: TokenWidth,
    lengths: Vec<u32>,
    info: ShardInfo,
    buffer: Vec<u8>,
}

impl MegatronWriter {
    /// Begins a shard at `PREFIX.bin`.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn create(prefix: &Utf8Path, width: TokenWidth) -> Result<Self, CorpusError> {
        Ok(Self {
            tokens: AtomicFile::create(&with_suffix(prefix, ".bin"))?,
            prefix: prefix.to_owned(),
            width,
            lengths: Vec::new(),
            info: ShardInfo::default(),
            buffer: Vec::new(),
        })
    }

    fn index(&self) -> Vec<u8> {
        let count = self.lengths.len() as u64;
        let mut index = Vec::with_capacity(HEADER_BYTES + self.lengths.len() * 20 + 8);
        index.extend(MAGIC);
        index.extend(VERSION.to_le_bytes());
        index.push(match self.width {
            TokenWidth::U16 => UINT16,
            TokenWidth::U32 => INT32,
        });
        index.extend(count.to_le_bytes());
        index.extend((count + 1).to_le_bytes());
        index.extend(self.lengths.iter().flat_map(|length| length.to_le_bytes()));
        let mut place = 0u64;
        for &length in &self.lengths {
            index.extend(place.to_le_bytes());
            place += u64::from(length) * self.width.bytes() as u64;
        }
        index.extend((0..=count).flat_map(u64::to_le_bytes));
        index
    }
}

impl ShardWriter for MegatronWriter {
    fn write(&mut self, _id: &str, tokens: &[u32]) -> Result<(), CorpusError> {
        let length = i32::try_from(tokens.len()).map_err(|_| CorpusError::TooMany {
            what: "tokens of a document",
            found: tokens.len() as u64,
            limit: i32::MAX as u64,
        })?;
        self.buffer.clear();
        let limit = self.width.limit().min(i32::MAX as u32);
        self.width.encode(tokens, limit, &mut self.buffer)?;
        self.tokens.write(&self.buffer)?;
        self.lengths.push(length.unsigned_abs());
        self.info.tokens += tokens.len() as u64;
        self.info.documents += 1;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<ShardInfo, CorpusError> {
        write_whole(&with_suffix(&self.prefix, ".idx"), &self.index())?;
        self.tokens.finish()?;
        Ok(self.info)
    }
}

/// Opens the shard `PREFIX.bin` by its `PREFIX.idx`. A document of several sequences must have
/// them one after another in the file, as every writer known puts them.
///
/// # Errors
/// [`CorpusError::Io`], and [`CorpusError::Shard`] where the files contradict each other or have a
/// type that tokens do not.
pub fn open_megatron(prefix: &Utf8Path) -> Result<TokenShard, CorpusError> {
    let path = with_suffix(prefix, ".idx");
    let bytes = fs::read(&path).map_err(CorpusError::io("read", &path))?;
    let bin = with_suffix(prefix, ".bin");
    let size = fs::metadata(&bin).map_err(CorpusError::io("read", &bin))?.len();
    let refuse = |what, found, expected| {
        Err(CorpusError::Shard { path: path.clone(), what, found, expected })
    };
    if bytes.len() < HEADER_BYTES {
        return refuse("its size in bytes", bytes.len() as u64, HEADER_BYTES as u64);
    }
    if bytes[..9] != *MAGIC {
        return refuse("the first byte of its magic", u64::from(bytes[0]), u64::from(MAGIC[0]));
    }
    let number = |at: usize| {
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes"))
    };
    if number(9) != VERSION {
        return refuse("its version", number(9), VERSION);
    }
    let width = match bytes[17] {
        UINT16 => TokenWidth::U16,
        INT32 => TokenWidth::U32,
        code => return refuse("its type of tokens", u64::from(code), u64::from(INT32)),
    };
    let (sequences, ends) = (number(18), number(26));
    let sequence_bytes = u128::from(sequences) * 12;
    let expected = HEADER_BYTES as u128 + sequence_bytes + u128::from(ends) * 8;
    // Modes of multimodal sets may follow, one byte for each sequence.
    if (bytes.len() as u128) < expected {
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        return refuse("its size in bytes", bytes.len() as u64, expected);
    }
    let [sequences, ends] =
        [sequences, ends].map(|count| usize::try_from(count).expect("the file holds as many"));
    let places = HEADER_BYTES + sequences * 4;
    let end_places = places + sequences * 8;
    let mut documents = Vec::with_capacity(ends.saturating_sub(1));
    let mut first = 0;
    for told in (1..ends).map(|at| number(end_places + at * 8)) {
        let end = usize::try_from(told).unwrap_or(usize::MAX);
        if end < first || end > sequences {
            return refuse("a document's end", told, sequences as u64);
        }
        let (mut start, mut tokens) = (None, 0);
        for sequence in first..end {
            let place = number(places + sequence * 8);
            let length = &bytes[HEADER_BYTES + sequence * 4..][..4];
            let length = u32::from_le_bytes(length.try_into().expect("a slice of four bytes"));
            let due = start.get_or_insert(place).saturating_add(tokens * width.bytes() as u64);
            if place != due {
                return refuse("the place of a sequence", place, due);
            }
            tokens += u64::from(length);
        }
        let start = start.unwrap_or(0);
        let over = u128::from(start) + u128::from(tokens) * width.bytes() as u128;
        if over > u128::from(size) {
            let over = u64::try_from(over).unwrap_or(u64::MAX);
            return refuse("the end of a document in bytes", over, size);
        }
        documents.push((start, tokens));
        first = end;
    }
    TokenShard::open(&bin, width, documents)
}
