//! Shards of a bounded size, one after the other.

use super::formats::{endings, shard_writer};
use super::shard::{ShardInfo, ShardWriter};
use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::Utf8PathBuf;

/// How shards are written.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// The name of the format.
    pub format: String,
    /// Where, without ending.
    pub path: Utf8PathBuf,
    /// The name of the tokenizer for DataTrove, of the source for Dolma.
    pub label: String,
    /// Bytes of a token.
    pub width: TokenWidth,
    /// Tokens from which a shard is full; the document that reaches it is its last. None: all goes
    /// into one shard, whose name has no number.
    pub shard_tokens: Option<u64>,
}

/// A shard that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenShard {
    /// Its files, the tokens first.
    pub files: Vec<Utf8PathBuf>,
    /// What is in it.
    pub info: ShardInfo,
}

/// Writes documents into `PATH-00000`, `PATH-00001`, …, or all into `PATH`.
pub struct ShardSet {
    options: ShardOptions,
    open: Option<Box<dyn ShardWriter>>,
    open_tokens: u64,
    written: Vec<WrittenShard>,
}

impl ShardSet {
    /// Begins the first shard.
    ///
    /// # Errors
    /// [`CorpusError::UnknownName`], [`CorpusError::Io`].
    pub fn create(options: ShardOptions) -> Result<Self, CorpusError> {
        let mut set = Self { options, open: None, open_tokens: 0, written: Vec::new() };
        set.open = Some(set.next_shard()?);
        Ok(set)
    }

    /// Adds a document.
    ///
    /// # Errors
    /// Those of [`ShardWriter::write`] and of beginning the next shard.
    pub fn write(&mut self, id: &str, tokens: &[u32]) -> Result<(), CorpusError> {
        let mut shard = match self.open.take() {
            Some(shard) => shard,
            None => self.next_shard()?,
        };
        shard.write(id, tokens)?;
        self.open_tokens += tokens.len() as u64;
        if self.options.shard_tokens.is_some_and(|most| self.open_tokens >= most) {
            return self.close(shard);
        }
        self.open = Some(shard);
        Ok(())
    }

    /// Puts the last shard in its place.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn finish(mut self) -> Result<Vec<WrittenShard>, CorpusError> {
        if let Some(shard) = self.open.take() {
            self.close(shard)?;
        }
        Ok(self.written)
    }

    /// The path of the shard that is next, without ending.
    fn path(&self) -> Utf8PathBuf {
        let path = &self.options.path;
        match self.options.shard_tokens {
            None => path.clone(),
            Some(_) => Utf8PathBuf::from(format!("{path}-{:05}", self.written.len())),
        }
    }

    fn next_shard(&self) -> Result<Box<dyn ShardWriter>, CorpusError> {
        let ShardOptions { format, label, width, .. } = &self.options;
        shard_writer(format, &self.path(), label, *width)
    }

    fn close(&mut self, shard: Box<dyn ShardWriter>) -> Result<(), CorpusError> {
        let path = self.path();
        let info = shard.finish()?;
        let file = |ending: &&str| Utf8PathBuf::from(format!("{path}.{ending}"));
        let files = endings(&self.options.format).iter().map(file).collect();
        self.written.push(WrittenShard { files, info });
        self.open_tokens = 0;
        Ok(())
    }
}
