//! The blocks of one sequence.

use super::keys::BlockKey;

/// A sequence's blocks in every group of layers, in order of position: token `p` lies in block
/// `p / 16`.
#[derive(Debug, Default)]
pub(crate) struct BlockTables {
    /// One table for each group; empty until the sequence is admitted.
    pub(super) ids: Vec<Vec<u32>>,
    /// For each group the first entry that is still owned: those before it lie behind the window.
    pub(super) first_owned: Vec<usize>,
    /// Keys of the sequence's full blocks, as far as they were needed.
    pub(super) keys: Vec<BlockKey>,
    /// Blocks of the sequence whose content was registered.
    pub(super) num_registered: usize,
    /// Blocks set aside for the sequence in groups with a window, while it runs.
    pub(super) reserved: Vec<usize>,
}

impl BlockTables {
    /// The block ids by group, as a runner takes them.
    pub(crate) fn ids(&self) -> &[Vec<u32>] {
        &self.ids
    }

    /// Blocks that the sequence owns, in all groups.
    #[cfg(test)]
    pub(crate) fn owned(&self) -> Vec<Vec<u32>> {
        let owned = |(ids, &first): (&Vec<u32>, &usize)| ids[first..].to_vec();
        self.ids.iter().zip(&self.first_owned).map(owned).collect()
    }
}

/// The part of a sequence whose keys and values are in the cache already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// Whole blocks, shared with others.
    pub(super) num_blocks: usize,
    /// Tokens of a further block, which the sequence takes over.
    pub(super) tail_tokens: usize,
}
