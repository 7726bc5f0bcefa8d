//! [`KvCache::write`]: putting new tokens into their pages.

use super::cache::{BLOCK_TOKENS, KvCache, KvShape, SeqSpan};
use super::planes::{AnyPlanes, Element, Page, SharedPlanes};
use super::turn::Turn;
use crate::dense::bf16_bits;
use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::team::Member;
use crate::{Level, Pool, level};

/// The part of a page that one call writes.
#[derive(Clone, Copy)]
pub(super) struct Touched {
    block: usize,
    first_pos: usize,
    first_row: usize,
    count: usize,
}

impl Touched {
    fn first_slot(self) -> usize {
        self.first_pos % BLOCK_TOKENS
    }
}

/// Rows of keys and values that stand beside other things, and what becomes of keys first.
#[derive(Clone, Copy)]
pub(super) struct NewTokens<'a> {
    pub(super) k: &'a [f32],
    pub(super) v: &'a [f32],
    pub(super) ldkv: usize,
    pub(super) turn: Turn<'a>,
}

/// One head's rows of a page.
#[derive(Clone, Copy)]
pub(super) struct HeadRows<'a> {
    values: &'a [f32],
    apart: usize,
}

impl<'a> HeadRows<'a> {
    #[inline(always)]
    fn row(self, row: usize, d: usize) -> &'a [f32] {
        &self.values[row * self.apart..][..d]
    }
}

/// Everything that writing into a layer needs.
pub(super) struct Writes<'a, E: Element> {
    pub(super) level: Level,
    pub(super) planes: SharedPlanes<'a, E>,
    pub(super) shape: KvShape,
    pub(super) num_blocks: usize,
    pub(super) layer: usize,
    pub(super) touched: &'a [Touched],
    pub(super) tokens: NewTokens<'a>,
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
        self.collect_touched(layer, seqs, k.len().min(v.len()), ldkv);
        let Self { shape, num_blocks, planes, touched, .. } = self;
        let (shape, num_blocks, touched) = (*shape, *num_blocks, &touched[..]);
        let tokens = NewTokens { k, v, ldkv, turn: Turn::default() };
        macro_rules! run {
            ($planes:ident) => {{
                let planes = $planes.share();
                let writes = Writes { level, planes, shape, num_blocks, layer, touched, tokens };
                // SAFETY: the pages were collected above.
                pool.run_team(writes.are_few(), &|member| unsafe { writes.share(member, &mut []) });
            }};
        }
        match planes {
            AnyPlanes::Bf16(planes) => run!(planes),
            AnyPlanes::Int8(planes) => run!(planes),
        }
    }

    /// Lists the pages that the rows fall into, checking everything that `write` relies on.
    pub(super) fn collect_touched(
        &mut self,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        len: usize,
        ldkv: usize,
    ) {
        let KvShape { num_layers, num_key_value_heads, head_dim } = self.shape();
        assert!(layer < num_layers, "layer {layer} of {num_layers}");
        let width = num_key_value_heads * head_dim;
        assert!(ldkv >= width, "rows of {ldkv} hold {width} keys");
        self.num_writes += 1;
        self.touched.clear();
        for seq in seqs.iter().filter(|seq| seq.num_rows > 0) {
            seq.check_blocks(self.num_blocks());
            let needed = (seq.first_row + seq.num_rows - 1) * ldkv + width;
            assert!(len >= needed, "{len} keys or values, the rows need {needed}");
            let mut pos = seq.start_pos;
            while pos < seq.end_pos() {
                let count = (BLOCK_TOKENS - pos % BLOCK_TOKENS).min(seq.end_pos() - pos);
                let block = seq.block_table[pos / BLOCK_TOKENS] as usize;
                let last = std::mem::replace(&mut self.written_in[block], self.num_writes);
                assert!(last != self.num_writes, "two sequences write block {block}");
                let first_row = seq.first_row + pos - seq.start_pos;
                self.touched.push(Touched { block, first_pos: pos, first_row, count });
                pos += count;
            }
        }
    }
}

