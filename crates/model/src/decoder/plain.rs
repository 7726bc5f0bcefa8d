//! Steps of many rows: a thread takes some rows through everything between two attentions.
//!
//! Attention needs the keys and values of all rows, so there the threads wait for each other; what
//! lies between (product, residual connection, norm, MLP, norm, product, rotation) needs a row alone.
//! Done operation by operation, that is a dozen of dispatches a layer over matrices that fit no
//! core's cache. Done part by part, it is one, and what the operations hand on stays in the cache.
//! The operations and their order for a row are the same, so its bits are.

use catena_kernels::{AlignedBuf, KvCache, MatmulScratch, Pool, rope};

use super::adapters::{AdapterBuffers, Deltas, Runs};
use super::attention::{Attention, Heads};
use super::batch::RowBlock;
use super::mlp::{Dense, Mlp, MlpBuffers};
use super::norm::Norm;
use super::weights::Layer;
use super::{Decoder, Scratch};
use crate::config::Residual;

/// Rows of a part at most: their gate and up columns fit the second-level cache for widths of small
/// models, and weights are read often enough from it to cost nothing beside the arithmetic.
const MOST_ROWS: usize = 64;
/// Rows for each thread below which products are cut by columns instead: weights would be read too
/// often for the few rows that they are multiplied by.
const ROWS_PER_THREAD: usize = 32;
/// Parts are a multiple of this, as the products take rows in steps.
const ROW_STEP: usize = 4;

/// What one thread works in.
pub(super) struct PartScratch {
    /// Runs operations on the thread that calls them.
    alone: Pool,
    /// Normed rows `[t, c]`.
    normed_tc: AlignedBuf<f32>,
    /// Gate and up columns of each row `[t, 2 f]`.
    gate_up: AlignedBuf<f32>,
    /// `act(gate) * up` `[t, f]`.
    mlp_tf: AlignedBuf<f32>,
    beside: AdapterBuffers,
    matmul: MatmulScratch,
}

/// The rows of a part.
struct Part<'a> {
    positions_t: &'a [u32],
    x_tc: &'a mut [f32],
    qkv: &'a mut [f32],
    attended: &'a [f32],
}

/// The weights of a layer whose rows may go on alone.
struct Plain<'a> {
    input_norm: &'a Norm,
    heads: &'a Heads,
    mlp_norm: &'a Norm,
    mlp: &'a Dense,
}

impl PartScratch {
    /// One for each thread; none if the decoder's rows never go on alone.
    pub(super) fn for_threads(decoder: &Decoder, max_rows: usize) -> Vec<Self> {
        let threads = decoder.pool.threads();
        if max_rows < threads * ROWS_PER_THREAD || !decoder.is_plain() {
            return Vec::new();
        }
        let (c, f) = (decoder.config.hidden_size, decoder.config.intermediate_size);
        let buf = |columns: usize| AlignedBuf::zeroed(MOST_ROWS * columns);
        let one = |_| Self {
            alone: Pool::new(1),
            normed_tc: buf(c),
            gate_up: buf(2 * f),
            mlp_tf: buf(f),
            beside: AdapterBuffers::default(),
            matmul: MatmulScratch::default(),
        };
        (0..threads).map(one).collect()
    }

    /// Values of its buffers.
    pub(super) fn len(&self) -> usize {
        self.normed_tc.len() + self.gate_up.len() + self.mlp_tf.len()
    }
}

impl Decoder {
    /// Whether the rows of `block` go through the layers part by part.
    pub(super) fn runs_in_parts(&self, block: &RowBlock<'_>, scratch: &Scratch) -> bool {
        !scratch.parts.is_empty()
            && block.num_rows >= self.pool.threads() * ROWS_PER_THREAD
            && block.runs.is_empty()
    }

    /// Takes the rows of a block up to the last attention.
    pub(super) fn attend_in_parts(
        &self,
        block: &RowBlock<'_>,
        kv: &mut [KvCache],
        scratch: &mut Scratch,
    ) {
        let mut before: Option<Plain<'_>> = None;
        for layer in &self.layers {
            let plain = self.plain(layer).expect("all layers were looked at");
            self.advance_parts(before.as_ref(), (layer, &plain), block.num_rows, scratch);
            self.attend_to_cache(layer, block, &mut kv[layer.kv_group], scratch);
            before = Some(plain);
        }
    }

