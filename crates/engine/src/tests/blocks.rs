//! The block account against a naive one.

use crate::blocks::{BlockKey, BlockManager, BlockTables, KeyMaker, KvBlocks};
use crate::{BlockGroup, CacheScope};
use catena_kernels::BLOCK_TOKENS;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One of a few prompts, all of which begin alike.
fn prompt(kind: usize, len: usize) -> Vec<u32> {
    (0..len).map(|i| if i < 40 { 1 } else { (kind * (i + 1)) as u32 % 5 }).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Admit { table: usize, kind: usize, len: usize },
    Grow { table: usize, by: usize },
    Release { table: usize },
    ForgetAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let admit = (0..6_usize, 0..4_usize, 1..150_usize).prop_map(|(table, kind, len)| Step::Admit {
        table,
        kind,
        len,
    });
    let grow = (0..6_usize, 1..30_usize).prop_map(|(table, by)| Step::Grow { table, by });
    let release = (0..6_usize).prop_map(|table| Step::Release { table });
    let step = prop_oneof![6 => admit, 6 => grow, 5 => release, 1 => Just(Step::ForgetAll)];
    proptest::collection::vec(step, 0..120)
}

/// What a sequence of the test holds.
#[derive(Default)]
struct Held {
    tables: BlockTables,
    tokens: Vec<u32>,
}

/// What each block holds, as the sequences that own it wrote it.
type Contents = HashMap<(usize, u32), Vec<u32>>;

/// Notes the tokens from `start` on in the blocks of `held`.
fn write(contents: &mut Contents, held: &Held, start: usize) {
    for (group, ids) in held.tables.ids().iter().enumerate() {
        for pos in start..held.tokens.len() {
            let block = contents.entry((group, ids[pos / BLOCK_TOKENS])).or_default();
            block.truncate(pos % BLOCK_TOKENS);
            block.push(held.tokens[pos]);
        }
    }
}

fn check(blocks: &KvBlocks, held: &[Held], contents: &Contents, windows: &[Option<usize>]) {
    for (group, window) in windows.iter().enumerate() {
        for held in held.iter().filter(|held| !held.tokens.is_empty()) {
            let next = held.tokens.len();
            let first = window.map_or(0, |window| (next + 1).saturating_sub(window));
            for pos in first..next {
                let id = held.tables.ids()[group][pos / BLOCK_TOKENS];
                let found = contents[&(group, id)][pos % BLOCK_TOKENS];
                assert_eq!(found, held.tokens[pos], "group {group}, position {pos}");
            }
        }
    }
    let owned: BTreeSet<(usize, u32)> = held
        .iter()
        .flat_map(|held| held.tables.owned().into_iter().enumerate())
        .flat_map(|(group, ids)| ids.into_iter().map(move |id| (group, id)))
        .collect();
    assert_eq!(blocks.num_used(), owned.len());
    // A block that is not full has one owner.
    let mut owners: BTreeMap<(usize, u32), usize> = BTreeMap::new();
    for held in held {
        for (group, ids) in held.tables.owned().into_iter().enumerate() {
            for id in ids {
                *owners.entry((group, id)).or_default() += 1;
            }
        }
    }
    for (block, count) in owners {
        let full = contents.get(&block).is_some_and(|tokens| tokens.len() == BLOCK_TOKENS);
        assert!(count == 1 || full, "block {block:?} is shared and still written");
    }
}