impl<E: Element> Writes<'_, E> {
    fn num_pages(&self) -> usize {
        self.touched.len() * self.shape.num_key_value_heads
    }

    /// Whether one thread is done sooner than others have begun.
    pub(super) fn are_few(&self) -> bool {
        self.num_pages() * BLOCK_TOKENS * self.shape.head_dim < PARALLEL_FROM
    }

    /// Writes a thread's part of the pages. `turned` has room for a page's keys if something becomes
    /// of them first.
    ///
    /// # Safety
    /// `touched` must be of [`KvCache::collect_touched`], so that no block occurs twice, and nobody
    /// else may touch these pages meanwhile.
    pub(super) unsafe fn share(&self, member: Member<'_>, turned: &mut [f32]) {
        let (heads, d) = (self.shape.num_key_value_heads, self.shape.head_dim);
        for task in member.share(self.num_pages()) {
            let (touched, g) = (self.touched[task / heads], task % heads);
            let number = (self.layer * heads + g) * self.num_blocks + touched.block;
            // SAFETY: each page of each head is one thread's.
            let page = unsafe { self.planes.page(number, d) };
            let NewTokens { k, v, ldkv, turn } = self.tokens;
            let start = touched.first_row * ldkv + g * d;
            let values = HeadRows { values: &v[start..], apart: ldkv };
            let mut keys = HeadRows { values: &k[start..], apart: ldkv };
            if !turn.is_none() {
                for (i, turned) in turned.chunks_exact_mut(d).take(touched.count).enumerate() {
                    turned.copy_from_slice(keys.row(i, d));
                    turn.key(self.level, turned, touched.first_pos + i);
                }
                keys = HeadRows { values: &*turned, apart: d };
            }
            (E::FILL)(self.level, page, keys, values, d, touched);
        }
    }
}

/// Puts a token's key and value into their places in a page, `[d / 2][16 tokens][2]` and
/// `[8 token pairs][d][2]`.
#[inline(always)]
fn put<E: Copy>(
    (keys, k, key): (&mut [E], &[f32], impl Fn(f32) -> E),
    (values, v, value): (&mut [E], &[f32], impl Fn(f32) -> E),
    slot: usize,
) {
    for (i, pair) in k.as_chunks::<2>().0.iter().enumerate() {
        let [first, second] = pair.map(&key);
        keys[i * 2 * BLOCK_TOKENS + 2 * slot] = first;
        keys[i * 2 * BLOCK_TOKENS + 2 * slot + 1] = second;
    }
    let line = &mut values[slot / 2 * 2 * v.len()..][..2 * v.len()];
    for (v, pair) in v.iter().zip(line.as_chunks_mut::<2>().0) {
        pair[slot % 2] = value(*v);
    }
}

leveled! {
    /// Writes the rows of one page and head.
    pub(super) fn fill_bf16(
        page: Page<'_, u16>,
        k: HeadRows<'_>,
        v: HeadRows<'_>,
        d: usize,
        at: Touched,
    ) {
        let Page { keys, values, .. } = page;
        if at.first_slot() == 0 {
            // Slots that are not filled yet are multiplied by probabilities of zero: what an
            // earlier owner of the block left there must not be infinite.
            values.fill(0);
        }
        let bf16 = |x| bf16_bits(x) as u16;
        for i in 0..at.count {
            let (slot, k, v) = (at.first_slot() + i, k.row(i, d), v.row(i, d));
            put((&mut *keys, k, bf16), (&mut *values, v, bf16), slot);
        }
    }
}

leveled! {
    /// As `fill_bf16`; each token's key and value in units of 1/127 of its largest magnitude.
    pub(super) fn fill_int8(
        page: Page<'_, i8>,
        k: HeadRows<'_>,
        v: HeadRows<'_>,
        d: usize,
        at: Touched,
    ) {
        let Page { keys, values, key_scales, value_scales } = page;
        if at.first_slot() == 0 {
            // As in `fill_bf16`.
            value_scales.fill(0.0);
        }
        for i in 0..at.count {
            let (slot, k, v) = (at.first_slot() + i, k.row(i, d), v.row(i, d));
            let ((k_unit, k_inverse), (v_unit, v_inverse)) = (unit_of(k), unit_of(v));
            (key_scales[slot], value_scales[slot]) = (k_unit, v_unit);
            let key = |x: f32| rounded(x * k_inverse);
            let value = |x: f32| rounded(x * v_inverse);
            put((&mut *keys, k, key), (&mut *values, v, value), slot);
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
