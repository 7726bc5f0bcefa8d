//! [`KvCache::write`]: putting new tokens into their pages.

use super::cache::{BLOCK_TOKENS, KvCache, KvShape, SeqSpan};
use super::planes::{AnyPlanes, Element, Planes};
use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{Level, Pool, level, span};

/// The part of a page that one call writes.
#[derive(Clone, Copy)]
pub(super) struct Touched {
    block: usize,
    first_slot: usize,
    first_row: usize,
    count: usize,
}

/// Rows of keys and values that stand beside other things.
#[derive(Clone, Copy)]
struct Rows<'a> {
    k: &'a [f32],
    v: &'a [f32],
    ldkv: usize,
}

/// One page of one head, with room for scales if its type has them.
struct Page<'a, E> {
    keys: &'a mut [E],
    values: &'a mut [E],
    key_scales: &'a mut [f32],
    value_scales: &'a mut [f32],
}

impl KvCache {
    /// Stores keys and values of the rows, rounded to the cache's type, at their positions.
    ///
    /// # Shapes
    /// Row `i` of the batch is `k[i * ldkv..][..g * d]`, already rotated, and the same of `v`.
    ///
    /// # Panics
    /// If there is no such layer, a table is too short or names a block that does not exist,
    /// `k` or `v` is too short, or two sequences write the same block.
    pub fn write(
        &mut self,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        k: &[f32],
        v: &[f32],
        ldkv: usize,
    ) {
        self.write_at(level(), pool, layer, seqs, k, v, ldkv);
    }

    pub(super) fn write_at(
        &mut self,
        level: Level,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        k: &[f32],
        v: &[f32],
        ldkv: usize,
    ) {
        let shape = self.shape();
        assert!(layer < shape.num_layers, "layer {layer} of {}", shape.num_layers);
        self.collect_touched(seqs, k.len().min(v.len()), ldkv);
        let first = layer * shape.num_key_value_heads * self.num_blocks();
        let (num_blocks, rows) = (self.num_blocks(), Rows { k, v, ldkv });
        match &mut self.planes {
            AnyPlanes::Bf16(planes) => {
                write_pages(planes, pool, shape, first, num_blocks, &self.touched, |page, at| {
                    let Page { keys, values, .. } = page;
                    fill_bf16(level, keys, values, rows, at.column, shape.head_dim, at.touched);
                });
            }
            AnyPlanes::Int8(planes) => {
                write_pages(planes, pool, shape, first, num_blocks, &self.touched, |page, at| {
                    fill_int8(level, page, rows, at.column, shape.head_dim, at.touched);
                });
            }
        }
    }