/// Runs `steps` on groups with these windows.
fn run(steps: &[Step], num_blocks: usize, windows: &[Option<usize>]) {
    const MOST: usize = 400;
    let groups: Vec<BlockGroup> =
        windows.iter().map(|&sliding_window| BlockGroup { num_blocks, sliding_window }).collect();
    let mut blocks = KvBlocks::new(&groups, 32, true);
    let scope = CacheScope::default();
    let mut held: Vec<Held> = (0..6).map(|_| Held::default()).collect();
    let mut contents = Contents::new();
    for step in steps {
        match *step {
            Step::Admit { table, kind, len } if held[table].tokens.is_empty() => {
                let tokens = prompt(kind, len);
                let Held { tables, .. } = &mut held[table];
                let prefix = blocks.find_prefix(tables, &scope, &tokens, len - 1);
                if !blocks.admit(tables, &scope, prefix, (len, MOST), 0) {
                    // It waits; here another one comes in its place.
                    *tables = BlockTables::default();
                    continue;
                }
                let start = prefix.num_tokens();
                assert!(start < len);
                // In chunks, as steps run them.
                for pos in (start..len).step_by(32) {
                    let end = len.min(pos + 32);
                    blocks.trim(tables, pos);
                    assert!(blocks.grow(tables, 0, end));
                    blocks.advance(tables, &scope, &tokens, end);
                    let chunk =
                        Held { tables: std::mem::take(tables), tokens: tokens[..end].to_vec() };
                    write(&mut contents, &chunk, pos);
                    *tables = chunk.tables;
                }
                held[table].tokens = tokens;
            }
            Step::Grow { table, by } if !held[table].tokens.is_empty() => {
                for _ in 0..by {
                    let Held { tables, tokens } = &mut held[table];
                    let next = tokens.len();
                    if next == MOST || !blocks.grow(tables, next + 1, 0) {
                        break;
                    }
                    blocks.trim(tables, next);
                    assert!(blocks.grow(tables, 0, next + 1));
                    tokens.push(next as u32 % 3);
                    blocks.advance(tables, &scope, tokens, next + 1);
                    write(&mut contents, &held[table], next);
                }
            }
            Step::Release { table } => {
                let Held { tables, tokens } = &mut held[table];
                let num_tokens = tokens.len();
                blocks.release(tables, &scope, tokens, num_tokens);
                tokens.clear();
            }
            Step::ForgetAll => blocks.forget_all(),
            Step::Admit { .. } | Step::Grow { .. } => {}
        }
        check(&blocks, &held, &contents, windows);
    }
    for Held { tables, tokens } in &mut held {
        let num_tokens = tokens.len();
        blocks.release(tables, &scope, tokens, num_tokens);
    }
    assert_eq!(blocks.num_used(), 0);
}

proptest! {
    #[test]
    fn blocks_hold_what_their_owners_wrote(num_blocks in 1..40_usize, steps in steps()) {
        run(&steps, num_blocks, &[None]);
    }

    #[test]
    fn groups_with_windows_keep_what_is_seen(steps in steps(), window in 1..80_usize) {
        run(&steps, 30, &[None, Some(window)]);
        run(&steps, 30, &[Some(window)]);
    }
}

fn key(n: u32) -> BlockKey {
    let keys = KeyMaker::fixed();
    keys.child(keys.root(&CacheScope::default()), &[n; BLOCK_TOKENS])
}

#[test]
#[should_panic(expected = "freed twice")]
fn a_block_freed_twice_is_found() {
    let mut blocks = BlockManager::new(2);
    let block_id = blocks.take().expect("two are free");
    blocks.release(block_id);
    blocks.release(block_id);
}

#[test]
fn the_longest_unused_block_goes_first() {
    let mut blocks = BlockManager::new(3);
    let ids: Vec<u32> = (0..3).map(|_| blocks.take().expect("free")).collect();
    for (n, &id) in (0..).zip(&ids) {
        blocks.register(id, key(n));
        blocks.release(id);
    }
    assert_eq!((blocks.num_available(), blocks.num_used()), (3, 0));
    blocks.share(ids[0]);
    blocks.release(ids[0]);
    assert_eq!(blocks.take(), Some(ids[1]));
    assert_eq!(blocks.find(key(1)), None, "its content is gone");
    assert_eq!(blocks.find(key(0)), Some(ids[0]));
    assert_eq!(blocks.take(), Some(ids[2]));
    assert_eq!(blocks.take(), Some(ids[0]));
    assert_eq!(blocks.take(), None);
}

/// In vLLM the name of an adapter could stand for the salt of a tenant, and hashes could be aimed at.
#[test]
fn s19_tenants_and_adapters_have_different_keys() {
    let keys = KeyMaker::fixed();
    let scope = |tenant: Option<&str>, adapter: Option<u64>| CacheScope {
        tenant: tenant.map(Into::into),
        adapter: adapter.map(crate::AdapterId),
    };
    let scopes = [
        scope(None, None),
        scope(Some(""), None),
        scope(Some("a"), None),
        scope(Some("b"), None),
        scope(None, Some(0)),
        scope(None, Some(1)),
        scope(Some("a"), Some(1)),
        // A tenant whose name has the bytes of an adapter.
        scope(Some("a\u{8}\0\0\0\0\0\0\0\u{1}"), None),
    ];
    let roots: BTreeSet<String> =
        scopes.iter().map(|scope| format!("{:?}", keys.root(scope))).collect();
    assert_eq!(roots.len(), scopes.len());
    assert_ne!(KeyMaker::new().root(&scopes[0]), KeyMaker::new().root(&scopes[0]), "secret");
}
