//! The units of work of a run.

use catena_corpus::{CorpusError, ReadOptions, Row, Shard};

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

    /// Its rows in order.
    pub(crate) fn rows(
        &self,
        options: &ReadOptions,
    ) -> impl Iterator<Item = Result<Row, CorpusError>> + Send + use<> {
        let options = options.clone();
        self.shards.clone().into_iter().flat_map(move |shard| {
            let (reader, failed) = match shard.open(&options) {
                Ok(reader) => (Some(reader), None),
                Err(error) => (None, Some(Err(error))),
            };
            failed.into_iter().chain(reader.into_iter().flatten())
        })
    }
}