    /// Ends the layer before, if there is one, and begins the next, for all rows.
    fn advance_parts(
        &self,
        before: Option<&Plain<'_>>,
        (layer, next): (&Layer, &Plain<'_>),
        rows: usize,
        scratch: &mut Scratch,
    ) {
        let Scratch { x_tc, qkv, attended, positions_t, parts, .. } = scratch;
        let matrices = [
            (&mut x_tc[..], self.config.hidden_size),
            (&mut qkv[..], self.qkv_width()),
            (&mut attended[..], self.attended_width()),
        ];
        let part_rows = part_rows(rows, self.pool.threads());
        self.pool.for_each_block((rows, part_rows), matrices, parts, &|own, (rows, matrices)| {
            let [x_tc, qkv, attended] = matrices;
            let mut part = Part { positions_t: &positions_t[rows], x_tc, qkv, attended };
            if let Some(before) = before {
                end_layer(before, &mut part, own);
            }
            self.begin_layer(layer, next, &mut part, own);
        });
    }

    /// `qkv = rope(qkv(norm(x)))`.
    fn begin_layer(
        &self,
        layer: &Layer,
        plain: &Plain<'_>,
        part: &mut Part<'_>,
        own: &mut PartScratch,
    ) {
        let PartScratch { alone, normed_tc, matmul, .. } = own;
        let normed_tc = &mut normed_tc[..part.x_tc.len()];
        plain.input_norm.apply(alone, part.x_tc, normed_tc);
        let (heads, width) = (plain.heads, self.qkv_width());
        heads.qkv_proj.apply(alone, normed_tc, part.qkv, width, false, matmul);
        heads.norm_queries_and_keys(alone, &self.config, part.qkv);
        if let Some(idx) = layer.rope {
            let rotated = self.config.num_attention_heads + self.config.num_key_value_heads;
            rope(alone, part.qkv, width, rotated, part.positions_t, &self.ropes[idx]);
        }
    }

    /// Whether all layers are plain.
    fn is_plain(&self) -> bool {
        self.layers.iter().all(|layer| self.plain(layer).is_some())
    }

    /// The weights of the layer, if it adds what attention and a dense MLP give to the residual stream
    /// one after the other, as they are.
    fn plain<'a>(&self, layer: &'a Layer) -> Option<Plain<'a>> {
        let later = self.is_added_later(layer.post_self_attn_layernorm.as_ref())
            || self.is_added_later(layer.post_mlp_layernorm.as_ref());
        if later || self.config.residual == Residual::Parallel {
            return None;
        }
        let (Attention::Heads(heads), Mlp::Dense(mlp)) = (&layer.attention, &layer.mlp) else {
            return None;
        };
        let input_norm = layer.input_layernorm.as_ref()?;
        let mlp_norm = layer.post_attention_layernorm.as_ref()?;
        Some(Plain { input_norm, heads, mlp_norm, mlp })
    }
}

/// `x += o(attended)`, then `x += mlp(norm(x))`.
fn end_layer(plain: &Plain<'_>, part: &mut Part<'_>, own: &mut PartScratch) {
    let PartScratch { alone, normed_tc, gate_up, mlp_tf, beside, matmul } = own;
    let (x_tc, o_proj) = (&mut *part.x_tc, &plain.heads.o_proj);
    o_proj.apply(alone, part.attended, x_tc, o_proj.n(), true, matmul);
    let normed_tc = &mut normed_tc[..x_tc.len()];
    plain.mlp_norm.apply(alone, x_tc, normed_tc);
    let deltas = Deltas { runs: &Runs::default(), layer: 0 };
    let mut buffers = MlpBuffers { gate_up, mlp_tf, matmul, beside, deltas, expert: None };
    plain.mlp.apply(alone, normed_tc, x_tc, true, &mut buffers);
}

/// Rows of a part: equally many parts for every thread, as near as may be.
fn part_rows(rows: usize, threads: usize) -> usize {
    let parts = rows.div_ceil(threads * MOST_ROWS) * threads;
    rows.div_ceil(parts).next_multiple_of(ROW_STEP)
}