    /// Lists the pages that the rows fall into, checking everything that `write` relies on.
    fn collect_touched(&mut self, seqs: &[SeqSpan<'_>], len: usize, ldkv: usize) {
        let width = self.shape().num_key_value_heads * self.shape().head_dim;
        assert!(ldkv >= width, "rows of {ldkv} hold {width} keys");
        self.num_writes += 1;
        self.touched.clear();
        for seq in seqs.iter().filter(|seq| seq.num_rows > 0) {
            seq.check_blocks(self.num_blocks());
            let needed = (seq.first_row + seq.num_rows - 1) * ldkv + width;
            assert!(len >= needed, "{len} keys or values, the rows need {needed}");
            let mut pos = seq.start_pos;
            while pos < seq.end_pos() {
                let first_slot = pos % BLOCK_TOKENS;
                let count = (BLOCK_TOKENS - first_slot).min(seq.end_pos() - pos);
                let block = seq.block_table[pos / BLOCK_TOKENS] as usize;
                let last = std::mem::replace(&mut self.written_in[block], self.num_writes);
                assert!(last != self.num_writes, "two sequences write block {block}");
                let first_row = seq.first_row + pos - seq.start_pos;
                self.touched.push(Touched { block, first_slot, first_row, count });
                pos += count;
            }
        }
    }
}

/// Where the rows of a page come from.
#[derive(Clone, Copy)]
struct At {
    touched: Touched,
    /// First value of the head in a row.
    column: usize,
}

/// Calls `fill` for each touched page of each head of a layer, whose first page is `first`.
fn write_pages<E: Element>(
    planes: &mut Planes<E>,
    pool: &Pool,
    shape: KvShape,
    first: usize,
    num_blocks: usize,
    touched: &[Touched],
    fill: impl Fn(Page<'_, E>, At) + Sync,
) {
    let (heads, page_len) = (shape.num_key_value_heads, BLOCK_TOKENS * shape.head_dim);
    let scales_len = if E::SCALED { BLOCK_TOKENS } else { 0 };
    let keys = SharedMut::new(&mut planes.keys);
    let values = SharedMut::new(&mut planes.values);
    let key_scales = SharedMut::new(&mut planes.key_scales);
    let value_scales = SharedMut::new(&mut planes.value_scales);
    let write_page = |task: usize| {
        let (touched, g) = (touched[task / heads], task % heads);
        let page = first + g * num_blocks + touched.block;
        let (own, scales) =
            (page * page_len..(page + 1) * page_len, page * scales_len..(page + 1) * scales_len);
        // SAFETY: `collect_touched` made sure that no block occurs twice, so each page of each
        // head belongs to one task.
        let page = unsafe {
            Page {
                keys: keys.range(own.clone()),
                values: values.range(own),
                key_scales: key_scales.range(scales.clone()),
                value_scales: value_scales.range(scales),
            }
        };
        fill(page, At { touched, column: g * shape.head_dim });
    };
    let tasks = touched.len() * heads;
    if tasks * page_len < PARALLEL_FROM {
        (0..tasks).for_each(write_page);
    } else {
        pool.run(&|thread| span(tasks, thread, pool.threads()).for_each(write_page));
    }
}

/// Puts element `i` of a token's key into its place in a page: `[d / 2][16 tokens][2]`.
#[inline(always)]
fn put_key<E: Copy>(keys: &mut [E], slot: usize, pair: usize, two: [E; 2]) {
    keys[pair * 2 * BLOCK_TOKENS + 2 * slot] = two[0];
    keys[pair * 2 * BLOCK_TOKENS + 2 * slot + 1] = two[1];
}

leveled! {
    /// Writes the rows of one page and head, whose first value stands in column `column`.
    fn fill_bf16(
        keys: &mut [u16],
        values: &mut [u16],
        rows: Rows<'_>,
        column: usize,
        d: usize,
        page: Touched,
    ) {
        if page.first_slot == 0 {
            // Slots that are not filled yet are multiplied by probabilities of zero: what an
            // earlier owner of the block left there must not be infinite.
            values.fill(0);
        }
        for i in 0..page.count {
            let (slot, at) = (page.first_slot + i, (page.first_row + i) * rows.ldkv + column);
            let (k, v) = (&rows.k[at..at + d], &rows.v[at..at + d]);
            for (i, pair) in k.as_chunks::<2>().0.iter().enumerate() {
                put_key(keys, slot, i, pair.map(bf16_bits));
            }
            let line = &mut values[(slot / 2) * 2 * d..][..2 * d];
            for (v, pair) in v.iter().zip(line.as_chunks_mut::<2>().0) {
                pair[slot % 2] = bf16_bits(*v);
            }
        }
    }
}

leveled! {
    /// As `fill_bf16`; each token's key and value in units of 1/127 of its largest magnitude.
    fn fill_int8(page: Page<'_, i8>, rows: Rows<'_>, column: usize, d: usize, at: Touched) {
        let Page { keys, values, key_scales, value_scales } = page;
        if at.first_slot == 0 {
            // As in `fill_bf16`.
            value_scales.fill(0.0);
        }
        for i in 0..at.count {
            let (slot, start) = (at.first_slot + i, (at.first_row + i) * rows.ldkv + column);
            let (k, v) = (&rows.k[start..start + d], &rows.v[start..start + d]);
            let (unit, inverse) = unit_of(k);
            key_scales[slot] = unit;
            for (i, pair) in k.as_chunks::<2>().0.iter().enumerate() {
                put_key(keys, slot, i, pair.map(|x| rounded(x * inverse)));
            }
            let (unit, inverse) = unit_of(v);
            value_scales[slot] = unit;
            let line = &mut values[(slot / 2) * 2 * d..][..2 * d];
            for (v, pair) in v.iter().zip(line.as_chunks_mut::<2>().0) {
                pair[slot % 2] = rounded(v * inverse);
            }
        }
    }
}

/// The unit in which the largest magnitude is 127, and its inverse (0 if all values are 0).
#[inline(always)]
fn unit_of(x: &[f32]) -> (f32, f32) {
    let mut lanes = [0.0f32; 16];
    for chunk in x.chunks(16) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(x.abs());
        }
    }
    let largest = lanes.into_iter().fold(0.0, f32::max);
    let unit = largest / 127.0;
    // A denormal unit has no inverse; such values are zeros beside any other.
    if unit < f32::MIN_POSITIVE { (0.0, 0.0) } else { (unit, 1.0 / unit) }
}

#[inline(always)]
fn rounded(x: f32) -> i8 {
    x.round_ties_even() as i8
}

/// Rounds to bf16, ties to even; NaN stays NaN. Without branches.
#[inline(always)]
pub(super) fn bf16_bits(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}
