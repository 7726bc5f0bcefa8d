//! Which blocks are the main content.

use super::blocks::{Aside, Block, Blocks, ContainerId, Form};
use super::lines::reason_of;

/// From this share of links on, a short block or a whole list is navigation.
const LINKY: f32 = 0.6;

/// Blocks up to this weight are short.
const SHORT: u32 = 80;

/// List items of links with more text than this on average are a list of articles or sources.
const LONG_ITEM: u32 = 100;

/// The main content is the smallest container with this share of all.
const MOST: f32 = 0.8;

/// If lines that stand on every page make up more than this share, the page is about them.
const MAX_LINES_SHARE: f32 = 0.5;

/// A container that says it is the main content is believed from this share of the page on.
const NAMED_SHARE: f32 = 0.4;

/// If names put aside all but this share of a page, they are not believed.
const LEFT_BY_NAMES: f32 = 0.25;

/// Blocks of the main content, in their order.
pub(super) fn choose(page: &Blocks) -> Vec<&Block> {
    let allowed = believed_names(page);
    let linky_lists = linky_lists(page);
    let is_good = |block: &Block| {
        block.aside <= allowed && !linky_lists[block.container as usize] && !is_linky(block)
    };
    let good: Vec<bool> = page.blocks.iter().map(is_good).collect();
    let totals = totals(page, &good);
    let root = main_container(page, &totals);
    let inside = descendants(page, root);
    let chosen: Vec<&Block> = page
        .blocks
        .iter()
        .zip(&good)
        .filter(|(block, good)| **good && inside[block.container as usize])
        .map(|(block, _)| block)
        .collect();
    without_empty_headings(without_lines(chosen))
}

/// Leaves out short blocks that are lines of every page, unless little else is there.
fn without_lines(chosen: Vec<&Block>) -> Vec<&Block> {
    let weight = |blocks: &[&Block]| -> u64 { blocks.iter().map(|b| u64::from(b.weight)).sum() };
    let is_kept =
        |block: &&Block| block.form == Form::Code || block.weight > SHORT * 4 || is_said(block);
    let kept: Vec<&Block> = chosen.iter().copied().filter(is_kept).collect();
    let is_about_them = (weight(&kept) as f32) < weight(&chosen) as f32 * MAX_LINES_SHARE;
    if is_about_them { chosen } else { kept }
}

/// Whether a short block says something beyond what stands on every page.
fn is_said(block: &Block) -> bool {
    reason_of(&block.text).is_none()
}

/// The strongest sign against a block that still leaves it in: none, or names where they would
/// take nearly everything.
fn believed_names(page: &Blocks) -> Aside {
    let weight_up_to = |aside| -> u64 {
        let kept = page.blocks.iter().filter(|block| block.aside <= aside && !is_linky(block));
        kept.map(|block| u64::from(block.weight)).sum()
    };
    let (plain, named) = (weight_up_to(Aside::No), weight_up_to(Aside::ByName));
    if plain == 0 && named == 0 {
        Aside::ByElement
    } else if (plain as f32) < named as f32 * LEFT_BY_NAMES {
        Aside::ByName
    } else {
        Aside::No
    }
}

fn link_share(link_weight: u64, weight: u64) -> f32 {
    link_weight as f32 / weight.max(1) as f32
}

/// A short block of links.
fn is_linky(block: &Block) -> bool {
    let share = link_share(block.link_weight.into(), block.weight.into());
    let is_lines = matches!(block.form, Form::Paragraph | Form::Quote | Form::ItemRest(_));
    is_lines && block.weight <= SHORT && share > LINKY
}

/// Lists that are mostly links, by their container.
fn linky_lists(page: &Blocks) -> Vec<bool> {
    let mut sums = vec![(0_u64, 0_u64, 0_u64); page.containers.len()];
    for block in &page.blocks {
        let sum = &mut sums[list_of(page, block.container) as usize];
        sum.0 += u64::from(block.weight);
        sum.1 += u64::from(block.link_weight);
        sum.2 += 1;
    }
    let is_linky = |id: ContainerId| {
        let (weight, link_weight, count) = sums[list_of(page, id) as usize];
        page.containers[list_of(page, id) as usize].is_list
            && link_share(link_weight, weight) > LINKY
            && weight < u64::from(LONG_ITEM) * count
    };
    (0..page.containers.len()).map(|id| is_linky(ContainerId::try_from(id).unwrap_or(0))).collect()
}

/// The list right around a container, or the container itself.
fn list_of(page: &Blocks, id: ContainerId) -> ContainerId {
    let parent = page.containers[id as usize].parent;
    if page.containers[id as usize].is_list || !page.containers[parent as usize].is_list {
        id
    } else {
        parent
    }
}

/// The weight of what is content in each container with all it holds. A child's number is above
/// its parent's, so one pass from the end is enough.
fn totals(page: &Blocks, good: &[bool]) -> Vec<u64> {
    let mut totals = vec![0_u64; page.containers.len()];
    for (block, _) in page.blocks.iter().zip(good).filter(|(_, good)| **good) {
        let weight = u64::from(block.weight.saturating_sub(block.link_weight / 2));
        let is_prose = matches!(block.form, Form::Paragraph | Form::Quote | Form::Code);
        let counts = if is_prose && weight >= 20 { weight } else { weight / 2 };
        totals[block.container as usize] += counts;
    }
    for id in (1..totals.len()).rev() {
        let parent = page.containers[id].parent as usize;
        totals[parent] += totals[id];
    }
    totals
}

/// The container of the main content.
fn main_container(page: &Blocks, totals: &[u64]) -> usize {
    let named = (0..totals.len()).filter(|&id| page.containers[id].is_main);
    // Of two with the same content the inner one, which comes later.
    let named = named.max_by_key(|&id| totals[id]);
    if let Some(id) = named
        && totals[id] as f32 >= totals[0] as f32 * NAMED_SHARE
    {
        return innermost(page, totals, id);
    }
    innermost(page, totals, 0)
}

/// Goes down from a container as long as one child has most of what it has.
fn innermost(page: &Blocks, totals: &[u64], from: usize) -> usize {
    let most = totals[from] as f32 * MOST;
    let mut root = from;
    for id in from + 1..totals.len() {
        let container = &page.containers[id];
        let is_child = container.parent as usize == root;
        if is_child && !container.is_list && totals[id] as f32 >= most {
            root = id;
        }
    }
    root
}

/// Which containers stand in `root`, and it.
fn descendants(page: &Blocks, root: usize) -> Vec<bool> {
    let mut inside = vec![false; page.containers.len()];
    inside[root] = true;
    for id in root + 1..inside.len() {
        inside[id] = inside[page.containers[id].parent as usize];
    }
    inside
}

/// Leaves out headings of which nothing is left.
fn without_empty_headings(blocks: Vec<&Block>) -> Vec<&Block> {
    let mut kept: Vec<&Block> = Vec::with_capacity(blocks.len());
    // From the end: the level of the heading below, or none where text follows.
    let mut below: Option<u8> = Some(0);
    for block in blocks.into_iter().rev() {
        match (block.form, below) {
            (Form::Heading(level), Some(next)) if level >= next && next != 1 => continue,
            (Form::Heading(level), _) => below = Some(level),
            _ => below = None,
        }
        kept.push(block);
    }
    kept.reverse();
    kept
}
