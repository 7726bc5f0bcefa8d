//! [`KvCache`]: the pages, and writing new tokens into them.

use std::sync::Mutex;

use super::attend::AttendScratch;
use crate::leveled::leveled;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{AlignedBuf, KernelError, Level, Pool, level, span};

/// Tokens per page, and so per entry of a block table.
pub const BLOCK_TOKENS: usize = 16;

/// Limits on sizes that come from a model's configuration.
const MAX_LAYERS_OR_HEADS: usize = 1 << 12;
const MAX_HEAD_DIM: usize = 1 << 10;

/// What a cache has a page of, for each block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvShape {
    /// Layers of the model.
    pub num_layers: usize,
    /// Key/value heads per layer.
    pub num_key_value_heads: usize,
    /// Dimensions of a head; even. Multiples of 16 have SIMD versions.
    pub head_dim: usize,
}

/// The rows of a batch that belong to one sequence.
#[derive(Debug, Clone, Copy)]
pub struct SeqSpan<'a> {
    /// Block of each 16 positions of the sequence, from position 0 on.
    pub block_table: &'a [u32],
    /// First of its rows in the batch.
    pub first_row: usize,
    /// Number of its rows.
    pub num_rows: usize,
    /// Position of its first row; the rows follow each other.
    pub start_pos: usize,
}

impl SeqSpan<'_> {
    /// One past the position of its last row.
    pub(super) fn end_pos(&self) -> usize {
        self.start_pos + self.num_rows
    }

    /// Asserts that the table covers all positions up to the last row.
    pub(super) fn check_blocks(&self, num_blocks: usize) {
        let needed = self.end_pos().div_ceil(BLOCK_TOKENS);
        let found = self.block_table.len();
        assert!(needed <= found, "{found} blocks for {} positions", self.end_pos());
        let highest = self.block_table[..needed].iter().copied().fold(0, u32::max) as usize;
        assert!(highest < num_blocks, "block {highest} of {num_blocks}");
    }
}

/// Keys and values of many sequences in bf16, in pages.
///
/// Reserves address space for all blocks at once; the system gives memory when pages are first
/// written.
pub struct KvCache {
    shape: KvShape,
    num_blocks: usize,
    /// `[layer, g, block]` pages of keys.
    keys: AlignedBuf<u16>,
    /// The same of values.
    values: AlignedBuf<u16>,
    /// Reused by `write`: the pages of the call, and in which call each block was last written.
    touched: Vec<Touched>,
    written_in: Vec<u64>,
    num_writes: u64,
    pub(super) scratch: Mutex<AttendScratch>,
}

/// The part of a page that one call writes.
#[derive(Clone, Copy)]
struct Touched {
    block: usize,
    first_slot: usize,
    first_row: usize,
    count: usize,
}

impl KvCache {
    /// An empty cache of `num_blocks` blocks of 16 tokens.
    ///
    /// # Errors
    /// Sizes of zero or beyond reason, an odd `head_dim`, or not enough memory.
    pub fn new(shape: KvShape, num_blocks: usize) -> Result<Self, KernelError> {
        let within = |what, min: usize, max: usize, found: usize| {
            let fits = (min..=max).contains(&found);
            fits.then_some(()).ok_or(KernelError::OutOfRange { what, min, max, found })
        };
        within("num_hidden_layers", 1, MAX_LAYERS_OR_HEADS, shape.num_layers)?;
        within("num_key_value_heads", 1, MAX_LAYERS_OR_HEADS, shape.num_key_value_heads)?;
        within("head_dim", 2, MAX_HEAD_DIM, shape.head_dim)?;
        within("number of cache blocks", 1, u32::MAX as usize, num_blocks)?;
        if !shape.head_dim.is_multiple_of(2) {
            return Err(KernelError::OddHeadDim { found: shape.head_dim });
        }
        let pages = (shape.num_layers * shape.num_key_value_heads).saturating_mul(num_blocks);
        let len = pages.saturating_mul(BLOCK_TOKENS * shape.head_dim);
        Ok(Self {
            shape,
            num_blocks,
            keys: AlignedBuf::try_zeroed(len, "the key cache")?,
            values: AlignedBuf::try_zeroed(len, "the value cache")?,
            touched: Vec::new(),
            written_in: vec![0; num_blocks],
            num_writes: 0,
            scratch: Mutex::default(),
        })
    }

