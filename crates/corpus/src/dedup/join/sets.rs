//! The shingle sets of all documents in one file.

use super::super::shingles::jaccard;
use super::super::spill::SpillFile;
use crate::error::CorpusError;
use camino::Utf8Path;

/// Numbers before the shingles of a set: the hash of the document's numbers, in halves.
const HEADER: usize = 2;

/// Sets of 32-bit shingle hashes, by document. 8 bytes a document in memory.
pub(super) struct Sets {
    file: SpillFile,
    /// Where each set starts, in 32-bit numbers, and where the last one ends.
    starts: Vec<u64>,
}

/// A set read from the file; keeps its buffer.
#[derive(Default)]
pub(super) struct Set(Vec<u32>);

impl Sets {
    pub(super) fn create(folder: &Utf8Path) -> Result<Self, CorpusError> {
        Ok(Self { file: SpillFile::create(folder)?, starts: vec![0] })
    }

    pub(super) fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// Adds sets that lie one after another, each behind its header, with these lengths.
    pub(super) fn append(&mut self, sets: &[u32], lengths: &[u64]) -> Result<(), CorpusError> {
        self.file.append(bytemuck::cast_slice(sets))?;
        let mut end = self.starts[self.count()];
        for length in lengths {
            end += length;
            self.starts.push(end);
        }
        Ok(())
    }

    /// Shingles of a document.
    pub(super) fn len(&self, document: u32) -> u64 {
        let at = document as usize;
        self.starts[at + 1] - self.starts[at] - HEADER as u64
    }

    pub(super) fn read(&self, document: u32, set: &mut Set) -> Result<(), CorpusError> {
        let len = usize::try_from(self.len(document)).expect("it was in memory once");
        set.0.resize(HEADER + len, 0);
        let start = self.starts[document as usize] * size_of::<u32>() as u64;
        self.file.read_at(start, bytemuck::cast_slice_mut(&mut set.0))
    }
}

impl Set {
    pub(super) fn similarity(&self, other: &Self) -> f64 {
        jaccard(&self.0[HEADER..], &other.0[HEADER..])
    }

    pub(super) fn same_numbers(&self, other: &Self) -> bool {
        self.0[..HEADER] == other.0[..HEADER]
    }
}

/// Appends a set behind its header.
pub(super) fn push_set(sets: &mut Vec<u32>, numbers: u64, shingles: &[u32]) -> u64 {
    sets.extend([super::super::hash::high32(numbers), super::super::hash::low32(numbers)]);
    sets.extend_from_slice(shingles);
    (HEADER + shingles.len()) as u64
}
