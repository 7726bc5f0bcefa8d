//! Buffers of a step, owned by the caller.

use super::Decoder;
use super::adapters::{AdapterBuffers, AdapterSet};
use super::latent::LatentScratch;
use super::moe::MoeScratch;
use super::plain::PartScratch;
use catena_kernels::{AlignedBuf, MatmulScratch};

/// All buffers that a step of a [`Decoder`] writes, made once and used again.
///
/// Its size is set by `max_rows` and the model, except for the logits, which grow to the largest
/// number of rows that a step asked for, and buffers for adapters, which grow with their rank.
pub struct Scratch {
    pub(super) max_rows: usize,
    /// Residual stream `[t, c]`.
    pub(super) x_tc: AlignedBuf<f32>,
    /// Normed rows `[t, c]`.
    pub(super) normed_tc: AlignedBuf<f32>,
    /// What attention or MLP give, where that is not added to the residual stream at once `[t, c]`.
    pub(super) delta_tc: AlignedBuf<f32>,
    /// Query, key and value columns of each row `[t, (h + 2 g) d]`.
    pub(super) qkv: AlignedBuf<f32>,
    /// Attention's result `[t, h d]`.
    pub(super) attended: AlignedBuf<f32>,
    /// Gate and up columns of each row `[t, 2 f]`.
    pub(super) gate_up: AlignedBuf<f32>,
    /// `act(gate) * up` `[t, f]`.
    pub(super) mlp_tf: AlignedBuf<f32>,
    pub(super) latent: LatentScratch,
    pub(super) moe: MoeScratch,
    /// What each thread works in where rows go on part by part.
    pub(super) parts: Vec<PartScratch>,
    pub(super) tokens_t: Vec<u32>,
    pub(super) positions_t: Vec<u32>,
    pub(super) beside: AdapterBuffers,
    pub(super) logits_tv: Vec<f32>,
    /// The largest of each block of logits.
    pub(super) maxima: Vec<f32>,
    pub(super) matmul: MatmulScratch,
}

impl Scratch {
    pub(super) fn new(decoder: &Decoder, max_rows: usize) -> Self {
        assert!(max_rows > 0, "a step needs at least one row, max_rows is 0");
        let config = decoder.config();
        let buf = |columns: usize| AlignedBuf::zeroed(max_rows * columns);
        let mlp_width =
            config.moe.map_or(0, |moe| moe.moe_intermediate_size.max(moe.shared_intermediate_size));
        let mlp_width = mlp_width.max(config.intermediate_size);
        let added_later = config.residual.norms_outputs()
            || config.moe.is_some()
            || config.has_residual_multiplier()
            || config.learned_positions;
        Self {
            max_rows,
            x_tc: buf(config.hidden_size),
            normed_tc: buf(config.hidden_size),
            delta_tc: buf(if added_later { config.hidden_size } else { 0 }),
            qkv: buf(decoder.qkv_width()),
            attended: buf(decoder.attended_width()),
            gate_up: buf(2 * mlp_width),
            mlp_tf: buf(mlp_width),
            latent: LatentScratch::new(config, max_rows),
            moe: MoeScratch::new(config, max_rows),
            parts: PartScratch::for_threads(decoder, max_rows),
            tokens_t: Vec::with_capacity(max_rows),
            positions_t: Vec::with_capacity(max_rows),
            beside: AdapterBuffers::default(),
            logits_tv: Vec::new(),
            maxima: Vec::new(),
            matmul: MatmulScratch::default(),
        }
    }

    /// Makes room for steps with these adapters, so that they need none of their own.
    pub fn make_room(&mut self, adapters: &AdapterSet) {
        let width = self.x_tc.len() / self.max_rows;
        self.beside.make_room(adapters, self.max_rows, width);
    }

    /// Rows that run through the layers at once; longer steps are cut.
    pub fn max_rows(&self) -> usize {
        self.max_rows
    }

    /// Bytes of all buffers, without those that products keep for themselves.
    pub fn bytes(&self) -> usize {
        let floats = self.x_tc.len()
            + self.normed_tc.len()
            + self.delta_tc.len()
            + self.qkv.len()
            + self.attended.len()
            + self.gate_up.len()
            + self.mlp_tf.len()
            + self.latent.len()
            + self.moe.len()
            + self.parts.iter().map(PartScratch::len).sum::<usize>()
            + self.beside.len()
            + self.logits_tv.capacity()
            + self.maxima.capacity();
        let numbers = self.tokens_t.capacity() + self.positions_t.capacity();
        floats * size_of::<f32>() + numbers * size_of::<u32>()
    }
}
