//! All groups of a model together.

use super::keys::{BlockKey, KeyMaker};
use super::manager::BlockManager;
use super::tables::{BlockTables, Prefix};
use crate::capacity::window_blocks;
use crate::request::CacheScope;
use crate::runner::BlockGroup;
use catena_kernels::BLOCK_TOKENS;

/// The blocks of every group of layers.
///
/// In groups that see all positions a sequence takes blocks as it grows, and may find none left.
/// In groups with a window a sequence never holds more than its window and one step take; that
/// many are set aside when it is admitted, so that it always finds them.
pub(crate) struct KvBlocks {
    groups: Vec<Group>,
    keys: KeyMaker,
    /// Whether contents are remembered.
    prefix_cache: bool,
}

struct Group {
    manager: BlockManager,
    window: Option<Window>,
}

struct Window {
    positions: usize,
    /// Most blocks of one sequence.
    most_blocks: usize,
    /// Set aside for the sequences that run.
    reserved: usize,
}

impl KvBlocks {
    /// The account of a model's groups for steps of at most `max_batch_tokens`.
    pub(crate) fn new(groups: &[BlockGroup], max_batch_tokens: usize, prefix_cache: bool) -> Self {
        let group = |group: &BlockGroup| Group {
            manager: BlockManager::new(group.num_blocks),
            window: group.sliding_window.map(|positions| Window {
                positions,
                most_blocks: window_blocks(positions, max_batch_tokens),
                reserved: 0,
            }),
        };
        Self { groups: groups.iter().map(group).collect(), keys: KeyMaker::new(), prefix_cache }
    }

    /// Tokens of the longest sequence that fits when it is alone.
    pub(crate) fn context_tokens(&self) -> usize {
        let tokens = |group: &Group| match &group.window {
            Some(window) if window.most_blocks <= group.manager.num_blocks() => usize::MAX,
            Some(_) | None => group.manager.num_blocks() * BLOCK_TOKENS,
        };
        self.groups.iter().map(tokens).min().unwrap_or(0)
    }

    /// Blocks of all groups.
    pub(crate) fn num_blocks(&self) -> usize {
        self.groups.iter().map(|group| group.manager.num_blocks()).sum()
    }

    /// Blocks in use in all groups.
    pub(crate) fn num_used(&self) -> usize {
        self.groups.iter().map(|group| group.manager.num_used()).sum()
    }

    /// How much of `tokens` is in the cache for this scope, leaving out at least what stands behind
    /// the first `reusable` tokens.
    pub(crate) fn find_prefix(
        &self,
        tables: &mut BlockTables,
        scope: &CacheScope,
        tokens: &[u32],
        reusable: usize,
    ) -> Prefix {
        if !self.prefix_cache {
            return Prefix::default();
        }
        let full_blocks = reusable / BLOCK_TOKENS;
        self.extend_keys(tables, scope, tokens, full_blocks);
        let held = |group: &Group, block: usize| group.manager.find(tables.keys[block]).is_some();
        let without_window = |group: &&Group| group.window.is_none();
        let longest = (0..full_blocks)
            .take_while(|&block| self.groups.iter().filter(without_window).all(|g| held(g, block)))
            .count();
        // Groups with a window need the blocks that the next token still sees.
        let num_blocks = (0..=longest).rev().find(|&num_blocks| {
            self.groups.iter().all(|group| {
                let first = group.first_visible(num_blocks * BLOCK_TOKENS);
                (first..num_blocks).all(|block| held(group, block))
            })
        });
        let num_blocks = num_blocks.expect("nothing is always held");
        let start = num_blocks * BLOCK_TOKENS;
        let wanted = &tokens[start..reusable.min(start + BLOCK_TOKENS - 1)];
        let parent = self.parent(tables, scope, num_blocks);
        let tail = |group: &Group| group.manager.find_tail(parent, wanted);
        let tail_tokens = self.groups.iter().map(tail).min().unwrap_or(0);
        Prefix { num_blocks, tail_tokens }
    }

    /// Whether [`KvBlocks::admit`] would find blocks.
    pub(crate) fn can_admit(
        &self,
        tables: &BlockTables,
        prefix: Prefix,
        (num_tokens, most_tokens): (usize, usize),
        spare: usize,
    ) -> bool {
        let fits = |group: &Group| group.can_admit(tables, prefix, num_tokens, most_tokens, spare);
        self.groups.iter().all(fits)
    }

