//! Memory of the activations, planned once for the largest micro-step.

use catena_kernels::{AlignedBuf, AttentionScratch, DenseType, RowOperand};

use super::linear::LinearScratch;
use crate::ModelConfig;

/// What the forward pass of one layer keeps for its backward pass.
pub(super) struct Saved {
    /// Residual stream before the attention block and before the MLP block, `[t, c]`.
    pub(super) before_attention: AlignedBuf<f32>,
    pub(super) before_mlp: AlignedBuf<f32>,
    /// Rotated queries and keys, and values.
    pub(super) q_thd: AlignedBuf<f32>,
    pub(super) k_tgd: AlignedBuf<f32>,
    pub(super) v_tgd: AlignedBuf<f32>,
    /// Attention output before `o_proj`, and the log-sum-exp of its scores.
    pub(super) attended_thd: AlignedBuf<f32>,
    pub(super) lse_th: AlignedBuf<f32>,
    /// Outputs of `gate_proj` and `up_proj`, `[t, 2 f]`; the backward pass turns them into
    /// gradients.
    pub(super) gate_up_t2f: AlignedBuf<f32>,
}

/// Memory that all layers share.
pub(super) struct Work {
    /// The residual stream and, on the way back, its gradient, `[t, c]`.
    pub(super) x_tc: AlignedBuf<f32>,
    pub(super) dx_tc: AlignedBuf<f32>,
    /// A normed input, and the gradient of one.
    pub(super) normed_tc: AlignedBuf<f32>,
    pub(super) dnormed_tc: AlignedBuf<f32>,
    /// Input of `down_proj`, and its gradient.
    pub(super) act_tf: AlignedBuf<f32>,
    pub(super) dact_tf: AlignedBuf<f32>,
    pub(super) dattended_thd: AlignedBuf<f32>,
    pub(super) dq_thd: AlignedBuf<f32>,
    pub(super) dk_tgd: AlignedBuf<f32>,
    pub(super) dv_tgd: AlignedBuf<f32>,
    /// The operand of the products at hand.
    pub(super) operand: RowOperand,
    pub(super) linear: LinearScratch,
    pub(super) attention: AttentionScratch,
}

impl Saved {
    pub(super) fn new(config: &ModelConfig, tokens: usize) -> Self {
        let rows = |width: usize| AlignedBuf::zeroed(tokens * width);
        let keys = config.num_key_value_heads * config.head_dim;
        let queries = config.num_attention_heads * config.head_dim;
        Saved {
            before_attention: rows(config.hidden_size),
            before_mlp: rows(config.hidden_size),
            q_thd: rows(queries),
            k_tgd: rows(keys),
            v_tgd: rows(keys),
            attended_thd: rows(queries),
            lse_th: rows(config.num_attention_heads),
            gate_up_t2f: rows(2 * config.intermediate_size),
        }
    }

    /// Memory held.
    pub(super) fn bytes(&self) -> usize {
        let buffers = [
            &self.before_attention,
            &self.before_mlp,
            &self.q_thd,
            &self.k_tgd,
            &self.v_tgd,
            &self.attended_thd,
            &self.lse_th,
            &self.gate_up_t2f,
        ];
        buffers.iter().map(|buffer| buffer.bytes()).sum()
    }
}

impl Work {
    pub(super) fn new(config: &ModelConfig, dtype: DenseType, tokens: usize, r: usize) -> Self {
        let rows = |width: usize| AlignedBuf::zeroed(tokens * width);
        let (c, f) = (config.hidden_size, config.intermediate_size);
        let keys = config.num_key_value_heads * config.head_dim;
        let queries = config.num_attention_heads * config.head_dim;
        let widest = c.max(f).max(queries).max(keys);
        Work {
            x_tc: rows(c),
            dx_tc: rows(c),
            normed_tc: rows(c),
            dnormed_tc: rows(c),
            act_tf: rows(f),
            dact_tf: rows(f),
            dattended_thd: rows(queries),
            dq_thd: rows(queries),
            dk_tgd: rows(keys),
            dv_tgd: rows(keys),
            operand: RowOperand::with_capacity(dtype, tokens, widest),
            linear: LinearScratch::new(dtype, tokens, widest, r),
            attention: AttentionScratch::new(),
        }
    }
}
