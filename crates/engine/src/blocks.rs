//! Who owns which block of the KV cache.

use catena_kernels::BLOCK_TOKENS;

/// The blocks of one sequence, in order of position: token `p` lives in block `p / 16`.
#[derive(Debug, Default)]
pub(crate) struct BlockTable([Vec<u32>; 1]);

impl BlockTable {
    /// The block ids, as the table of the only group of layers.
    pub(crate) fn ids(&self) -> &[Vec<u32>] {
        &self.0
    }

    /// A table that no manager filled.
    #[cfg(test)]
    pub(crate) fn forged(ids: Vec<u32>) -> Self {
        Self([ids])
    }
}

/// Hands out the KV cache's blocks and takes them back.
///
/// **Invariant:** a block is free or in exactly one table. Freed blocks are reused last in, first
/// out, so the ones still in the processor's caches come first.
#[derive(Debug)]
pub struct BlockManager {
    free: Vec<u32>,
    is_free: Vec<bool>,
}

impl BlockManager {
    /// An account of `num_blocks` free blocks.
    ///
    /// # Panics
    /// If there are more blocks than a `u32` counts.
    pub fn new(num_blocks: usize) -> Self {
        let last = u32::try_from(num_blocks).expect("block ids are u32");
        Self { free: (0..last).rev().collect(), is_free: vec![true; num_blocks] }
    }

    /// All blocks.
    pub fn num_blocks(&self) -> usize {
        self.is_free.len()
    }

    /// Blocks nobody owns.
    pub fn num_free(&self) -> usize {
        self.free.len()
    }

    /// Blocks in use.
    pub fn num_used(&self) -> usize {
        self.num_blocks() - self.num_free()
    }

    /// Grows `table` until it holds `num_tokens`, or changes nothing and says `false`.
    pub(crate) fn grow(&mut self, table: &mut BlockTable, num_tokens: usize) -> bool {
        let missing = num_tokens.div_ceil(BLOCK_TOKENS).saturating_sub(table.0[0].len());
        if missing > self.free.len() {
            return false;
        }
        for _ in 0..missing {
            let block_id = self.free.pop().expect("counted above");
            assert!(self.is_free[block_id as usize], "block {block_id} is handed out twice");
            self.is_free[block_id as usize] = false;
            table.0[0].push(block_id);
        }
        true
    }

    /// Takes back all blocks of `table`.
    pub(crate) fn release(&mut self, table: &mut BlockTable) {
        for block_id in table.0[0].drain(..).rev() {
            assert!(!self.is_free[block_id as usize], "block {block_id} is freed twice");
            self.is_free[block_id as usize] = true;
            self.free.push(block_id);
        }
    }
}
