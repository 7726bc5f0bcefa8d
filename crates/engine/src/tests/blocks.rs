//! The block account against a naive one.

use crate::blocks::{BlockManager, BlockTable};
use catena_kernels::BLOCK_TOKENS;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
enum Step {
    Grow { table: usize, num_tokens: usize },
    Release { table: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let grow =
        (0..6_usize, 0..200_usize).prop_map(|(table, num_tokens)| Step::Grow { table, num_tokens });
    let release = (0..6_usize).prop_map(|table| Step::Release { table });
    proptest::collection::vec(prop_oneof![3 => grow, 1 => release], 0..120)
}

proptest! {
    #[test]
    fn agrees_with_a_naive_account(num_blocks in 0..30_usize, steps in steps()) {
        let mut blocks = BlockManager::new(num_blocks);
        let mut tables: Vec<BlockTable> = (0..6).map(|_| BlockTable::default()).collect();
        let mut sizes = [0_usize; 6];
        for step in steps {
            match step {
                Step::Grow { table, num_tokens } => {
                    let wanted = sizes[table].max(num_tokens.div_ceil(BLOCK_TOKENS));
                    let others: usize = sizes.iter().sum::<usize>() - sizes[table];
                    let fits = others + wanted <= num_blocks;
                    prop_assert_eq!(blocks.grow(&mut tables[table], num_tokens), fits);
                    if fits {
                        sizes[table] = wanted;
                    }
                }
                Step::Release { table } => {
                    blocks.release(&mut tables[table]);
                    sizes[table] = 0;
                }
            }
            let owned: Vec<u32> = tables.iter().flat_map(|table| &table.ids()[0]).copied().collect();
            let distinct: BTreeSet<u32> = owned.iter().copied().collect();
            prop_assert_eq!(distinct.len(), owned.len(), "a block has two owners");
            prop_assert!(owned.iter().all(|&id| (id as usize) < num_blocks));
            prop_assert_eq!(owned.len(), sizes.iter().sum::<usize>());
            prop_assert_eq!(blocks.num_used(), owned.len());
            prop_assert_eq!(blocks.num_free() + blocks.num_used(), blocks.num_blocks());
        }
    }
}

#[test]
#[should_panic(expected = "freed twice")]
fn a_block_freed_twice_is_found() {
    let mut blocks = BlockManager::new(2);
    let mut table = BlockTable::default();
    assert!(blocks.grow(&mut table, 1));
    let mut copy = BlockTable::default();
    blocks.release(&mut table);
    assert!(blocks.grow(&mut copy, 1));
    blocks.release(&mut copy);
    let mut forged = BlockTable::forged(vec![0]);
    blocks.release(&mut forged);
}
