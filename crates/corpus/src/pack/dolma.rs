//! Dolma's and OLMo's shards: `NAME.npy` without a header, `NAME.csv.gz`.

use super::atomic::AtomicFile;
use super::shard::{ShardInfo, ShardWriter};
use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::Utf8Path;
use flate2::{Compression, GzBuilder};
use std::io::Write;

/// Writes the bare tokens to `path`, which OLMo maps as one array, and for each document
/// `start,end,id,src,loc` to a compressed table beside it: places in tokens, its id, the source's
/// name and the number of the document.
///
/// # Source
/// Dolma 1.2.1, `dolma tokens`. Despite its name the `.npy` file has no NumPy header.
#[derive(Debug)]
pub struct DolmaWriter {
    file: AtomicFile,
    path: camino::Utf8PathBuf,
    source: String,
    width: TokenWidth,
    table: Vec<u8>,
    info: ShardInfo,
    buffer: Vec<u8>,
}

impl DolmaWriter {
    /// Begins a shard at `path`, usually `NAME.npy`, of documents of this source.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn create(path: &Utf8Path, source: &str, width: TokenWidth) -> Result<Self, CorpusError> {
        Ok(Self {
            file: AtomicFile::create(path)?,
            path: path.to_owned(),
            source: source.to_owned(),
            width,
            table: Vec::new(),
            info: ShardInfo::default(),
            buffer: Vec::new(),
        })
    }
}

impl ShardWriter for DolmaWriter {
    fn write(&mut self, id: &str, tokens: &[u32]) -> Result<(), CorpusError> {
        self.buffer.clear();
        self.width.encode(tokens, self.width.limit(), &mut self.buffer)?;
        self.file.write(&self.buffer)?;
        let (start, number) = (self.info.tokens, self.info.documents + 1);
        let end = start + tokens.len() as u64;
        let (id, source) = (quoted(id), quoted(&self.source));
        self.table.extend(format!("{start},{end},{id},{source},{number}\n").bytes());
        self.info = ShardInfo { documents: number, tokens: end };
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<ShardInfo, CorpusError> {
        let path = self.path.with_extension("csv.gz");
        let mut table = AtomicFile::create(&path)?;
        let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        let packed = packed.write_all(&self.table).and_then(|()| packed.finish());
        table.write(&packed.map_err(CorpusError::io("compress", &path))?)?;
        table.finish()?;
        self.file.finish()?;
        Ok(self.info)
    }
}

/// A field of a table, in quotes where it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}
