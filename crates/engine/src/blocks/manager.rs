//! The blocks of one group of layers.

use super::keys::BlockKey;
use catena_kernels::BLOCK_TOKENS;
use hashlink::LinkedHashMap;
use std::collections::HashMap;

/// Hands out blocks, shares those whose content is asked for again, and takes them back.
///
/// Free blocks go out last in, first out, so the ones still in the processor's caches come first;
/// then idle ones, the longest unused first.
#[derive(Debug)]
pub(crate) struct BlockManager {
    blocks: Vec<Block>,
    free: Vec<u32>,
    /// Blocks without an owner whose content is known, longest unused first.
    idle: LinkedHashMap<u32, ()>,
    by_key: HashMap<BlockKey, u32>,
    tails: HashMap<BlockKey, Tail>,
}

#[derive(Clone, Debug, Default)]
struct Block {
    owners: u32,
    content: Option<Content>,
}

/// What a block is found by.
#[derive(Clone, Copy, Debug)]
enum Content {
    Full(BlockKey),
    /// The first tokens behind this block.
    Tail(BlockKey),
}

/// A block that a finished sequence filled in part.
#[derive(Debug)]
struct Tail {
    block_id: u32,
    tokens: Vec<u32>,
}

impl BlockManager {
    /// An account of `num_blocks` free blocks.
    ///
    /// # Panics
    /// If there are more blocks than a `u32` counts.
    pub(crate) fn new(num_blocks: usize) -> Self {
        let last = u32::try_from(num_blocks).expect("block ids are u32");
        Self {
            blocks: vec![Block::default(); num_blocks],
            free: (0..last).rev().collect(),
            idle: LinkedHashMap::new(),
            by_key: HashMap::new(),
            tails: HashMap::new(),
        }
    }

    /// All blocks.
    pub(crate) fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Blocks nobody owns.
    pub(crate) fn num_available(&self) -> usize {
        self.free.len() + self.idle.len()
    }

    /// Blocks in use.
    pub(crate) fn num_used(&self) -> usize {
        self.num_blocks() - self.num_available()
    }

    /// A block with undefined content for one owner; the content of the longest unused idle block
    /// is forgotten if no other is free.
    pub(crate) fn take(&mut self) -> Option<u32> {
        let block_id = if let Some(block_id) = self.free.pop() {
            block_id
        } else {
            let (block_id, ()) = self.idle.pop_front()?;
            self.forget(block_id);
            block_id
        };
        let block = &mut self.blocks[block_id as usize];
        assert!(block.owners == 0, "block {block_id} is handed out twice");
        block.owners = 1;
        Some(block_id)
    }

    /// The block with this content, if there is one, without taking it.
    pub(crate) fn find(&self, key: BlockKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// Whether nobody owns the block now, so that sharing it takes it from the available ones.
    pub(crate) fn is_idle(&self, block_id: u32) -> bool {
        self.blocks[block_id as usize].owners == 0
    }

    /// One owner more for a block that [`BlockManager::find`] gave.
    pub(crate) fn share(&mut self, block_id: u32) {
        if self.is_idle(block_id) {
            self.idle.remove(&block_id).expect("a known block without an owner is idle");
        }
        self.blocks[block_id as usize].owners += 1;
    }

    /// Says what a block that its caller owns alone holds. A block that is there already with the
    /// same content stays the one that is found.
    pub(crate) fn register(&mut self, block_id: u32, key: BlockKey) {
        let block = &mut self.blocks[block_id as usize];
        if block.content.is_none() && !self.by_key.contains_key(&key) {
            block.content = Some(Content::Full(key));
            self.by_key.insert(key, block_id);
        }
    }

    /// Says that the block holds `tokens` behind `parent`; the last to say so is found.
    pub(crate) fn register_tail(&mut self, block_id: u32, parent: BlockKey, tokens: &[u32]) {
        debug_assert!((1..BLOCK_TOKENS).contains(&tokens.len()), "a tail is a part of a block");
        let block = &mut self.blocks[block_id as usize];
        if block.owners != 1 || block.content.is_some() {
            return;
        }
        block.content = Some(Content::Tail(parent));
        let tail = Tail { block_id, tokens: tokens.to_vec() };
        if let Some(older) = self.tails.insert(parent, tail) {
            self.lose_content(older.block_id);
        }
    }

    /// How many of `wanted` the part-filled block behind `parent` holds, if nobody owns it.
    pub(crate) fn find_tail(&self, parent: BlockKey, wanted: &[u32]) -> usize {
        let Some(tail) = self.tails.get(&parent).filter(|tail| self.is_idle(tail.block_id)) else {
            return 0;
        };
        tail.tokens.iter().zip(wanted).take_while(|(a, b)| a == b).count()
    }

    /// Takes over the block that [`BlockManager::find_tail`] saw, to write on in it.
    pub(crate) fn take_tail(&mut self, parent: BlockKey) -> u32 {
        let block_id = self.tails[&parent].block_id;
        self.share(block_id);
        self.forget(block_id);
        block_id
    }

    /// Takes a block back from one owner.
    pub(crate) fn release(&mut self, block_id: u32) {
        let block = &mut self.blocks[block_id as usize];
        assert!(block.owners > 0, "block {block_id} is freed twice");
        block.owners -= 1;
        if block.owners > 0 {
            return;
        }
        if block.content.is_some() {
            self.idle.insert(block_id, ());
        } else {
            self.free.push(block_id);
        }
    }

    /// Forgets all contents: nothing that was computed before is found again.
    pub(crate) fn forget_all(&mut self) {
        self.by_key.clear();
        self.tails.clear();
        for block in &mut self.blocks {
            block.content = None;
        }
        self.free.extend(self.idle.drain().map(|(block_id, ())| block_id));
    }

    /// Takes the content's name away from a block.
    fn forget(&mut self, block_id: u32) {
        match self.blocks[block_id as usize].content.take() {
            Some(Content::Full(key)) => {
                self.by_key.remove(&key);
            }
            Some(Content::Tail(parent)) => {
                self.tails.remove(&parent);
            }
            None => {}
        }
    }

    /// A block whose name another one took.
    fn lose_content(&mut self, block_id: u32) {
        self.blocks[block_id as usize].content = None;
        if self.idle.remove(&block_id).is_some() {
            self.free.push(block_id);
        }
    }
}