    /// Takes the blocks of a sequence of `num_tokens`, of which `prefix` is in the cache already, if
    /// they are there and `spare` of every hundred blocks stay free.
    ///
    /// `most_tokens` are all that the sequence may ever have.
    pub(crate) fn admit(
        &mut self,
        tables: &mut BlockTables,
        scope: &CacheScope,
        prefix: Prefix,
        (num_tokens, most_tokens): (usize, usize),
        spare: usize,
    ) -> bool {
        if !self.can_admit(tables, prefix, (num_tokens, most_tokens), spare) {
            return false;
        }
        let parent = self.parent(tables, scope, prefix.num_blocks);
        tables.ids.clear();
        tables.first_owned.clear();
        tables.reserved.clear();
        tables.num_registered = prefix.num_blocks;
        for group in &mut self.groups {
            let (ids, first_owned) = group.share(&tables.keys, prefix, parent);
            tables.ids.push(ids);
            tables.first_owned.push(first_owned);
            tables.reserved.push(group.reserve(most_tokens));
        }
        let grown = self.grow(tables, num_tokens, 0);
        assert!(grown, "the blocks of {num_tokens} tokens were counted and are not there");
        true
    }

    /// Takes blocks until the sequence holds `num_tokens` in groups that see all positions, and
    /// `num_tokens` of the next step in groups with a window; or changes nothing and says `false`.
    pub(crate) fn grow(
        &mut self,
        tables: &mut BlockTables,
        num_tokens: usize,
        windowed_tokens: usize,
    ) -> bool {
        let missing = |group: &Group, ids: &Vec<u32>| {
            let tokens = if group.window.is_some() { windowed_tokens } else { num_tokens };
            tokens.div_ceil(BLOCK_TOKENS).saturating_sub(ids.len())
        };
        let mut pairs = self.groups.iter().zip(&tables.ids);
        if pairs.any(|(group, ids)| missing(group, ids) > group.manager.num_available()) {
            return false;
        }
        for (group, ids) in self.groups.iter_mut().zip(&mut tables.ids) {
            for _ in 0..missing(group, ids) {
                ids.push(group.manager.take().expect("counted above"));
            }
        }
        true
    }

    /// Says that the first `num_tokens` of `tokens` are in the sequence's blocks, or will be before
    /// anyone can read them, so that others find them.
    pub(crate) fn advance(
        &mut self,
        tables: &mut BlockTables,
        scope: &CacheScope,
        tokens: &[u32],
        num_tokens: usize,
    ) {
        let full_blocks = num_tokens / BLOCK_TOKENS;
        if self.prefix_cache && full_blocks > tables.num_registered {
            self.extend_keys(tables, scope, tokens, full_blocks);
            for (idx, group) in self.groups.iter_mut().enumerate() {
                let first = tables.num_registered.max(tables.first_owned[idx]);
                for block in first..full_blocks {
                    group.manager.register(tables.ids[idx][block], tables.keys[block]);
                }
            }
            tables.num_registered = full_blocks;
        }
    }

    /// Gives up the blocks that no token from position `next` on sees.
    pub(crate) fn trim(&mut self, tables: &mut BlockTables, next: usize) {
        for (idx, group) in self.groups.iter_mut().enumerate() {
            let first = group.first_visible(next).min(tables.ids[idx].len());
            for block in tables.first_owned[idx]..first {
                group.manager.release(tables.ids[idx][block]);
            }
            tables.first_owned[idx] = tables.first_owned[idx].max(first);
        }
    }

    /// Gives all blocks back. The content of the last one, which the first `num_tokens` of `tokens`
    /// fill in part, is remembered as well.
    pub(crate) fn release(
        &mut self,
        tables: &mut BlockTables,
        scope: &CacheScope,
        tokens: &[u32],
        num_tokens: usize,
    ) {
        let full_blocks = num_tokens / BLOCK_TOKENS;
        let tail = &tokens[full_blocks * BLOCK_TOKENS..num_tokens];
        if self.prefix_cache && !tables.ids.is_empty() && !tail.is_empty() {
            self.extend_keys(tables, scope, tokens, full_blocks);
            let parent = self.parent(tables, scope, full_blocks);
            for (group, ids) in self.groups.iter_mut().zip(&tables.ids) {
                group.manager.register_tail(ids[full_blocks], parent, tail);
            }
        }
        for (idx, ids) in tables.ids.iter_mut().enumerate() {
            let group = &mut self.groups[idx];
            // The last blocks first: they are of use only with those before them.
            for block_id in ids.drain(tables.first_owned[idx]..).rev() {
                group.manager.release(block_id);
            }
            if let Some(window) = &mut group.window {
                window.reserved -= tables.reserved[idx];
            }
        }
        *tables = BlockTables::default();
    }

