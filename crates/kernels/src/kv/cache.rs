//! [`KvCache`]: the pages and who they belong to.

use super::attend::AttendScratch;
use super::planes::{AnyPlanes, KvType};
use super::write::Touched;
use crate::KernelError;

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

/// Keys and values of many sequences, in pages.
///
/// Reserves address space for all blocks at once; the system gives memory when pages are first
/// written.
pub struct KvCache {
    pub(super) shape: KvShape,
    pub(super) num_blocks: usize,
    pub(super) planes: AnyPlanes,
    /// Reused by writes: the pages of the call, and in which call each block was last written.
    pub(super) touched: Vec<Touched>,
    pub(super) written_in: Vec<u64>,
    pub(super) num_writes: u64,
    pub(super) scratch: AttendScratch,
}

impl KvCache {
    /// An empty cache of `num_blocks` blocks of 16 tokens.
    ///
    /// # Errors
    /// Sizes of zero or beyond reason, an odd `head_dim`, or not enough memory.
    pub fn new(shape: KvShape, kv_type: KvType, num_blocks: usize) -> Result<Self, KernelError> {
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
        Ok(Self {
            shape,
            num_blocks,
            planes: AnyPlanes::new(kv_type, pages, shape.head_dim)?,
            touched: Vec::new(),
            written_in: vec![0; num_blocks],
            num_writes: 0,
            scratch: AttendScratch::default(),
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
        self.planes.bytes()
    }

    /// What keys and values are held in.
    pub fn kv_type(&self) -> KvType {
        self.planes.kv_type()
    }
}

impl std::fmt::Debug for KvCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KvCache")
            .field("shape", &self.shape)
            .field("kv_type", &self.kv_type())
            .field("num_blocks", &self.num_blocks)
            .finish_non_exhaustive()
    }
}
