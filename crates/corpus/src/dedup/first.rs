//! The first occurrence of each key, among more keys than fit in memory.

use super::sorter::{Sorted, Sorter};
use super::spill::Scratch;
use crate::error::CorpusError;
use catena_protocol::Cancel;
use std::iter::Peekable;

/// Records between two looks at whether to stop.
pub(super) const LOOK_EVERY: u64 = 1 << 16;

/// Exact duplicates by their keys: takes keys in order, then tells for each where it was first.
///
/// Memory: the budget; disk: 24 bytes a key and 16 a repeat.
pub struct ExactDedup {
    scratch: Scratch,
    pool: rayon::ThreadPool,
    keys: Sorter<[u64; 3]>,
    pending: Vec<[u64; 3]>,
    count: u64,
}

/// Keys gathered before they are handed to the sorter's threads.
const PENDING: usize = 4096;

impl ExactDedup {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// [`CorpusError::Threads`].
    pub fn new(scratch: &Scratch) -> Result<Self, CorpusError> {
        Ok(Self {
            scratch: scratch.clone(),
            pool: scratch.pool()?,
            keys: Sorter::new(&scratch.folder, scratch.memory_share(3, 4)),
            pending: Vec::new(),
            count: 0,
        })
    }

    /// Takes the next key.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`].
    pub fn push(&mut self, key: u128) -> Result<(), CorpusError> {
        let [low, high] = bytemuck::cast::<u128, [u64; 2]>(key.to_le());
        self.pending.push([high, low, self.count]);
        self.count += 1;
        if self.pending.len() == PENDING { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), CorpusError> {
        let (keys, pending) = (&mut self.keys, &mut self.pending);
        self.pool.install(|| keys.extend(pending))?;
        self.pending.clear();
        Ok(())
    }

    /// For each key, in the order they came, the index of its first occurrence.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`], [`CorpusError::Interrupted`].
    pub fn finish(mut self, cancel: &Cancel) -> Result<FirstOfEach, CorpusError> {
        self.flush()?;
        let Self { scratch, pool, keys, count, .. } = self;
        let repeats = pool.install(|| {
            let mut repeats = Sorter::new(&scratch.folder, scratch.memory_share(1, 4));
            let mut first = [0; 3];
            for (at, record) in (0_u64..).zip(keys.finish()?) {
                if at % LOOK_EVERY == 0 && cancel.is_cancelled() {
                    return Err(CorpusError::Interrupted);
                }
                let record = record?;
                if at > 0 && record[..2] == first[..2] {
                    repeats.push([record[2], first[2]])?;
                } else {
                    first = record;
                }
            }
            repeats.finish()
        })?;
        Ok(FirstOfEach { repeats: repeats.peekable(), at: 0, count })
    }
}

/// For each key the index of its first occurrence; see [`ExactDedup`].
pub struct FirstOfEach {
    repeats: Peekable<Sorted<[u64; 2]>>,
    at: u64,
    count: u64,
}

impl Iterator for FirstOfEach {
    type Item = Result<u64, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.count {
            return None;
        }
        let at = self.at;
        self.at += 1;
        let is_due =
            |repeat: &Result<[u64; 2], _>| repeat.as_ref().map_or(true, |one| one[0] == at);
        match self.repeats.next_if(is_due) {
            Some(repeat) => Some(repeat.map(|[_, first]| first)),
            None => Some(Ok(at)),
        }
    }
}

/// For each of `keys`, in their order, the index of its first occurrence.
///
/// # Errors
/// [`CorpusError::SpillFull`], [`CorpusError::Io`], [`CorpusError::Threads`],
/// [`CorpusError::Interrupted`].
pub fn first_of_each(
    keys: impl IntoIterator<Item = u128>,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<FirstOfEach, CorpusError> {
    let mut dedup = ExactDedup::new(scratch)?;
    for (at, key) in (0_u64..).zip(keys) {
        if at % LOOK_EVERY == 0 && cancel.is_cancelled() {
            return Err(CorpusError::Interrupted);
        }
        dedup.push(key)?;
    }
    dedup.finish(cancel)
}
