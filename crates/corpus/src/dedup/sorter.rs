//! Sorting more records than fit in memory.

use super::spill::SpillFile;
use crate::error::CorpusError;
use bytemuck::Pod;
use camino::{Utf8Path, Utf8PathBuf};
use rayon::slice::ParallelSliceMut;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::ops::Range;

/// Runs that are merged at once; more are first merged into fewer.
const MAX_FAN_IN: usize = 128;

/// Sorts records in a bounded memory: full buffers are sorted and written as runs, which are
/// merged in the end. Works in the thread pool it is called from.
pub(super) struct Sorter<R> {
    buffer: Vec<R>,
    capacity: usize,
    folder: Utf8PathBuf,
    spilled: Option<Runs>,
}

/// Sorted runs, one after another in one file; each by its bytes.
struct Runs {
    file: SpillFile,
    places: Vec<Range<u64>>,
}

impl Runs {
    fn create(folder: &Utf8Path) -> Result<Self, CorpusError> {
        Ok(Self { file: SpillFile::create(folder)?, places: Vec::new() })
    }
}

impl<R: Pod + Ord + Send> Sorter<R> {
    pub(super) fn new(folder: &Utf8Path, memory_bytes: usize) -> Self {
        let capacity = (memory_bytes / size_of::<R>()).max(16);
        Self { buffer: Vec::new(), capacity, folder: folder.to_owned(), spilled: None }
    }

    #[inline]
    pub(super) fn push(&mut self, record: R) -> Result<(), CorpusError> {
        if self.buffer.len() == self.capacity {
            self.spill()?;
        }
        self.buffer.push(record);
        Ok(())
    }

    pub(super) fn extend(&mut self, records: &[R]) -> Result<(), CorpusError> {
        records.iter().try_for_each(|&record| self.push(record))
    }

    fn spill(&mut self) -> Result<(), CorpusError> {
        self.buffer.par_sort_unstable();
        let runs = match &mut self.spilled {
            Some(runs) => runs,
            none => none.insert(Runs::create(&self.folder)?),
        };
        let start = runs.file.len();
        runs.file.append(bytemuck::cast_slice(&self.buffer))?;
        runs.places.push(start..runs.file.len());
        self.buffer.clear();
        Ok(())
    }

    /// The records in order.
    pub(super) fn finish(mut self) -> Result<Sorted<R>, CorpusError> {
        if self.spilled.is_none() {
            self.buffer.par_sort_unstable();
            return Ok(Sorted::Memory(self.buffer.into_iter()));
        }
        self.spill()?;
        self.buffer = Vec::new();
        let mut runs = self.spilled.take().expect("a run was just spilled");
        while runs.places.len() > MAX_FAN_IN {
            runs = self.merge_groups(runs)?;
        }
        Ok(Sorted::Merge(Merge::new(runs, self.capacity)?))
    }

    fn merge_groups(&self, runs: Runs) -> Result<Runs, CorpusError> {
        let mut merged = Runs::create(&self.folder)?;
        let Runs { mut file, places } = runs;
        let write_capacity = (self.capacity / 2).max(1);
        let mut out: Vec<R> = Vec::with_capacity(write_capacity.min(1 << 20));
        for group in places.chunks(MAX_FAN_IN) {
            let start = merged.file.len();
            let group = Runs { file, places: group.to_vec() };
            let mut merge = Merge::new(group, write_capacity)?;
            while let Some(record) = merge.next()? {
                out.push(record);
                if out.len() == out.capacity() {
                    merged.file.append(bytemuck::cast_slice(&out))?;
                    out.clear();
                }
            }
            merged.file.append(bytemuck::cast_slice(&out))?;
            out.clear();
            merged.places.push(start..merged.file.len());
            file = merge.file;
        }
        Ok(merged)
    }
}

/// Records in order.
pub(super) enum Sorted<R: Ord> {
    Memory(std::vec::IntoIter<R>),
    Merge(Merge<R>),
}

impl<R: Pod + Ord> Iterator for Sorted<R> {
    type Item = Result<R, CorpusError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(records) => records.next().map(Ok),
            Self::Merge(merge) => merge.next().transpose(),
        }
    }
}

/// Several runs of a file as one.
pub(super) struct Merge<R: Ord> {
    file: SpillFile,
    readers: Vec<Reader<R>>,
    heads: BinaryHeap<Reverse<(R, usize)>>,
}

/// One run: what is left of it on disk, and what was read of it.
struct Reader<R> {
    left: Range<u64>,
    records: Vec<R>,
    at: usize,
    capacity: usize,
}

impl<R: Pod + Ord> Merge<R> {
    fn new(runs: Runs, capacity: usize) -> Result<Self, CorpusError> {
        let each = (capacity / runs.places.len().max(1)).max(1);
        let reader = |left: Range<u64>| Reader { left, records: Vec::new(), at: 0, capacity: each };
        let mut readers: Vec<Reader<R>> = runs.places.into_iter().map(reader).collect();
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (at, reader) in readers.iter_mut().enumerate() {
            heads.extend(reader.next(&runs.file)?.map(|record| Reverse((record, at))));
        }
        Ok(Self { file: runs.file, readers, heads })
    }

    fn next(&mut self) -> Result<Option<R>, CorpusError> {
        let Some(mut head) = self.heads.peek_mut() else { return Ok(None) };
        let Reverse((record, at)) = *head;
        match self.readers[at].next(&self.file)? {
            Some(following) => *head = Reverse((following, at)),
            None => {
                PeekMut::pop(head);
            }
        }
        Ok(Some(record))
    }
}

impl<R: Pod> Reader<R> {
    #[inline]
    fn next(&mut self, file: &SpillFile) -> Result<Option<R>, CorpusError> {
        if self.at == self.records.len() {
            let width = size_of::<R>() as u64;
            let left = (self.left.end - self.left.start) / width;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.capacity);
            self.records.resize(count, R::zeroed());
            self.at = 0;
            if count == 0 {
                return Ok(None);
            }
            file.read_at(self.left.start, bytemuck::cast_slice_mut(&mut self.records))?;
            self.left.start += count as u64 * width;
        }
        let record = self.records[self.at];
        self.at += 1;
        Ok(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folder() -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap()
    }

    fn sorted(records: &[u64], memory_bytes: usize) -> Vec<u64> {
        let mut sorter = Sorter::new(&folder(), memory_bytes);
        sorter.extend(records).unwrap();
        sorter.finish().unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn more_runs_than_are_merged_at_once() {
        // 16 records a run: 40,000 records are 2,500 runs, merged to 20 and then to one.
        let records: Vec<u64> = (0..40_000_u64).map(super::super::hash::mix).collect();
        let mut expected = records.clone();
        expected.sort_unstable();
        assert_eq!(sorted(&records, 1), expected);
    }

    #[test]
    fn a_full_disk_names_the_folder() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let file = SpillFile::over(full, "/the/folder".into());
        let mut sorter = Sorter::<u64>::new(&folder(), 1);
        sorter.spilled = Some(Runs { file, places: Vec::new() });
        let error = sorter.extend(&[1; 17]).unwrap_err();
        insta::assert_snapshot!(error, @"no space is left in /the/folder, where sorting needs it");
    }

    proptest! {
        #[test]
        fn any_memory_gives_the_same_order(
            records in proptest::collection::vec(any::<u64>(), 0..500), memory in 1..8000_usize,
        ) {
            let mut expected = records.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(&records, memory), expected);
        }
    }
}