    /// Forgets every content: after a step that failed nobody knows what blocks hold.
    pub(crate) fn forget_all(&mut self) {
        self.groups.iter_mut().for_each(|group| group.manager.forget_all());
    }

    /// Makes the keys of the first `full_blocks` blocks.
    fn extend_keys(
        &self,
        tables: &mut BlockTables,
        scope: &CacheScope,
        tokens: &[u32],
        full_blocks: usize,
    ) {
        while tables.keys.len() < full_blocks {
            let block = tables.keys.len();
            let parent = self.parent(tables, scope, block);
            let tokens = &tokens[block * BLOCK_TOKENS..(block + 1) * BLOCK_TOKENS];
            tables.keys.push(self.keys.child(parent, tokens));
        }
    }

    /// The key before block `block`.
    fn parent(&self, tables: &BlockTables, scope: &CacheScope, block: usize) -> BlockKey {
        match block.checked_sub(1) {
            Some(before) => tables.keys[before],
            None => self.keys.root(scope),
        }
    }
}

impl Group {
    /// First block that a token at position `next` sees.
    fn first_visible(&self, next: usize) -> usize {
        let positions = self.window.as_ref().map_or(usize::MAX, |window| window.positions);
        (next + 1).saturating_sub(positions) / BLOCK_TOKENS
    }

    /// Blocks to set aside for a sequence of at most `most_tokens`.
    fn reservation(&self, most_tokens: usize) -> usize {
        let most = self.window.as_ref().map_or(0, |window| window.most_blocks);
        most_tokens.div_ceil(BLOCK_TOKENS).min(most)
    }

    fn reserve(&mut self, most_tokens: usize) -> usize {
        let blocks = self.reservation(most_tokens);
        if let Some(window) = &mut self.window {
            window.reserved += blocks;
        }
        blocks
    }

    fn can_admit(
        &self,
        tables: &BlockTables,
        prefix: Prefix,
        num_tokens: usize,
        most_tokens: usize,
        spare: usize,
    ) -> bool {
        if let Some(window) = &self.window {
            let left = self.manager.num_blocks().saturating_sub(window.reserved);
            return self.reservation(most_tokens) <= left;
        }
        let shared = tables.keys.iter().take(prefix.num_blocks);
        let idle = shared
            .filter_map(|&key| self.manager.find(key))
            .filter(|&block_id| self.manager.is_idle(block_id))
            .count();
        // A block taken over is idle too, and counts among the new ones.
        let new = num_tokens.div_ceil(BLOCK_TOKENS) - prefix.num_blocks;
        let spare = (self.manager.num_blocks() * spare).div_ceil(100);
        idle + new + spare <= self.manager.num_available()
    }

    /// The table of a prefix: the blocks that are still seen, and the first entry that counts.
    fn share(&mut self, keys: &[BlockKey], prefix: Prefix, parent: BlockKey) -> (Vec<u32>, usize) {
        let num_blocks = prefix.num_blocks;
        let first = self.first_visible(num_blocks * BLOCK_TOKENS + prefix.tail_tokens);
        let first = first.min(num_blocks);
        // Entries behind the window are never read; any block that exists will do.
        let mut ids = vec![0; first];
        for key in &keys[first..num_blocks] {
            let block_id = self.manager.find(*key).expect("the prefix was found in this step");
            self.manager.share(block_id);
            ids.push(block_id);
        }
        if prefix.tail_tokens > 0 {
            ids.push(self.manager.take_tail(parent));
        }
        (ids, first)
    }
}

impl Prefix {
    /// Tokens of the prefix.
    pub(crate) fn num_tokens(&self) -> usize {
        self.num_blocks * BLOCK_TOKENS + self.tail_tokens
    }
}
