//! Layers of the common shape: between two attentions stands one chain of products.
//!
//! Attention needs the keys and values of all rows. What lies between (output product, residual
//! connection, norm, MLP, norm, product of queries, keys and values) needs a row alone, and is one
//! job; attention with all that makes its queries and keys is the other of a layer.
//!
//! Of few rows, as of sequences that generate, all threads take every product of the chain together,
//! each some of its columns: each weight is read once. Of many rows, as of prompts, each thread takes
//! some through the whole chain, and what its products hand on stays in the thread's cache. The
//! operations on a row and their order are the same either way, so its bits are.

use catena_kernels::{
    AlignedBuf, Finish, HeadNorms, KvCache, LOGITS_BLOCK, Link, LogitsFinish, MatmulScratch, Pool,
    Turn,
};

use super::attention::{Attention, Heads};
use super::batch::RowBlock;
use super::mlp::{Dense, Mlp};
use super::norm::Norm;
use super::weights::Layer;
use super::{Decoder, Scratch};
use crate::config::{Mlp as MlpKind, Residual};

/// Rows of a part at most: their gate and up columns fit the second-level cache for widths of small
/// models, and weights are read often enough from it to cost nothing beside the arithmetic.
const MOST_ROWS: usize = 64;
/// Rows for each thread below which products are cut by columns instead: weights would be read too
/// often for the few rows that they are multiplied by.
const ROWS_PER_THREAD: usize = 32;
/// Parts are a multiple of this, as the products take rows in steps.
const ROW_STEP: usize = 4;

/// The matrices of a chain: residual stream, queries with keys and values, what attention gave, gate
/// and up columns, what the gate leaves of these.
const X: usize = 0;
const QKV: usize = 1;
const ATTENDED: usize = 2;
const GATE_UP: usize = 3;
const MLP: usize = 4;
/// In the last chain, beside them.
const LOGITS: usize = 5;
const MAXIMA: usize = 6;

/// What one thread works in that takes rows through a chain alone.
pub(super) struct PartScratch {
    /// Runs chains on the thread that calls them.
    alone: Pool,
    /// Gate and up columns of each row `[t, 2 f]`.
    gate_up: AlignedBuf<f32>,
    /// `act(gate) * up` `[t, f]`.
    mlp_tf: AlignedBuf<f32>,
    matmul: MatmulScratch,
}

/// The weights of a layer of the common shape.
#[derive(Clone, Copy)]
struct Plain<'a> {
    input_norm: &'a Norm,
    heads: &'a Heads,
    mlp_norm: &'a Norm,
    mlp: &'a Dense,
}

impl PartScratch {
    /// One for each thread; none if rows never go alone.
    pub(super) fn for_threads(decoder: &Decoder, max_rows: usize) -> Vec<Self> {
        let threads = decoder.pool.threads();
        if max_rows < threads * ROWS_PER_THREAD || !decoder.is_plain() {
            return Vec::new();
        }
        let f = decoder.config.intermediate_size;
        let buf = |columns: usize| AlignedBuf::zeroed(MOST_ROWS * columns);
        let one = |_| Self {
            alone: Pool::new(1),
            gate_up: buf(2 * f),
            mlp_tf: buf(f),
            matmul: MatmulScratch::default(),
        };
        (0..threads).map(one).collect()
    }

    /// Values of its buffers.
    pub(super) fn len(&self) -> usize {
        self.gate_up.len() + self.mlp_tf.len()
    }
}

impl<'a> Plain<'a> {
    /// `qkv = qkv(norm(x))`.
    fn begin(&self) -> Link<'a> {
        let norm = self.input_norm.of_rows();
        self.heads.qkv_proj.link((X, QKV), Some(norm), Finish::Store)
    }

    /// `x += o(attended)`, then `x += mlp(norm(x))`.
    fn end(&self) -> [Link<'a>; 3] {
        let (finish, inner) = match self.mlp.kind {
            MlpKind::Gated(gate) => (Finish::Gated { gate, into: MLP }, MLP),
            MlpKind::Plain(act) => (Finish::Activated(act), GATE_UP),
        };
        let norm = self.mlp_norm.of_rows();
        [
            self.heads.o_proj.link((ATTENDED, X), None, Finish::Add),
            self.mlp.up_proj.link((X, GATE_UP), Some(norm), finish),
            self.mlp.down_proj.link((inner, X), None, Finish::Add),
        ]
    }
}

impl Decoder {
    /// Takes the rows of a block through all layers of a plain decoder, and those whose logits are
    /// wanted to these, from row `first` of the result on; how many they are.
    pub(super) fn run_plain(
        &self,
        block: &RowBlock<'_>,
        kv: &mut [KvCache],
        first: usize,
        scratch: &mut Scratch,
    ) -> usize {
        let mut before: Option<Plain<'_>> = None;
        for layer in &self.layers {
            let next = self.plain(layer).expect("all layers were looked at");
            match before.map(|before| before.end()) {
                None => self.run_links([next.begin()], block.num_rows, scratch),
                Some([o, up, down]) => {
                    self.run_links([o, up, down, next.begin()], block.num_rows, scratch);
                }
            }
            let turn = self.turn(layer, next.heads);
            self.attend_to_cache(layer, block, turn, &mut kv[layer.kv_group], scratch);
            before = Some(next);
        }
        let wanted = self.keep_wanted_rows(block, scratch);
        self.end_plain(before.as_ref(), wanted, first, scratch);
        wanted
    }

