//! Buffers of a step, owned by the caller.

use super::Decoder;
use catena_kernels::{AlignedBuf, MatmulScratch};

/// All buffers that a step of a [`Decoder`] writes, made once and used again.
///
/// Its size is set by `max_rows` and the model, except for the logits, which grow to the largest
/// number of rows that a step asked for.
pub struct Scratch {
    pub(super) max_rows: usize,
    /// Residual stream `[t, c]`.
    pub(super) x_tc: AlignedBuf<f32>,
    /// Normed rows `[t, c]`; also takes the outputs of products before they are added.
    pub(super) normed_tc: AlignedBuf<f32>,
    /// Query, key and value columns of each row `[t, (h + 2 g) d]`.
    pub(super) qkv: AlignedBuf<f32>,
    /// Attention's result `[t, h d]`.
    pub(super) attended: AlignedBuf<f32>,
    /// Gate and up columns of each row `[t, 2 f]`.
    pub(super) gate_up: AlignedBuf<f32>,
    /// `silu(gate) * up` `[t, f]`.
    pub(super) mlp_tf: AlignedBuf<f32>,
    pub(super) positions_t: Vec<u32>,
    pub(super) logits_tv: Vec<f32>,
    pub(super) matmul: MatmulScratch,
}

impl Scratch {
    pub(super) fn new(decoder: &Decoder, max_rows: usize) -> Self {
        assert!(max_rows > 0, "a step needs at least one row, max_rows is 0");
        let config = decoder.config();
        let buf = |columns: usize| AlignedBuf::zeroed(max_rows * columns);
        Self {
            max_rows,
            x_tc: buf(config.hidden_size),
            normed_tc: buf(config.hidden_size),
            qkv: buf(decoder.qkv_width()),
            attended: buf(config.num_attention_heads * config.head_dim),
            gate_up: buf(2 * config.intermediate_size),
            mlp_tf: buf(config.intermediate_size),
            positions_t: Vec::with_capacity(max_rows),
            logits_tv: Vec::new(),
            matmul: MatmulScratch::default(),
        }
    }

    /// Rows that run through the layers at once; longer steps are cut.
    pub fn max_rows(&self) -> usize {
        self.max_rows
    }

    /// Bytes of all buffers, without those that products keep for themselves.
    pub fn bytes(&self) -> usize {
        let floats = self.x_tc.len()
            + self.normed_tc.len()
            + self.qkv.len()
            + self.attended.len()
            + self.gate_up.len()
            + self.mlp_tf.len()
            + self.logits_tv.capacity();
        floats * size_of::<f32>() + self.positions_t.capacity() * size_of::<u32>()
    }
}
