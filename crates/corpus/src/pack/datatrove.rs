//! DataTrove's and nanotron's shards: `NAME.ds`, `NAME.ds.index`, `NAME.ds.metadata`.

use super::atomic::{AtomicFile, with_suffix, write_whole};
use super::reader::TokenShard;
use super::shard::{ShardInfo, ShardWriter};
use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::Utf8Path;
use std::fs;

/// Writes the tokens to `path`, the ends of the documents beside it.
///
/// # Source
/// DataTrove 0.10.1, `pipeline/tokens/tokenizer.py`: tokens of 2 or 4 bytes one after another; in
/// the index one u64 for each document, the number of tokens up to its end; as metadata three
/// lines, `NAME|BYTES`, the number of tokens, and the same rounded for people.
#[derive(Debug)]
pub struct DataTroveWriter {
    tokens: AtomicFile,
    path: camino::Utf8PathBuf,
    tokenizer: String,
    width: TokenWidth,
    ends: Vec<u8>,
    info: ShardInfo,
    buffer: Vec<u8>,
}

impl DataTroveWriter {
    /// Begins a shard at `path`, usually `NAME.ds`; `tokenizer` is named in the metadata.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn create(
        path: &Utf8Path,
        tokenizer: &str,
        width: TokenWidth,
    ) -> Result<Self, CorpusError> {
        Ok(Self {
            tokens: AtomicFile::create(path)?,
            path: path.to_owned(),
            tokenizer: tokenizer.to_owned(),
            width,
            ends: Vec::new(),
            info: ShardInfo::default(),
            buffer: Vec::new(),
        })
    }
}

impl ShardWriter for DataTroveWriter {
    fn write(&mut self, _id: &str, tokens: &[u32]) -> Result<(), CorpusError> {
        self.buffer.clear();
        self.width.encode(tokens, self.width.limit(), &mut self.buffer)?;
        self.tokens.write(&self.buffer)?;
        self.info.tokens += tokens.len() as u64;
        self.info.documents += 1;
        self.ends.extend(self.info.tokens.to_le_bytes());
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<ShardInfo, CorpusError> {
        let count = self.info.tokens;
        let (name, bytes) = (&self.tokenizer, self.width.bytes());
        let metadata = format!("{name}|{bytes}\n{count}\n{}", rounded(count));
        write_whole(&with_suffix(&self.path, ".index"), &self.ends)?;
        write_whole(&with_suffix(&self.path, ".metadata"), metadata.as_bytes())?;
        self.tokens.finish()?;
        Ok(self.info)
    }
}

/// Three digits and a prefix, as `1.23 MT`.
pub(super) fn rounded(count: u64) -> String {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let mut power = if count == 0 { 0 } else { count.ilog10() };
    // 999,999 is rounded to a million, not to a thousand thousand.
    let step = 10u64.pow(power.saturating_sub(2));
    let three = count / step + u64::from(count % step * 2 >= step && step > 1);
    power += u32::from(three == 1000);
    let value = count as f64 / 10f64.powi((power / 3 * 3).cast_signed());
    let (places, prefix) = (2 - power as usize % 3, PREFIXES[power as usize / 3]);
    format!("{value:.places$} {prefix}T")
}

/// Opens a shard that DataTrove or [`DataTroveWriter`] wrote. The width of a token follows from
/// the sizes of the files.
///
/// # Errors
/// [`CorpusError::Io`], and [`CorpusError::Shard`] where the files contradict each other.
pub fn open_datatrove(path: &Utf8Path) -> Result<TokenShard, CorpusError> {
    let index_path = with_suffix(path, ".index");
    let index = fs::read(&index_path).map_err(CorpusError::io("read", &index_path))?;
    let shard_error = |what, found, expected| CorpusError::Shard {
        path: index_path.clone(),
        what,
        found,
        expected,
    };
    if index.len() % 8 != 0 {
        let whole = index.len() - index.len() % 8;
        return Err(shard_error("its size in bytes", index.len() as u64, whole as u64));
    }
    let end = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("chunks of eight bytes"));
    let ends: Vec<u64> = index.chunks_exact(8).map(end).collect();
    let falls = ends.windows(2).find(|pair| pair[0] > pair[1]);
    if let Some(pair) = falls {
        return Err(shard_error("an end", pair[1], pair[0]));
    }
    let size = fs::metadata(path).map_err(CorpusError::io("read", path))?.len();
    let tokens = ends.last().copied().unwrap_or(0);
    let width = match size.checked_div(tokens) {
        Some(4) => TokenWidth::U32,
        _ => TokenWidth::U16,
    };
    let expected = tokens.saturating_mul(width.bytes() as u64);
    if size != expected {
        let (path, what) = (path.to_owned(), "its size in bytes");
        return Err(CorpusError::Shard { path, what, found: size, expected });
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let documents =
        starts.zip(&ends).map(|(start, &end)| (start * width.bytes() as u64, end - start));
    let documents = documents.collect();
    TokenShard::open(path, width, documents)
}