    /// Runs a chain over the first `rows` rows.
    fn run_links<const N: usize>(&self, links: [Link<'_>; N], rows: usize, scratch: &mut Scratch) {
        let (c, f) = (self.config.hidden_size, self.config.intermediate_size);
        let (qkv_width, attended_width) = (self.qkv_width(), self.attended_width());
        let Scratch { x_tc, qkv, attended, gate_up, mlp_tf, parts, matmul, .. } = scratch;
        let threads = self.pool.threads();
        if parts.is_empty() || rows < threads * ROWS_PER_THREAD {
            let matrices = [
                (&mut x_tc[..], c),
                (&mut qkv[..], qkv_width),
                (&mut attended[..], attended_width),
                (&mut gate_up[..], 2 * f),
                (&mut mlp_tf[..], f),
            ];
            return self.pool.run_chain(rows, matrices, links, matmul);
        }
        let matrices =
            [(&mut x_tc[..], c), (&mut qkv[..], qkv_width), (&mut attended[..], attended_width)];
        let part_rows = part_rows(rows, threads);
        self.pool.for_each_block((rows, part_rows), matrices, parts, &|own, (rows, matrices)| {
            let PartScratch { alone, gate_up, mlp_tf, matmul } = own;
            let [x_tc, qkv, attended] = matrices;
            let matrices = [
                (x_tc, c),
                (qkv, qkv_width),
                (attended, attended_width),
                (&mut gate_up[..], 2 * f),
                (&mut mlp_tf[..], f),
            ];
            alone.run_chain(rows.len(), matrices, links, matmul);
        });
    }

    /// Ends the last layer, if there is one, and computes the logits of the first `rows` rows.
    fn end_plain(&self, last: Option<&Plain<'_>>, rows: usize, first: usize, s: &mut Scratch) {
        let (c, f, v) =
            (self.config.hidden_size, self.config.intermediate_size, self.config.vocab_size);
        let blocks = v.div_ceil(LOGITS_BLOCK);
        let matrices = [
            (&mut s.x_tc[..], c),
            (&mut s.qkv[..], self.qkv_width()),
            (&mut s.attended[..], self.attended_width()),
            (&mut s.gate_up[..], 2 * f),
            (&mut s.mlp_tf[..], f),
            (&mut s.logits_tv[first * v..], v),
            (&mut s.maxima[first * blocks..], blocks),
        ];
        let (pool, matmul) = (&self.pool, &mut s.matmul);
        let head = self.head_link((X, LOGITS), MAXIMA);
        match last.map(Plain::end) {
            None => pool.run_chain(rows, matrices, [head], matmul),
            Some([o, up, down]) => pool.run_chain(rows, matrices, [o, up, down, head], matmul),
        }
    }

    /// `logits = head(norm(x))`, finished.
    pub(super) fn head_link(&self, places: (usize, usize), maxima: usize) -> Link<'_> {
        let finish = Finish::Logits { finish: self.logits_finish(), maxima };
        self.head().link(places, Some(self.norm.of_rows()), finish)
    }

    /// What becomes of logits behind the head.
    pub(super) fn logits_finish(&self) -> LogitsFinish {
        let divisor = self.config.logits_scaling;
        LogitsFinish {
            scale: (divisor.to_bits() != 1f32.to_bits()).then(|| divisor.recip()),
            cap: self.config.final_logit_softcapping,
        }
    }

    /// What becomes of queries and keys of a layer, if each head is normed by itself or none is.
    pub(super) fn turn<'a>(&'a self, layer: &Layer, heads: &'a Heads) -> Turn<'a> {
        let eps = self.config.norm_eps;
        let norms = heads.qk_norms.as_ref();
        let norms = norms.map(|(q_gain_d, k_gain_d)| HeadNorms { q_gain_d, k_gain_d, eps });
        Turn { norms, rope: layer.rope.map(|idx| &self.ropes[idx]) }
    }

    /// Whether all layers are plain.
    pub(super) fn is_plain(&self) -> bool {
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
        if heads.norms_all_heads_together(&self.config) {
            return None;
        }
        let input_norm = layer.input_layernorm.as_ref()?;
        let mlp_norm = layer.post_attention_layernorm.as_ref()?;
        Some(Plain { input_norm, heads, mlp_norm, mlp })
    }
}

/// Rows of a part: equally many parts for every thread, as near as may be.
fn part_rows(rows: usize, threads: usize) -> usize {
    let parts = rows.div_ceil(threads * MOST_ROWS) * threads;
    rows.div_ceil(parts).next_multiple_of(ROW_STEP)
}
