//! The units of work of a run.

use catena_corpus::{CorpusError, LentDocument, ReadOptions, Shard, ShardReader, Step};
use std::vec::IntoIter;

/// Bytes of input from which a part is full: large enough that its files are worth opening, small
/// enough that a killed run has little to do again.
const PART_BYTES: u64 = 64 << 20;

/// Consecutive shards that are read, cleaned and written together.
///
/// Parts depend on the inputs alone, never on the machine, so a resumed run and one with other
/// threads have the same.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Its place among the parts, from 0.
    pub(crate) index: usize,
    /// What it reads, in order.
    pub(crate) shards: Vec<Shard>,
}

impl Part {
    /// Gathers `shards` into parts.
    pub(crate) fn gather(shards: Vec<Shard>) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut bytes = u64::MAX;
        for shard in shards {
            if bytes >= PART_BYTES {
                parts.push(Self { index: parts.len(), shards: Vec::new() });
                bytes = 0;
            }
            bytes += shard.bytes;
            if let Some(part) = parts.last_mut() {
                part.shards.push(shard);
            }
        }
        parts
    }

    /// Its name in files.
    pub(crate) fn name(&self) -> String {
        format!("{:05}", self.index)
    }

    /// Bytes of its input.
    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| shard.bytes).sum()
    }

    /// What reads its rows in order.
    pub(crate) fn reader(&self, options: &ReadOptions) -> PartReader {
        PartReader { shards: self.shards.clone().into_iter(), open: None, options: options.clone() }
    }
}

/// Reads the rows of a part, shard after shard.
pub(crate) struct PartReader {
    shards: IntoIter<Shard>,
    open: Option<ShardReader>,
    options: ReadOptions,
}

impl PartReader {
    /// Goes on to the next row.
    pub(crate) fn advance(&mut self) -> Option<Result<Step, CorpusError>> {
        loop {
            if self.open.is_none() {
                match self.shards.next()?.open(&self.options) {
                    Ok(reader) => self.open = Some(reader),
                    Err(error) => return Some(Err(error)),
                }
            }
            match self.open.as_mut().and_then(ShardReader::advance) {
                Some(step) => return Some(step),
                None => self.open = None,
            }
        }
    }

    /// The document that [`Self::advance`] came to.
    pub(crate) fn document(&self) -> LentDocument<'_> {
        self.open.as_ref().expect("a document was read").document()
    }
}