    /// What the cache was made for.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Number of blocks.
    pub fn num_blocks(&self) -> usize {
        self.num_blocks
    }

    /// Bytes reserved for keys and values.
    pub fn bytes(&self) -> usize {
        self.keys.bytes() + self.values.bytes()
    }

    /// Values of one page.
    pub(super) fn page_len(&self) -> usize {
        BLOCK_TOKENS * self.shape.head_dim
    }

    /// Start of the pages of a head of a layer, and their total length.
    pub(super) fn plane(&self, layer: usize, g: usize) -> std::ops::Range<usize> {
        let len = self.num_blocks * self.page_len();
        let plane = layer * self.shape.num_key_value_heads + g;
        plane * len..(plane + 1) * len
    }

    pub(super) fn keys(&self) -> &[u16] {
        &self.keys
    }

    pub(super) fn values(&self) -> &[u16] {
        &self.values
    }

    /// Stores keys and values of the rows, rounded to bf16, at their positions.
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
        let KvShape { num_layers, num_key_value_heads: heads, head_dim } = self.shape;
        assert!(layer < num_layers, "layer {layer} of {num_layers}");
        self.collect_touched(seqs, k.len().min(v.len()), ldkv);
        let (planes, page_len) = (self.plane(layer, 0).start, self.page_len());
        let (num_blocks, touched) = (self.num_blocks, &self.touched);
        let (keys, values) = (SharedMut::new(&mut self.keys), SharedMut::new(&mut self.values));
        let write_page = |task: usize| {
            let (page, g) = (touched[task / heads], task % heads);
            let start = planes + (g * num_blocks + page.block) * page_len;
            // SAFETY: `collect_touched` made sure that no block occurs twice, so each page of each
            // head belongs to one task.
            let (keys, values) = unsafe {
                (keys.range(start..start + page_len), values.range(start..start + page_len))
            };
            let column = g * head_dim;
            fill_page(level, keys, values, k, v, ldkv, column, head_dim, page);
        };
        let (tasks, num_values) = (touched.len() * heads, touched.len() * heads * page_len);
        if num_values < PARALLEL_FROM {
            (0..tasks).for_each(write_page);
        } else {
            pool.run(&|thread| span(tasks, thread, pool.threads()).for_each(write_page));
        }
    }

    /// Lists the pages that the rows fall into, checking everything that `write` relies on.
    fn collect_touched(&mut self, seqs: &[SeqSpan<'_>], len: usize, ldkv: usize) {
        let width = self.shape.num_key_value_heads * self.shape.head_dim;
        assert!(ldkv >= width, "rows of {ldkv} hold {width} keys");
        self.num_writes += 1;
        self.touched.clear();
        for seq in seqs.iter().filter(|seq| seq.num_rows > 0) {
            seq.check_blocks(self.num_blocks);
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

impl std::fmt::Debug for KvCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvCache")
            .field("shape", &self.shape)
            .field("num_blocks", &self.num_blocks)
            .finish_non_exhaustive()
    }
}

leveled! {
    /// Writes the rows of one page and head, whose first value stands in column `column`.
    fn fill_page(
        keys: &mut [u16],
        values: &mut [u16],
        k: &[f32],
        v: &[f32],
        ldkv: usize,
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
            let (slot, at) = (page.first_slot + i, (page.first_row + i) * ldkv + column);
            let (k, v) = (&k[at..at + d], &v[at..at + d]);
            for (pair, line) in k.as_chunks::<2>().0.iter().zip(keys.chunks_exact_mut(32)) {
                line[2 * slot] = bf16_bits(pair[0]);
                line[2 * slot + 1] = bf16_bits(pair[1]);
            }
            let line = &mut values[(slot / 2) * 2 * d..][..2 * d];
            for (v, pair) in v.iter().zip(line.as_chunks_mut::<2>().0) {
                pair[slot % 2] = bf16_bits(*v);
            }
        }
    }
}

/// Rounds to bf16, ties to even; NaN stays NaN. Without branches.
#[inline(always)]
fn bf16_bits(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}
