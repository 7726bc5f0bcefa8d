//! The forward pass of the trunk.

use super::config::{Mlp, NormPlacement, Positions};
use super::tensors::{BiasedLinear, LayerNorm};
use super::weights::EncoderLayer;
use super::{EncodeError, Encoder};
use catena_kernels::{
    AttentionMask, AttentionScratch, AttentionShape, MatmulScratch, Pool, add_bias,
    attention_forward, bias_activation, bias_layer_norm, gated_mul, layer_norm, rope,
};

/// A text as token ids, special tokens included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderInput<'a> {
    /// Its tokens.
    pub tokens: &'a [u32],
    /// The type of each token, or nothing if all are of type 0. An encoder that knows only one
    /// type passes over them.
    pub token_types: &'a [u32],
}

impl<'a> EncoderInput<'a> {
    /// A single text: all tokens are of type 0.
    pub fn single(tokens: &'a [u32]) -> Self {
        Self { tokens, token_types: &[] }
    }
}

/// Buffers of a step, kept between steps.
#[derive(Default)]
pub(super) struct EncoderScratch {
    pub(super) x_tc: Vec<f32>,
    /// What a norm before a branch gives.
    normed_tc: Vec<f32>,
    query_tc: Vec<f32>,
    key_tc: Vec<f32>,
    value_tc: Vec<f32>,
    attended_tc: Vec<f32>,
    mlp_input: Vec<f32>,
    gated_tf: Vec<f32>,
    positions_t: Vec<u32>,
    /// First row of each text, then the number of rows.
    bounds: Vec<usize>,
    matmul: MatmulScratch,
    attention: AttentionScratch,
}

impl Encoder {
    /// Refuses texts that cannot be run.
    pub(super) fn check(&self, inputs: &[EncoderInput<'_>]) -> Result<(), EncodeError> {
        let config = &self.config;
        let (max_tokens, vocab_size) = (config.max_tokens, config.vocab_size);
        let type_vocab_size = config.type_vocab_size;
        for (text, EncoderInput { tokens, token_types }) in inputs.iter().enumerate() {
            if tokens.is_empty() {
                return Err(EncodeError::Empty { text });
            }
            if tokens.len() > max_tokens {
                return Err(EncodeError::TooLong { text, tokens: tokens.len(), max_tokens });
            }
            if let Some(&token) = tokens.iter().find(|&&t| t as usize >= vocab_size) {
                return Err(EncodeError::UnknownToken { text, token, vocab_size });
            }
            if !token_types.is_empty() && token_types.len() != tokens.len() {
                let (tokens, types) = (tokens.len(), token_types.len());
                return Err(EncodeError::TypeCount { text, tokens, types });
            }
            let unknown = token_types.iter().find(|&&t| t as usize >= type_vocab_size.max(1));
            if let Some(&found) = unknown.filter(|_| type_vocab_size > 1) {
                return Err(EncodeError::UnknownType { text, found, type_vocab_size });
            }
        }
        Ok(())
    }

    /// Runs a group of texts; the last hidden states end in `x_tc`.
    pub(super) fn run_group(
        &self,
        pool: &Pool,
        group: &[EncoderInput<'_>],
        s: &mut EncoderScratch,
    ) {
        let config = &self.config;
        let (c, f) = (config.hidden_size, config.intermediate_size);
        let rows = group.iter().map(|input| input.tokens.len()).sum::<usize>();
        let EncoderScratch { x_tc, query_tc, key_tc, value_tc, attended_tc, .. } = s;
        for buf in [x_tc, query_tc, key_tc, value_tc, attended_tc] {
            buf.resize(rows * c, 0.0);
        }
        if config.norm_placement == NormPlacement::Pre {
            s.normed_tc.resize(rows * c, 0.0);
        }
        match config.mlp {
            Mlp::Plain(_) => s.mlp_input.resize(rows * f, 0.0),
            Mlp::Gated(_) => {
                s.mlp_input.resize(rows * 2 * f, 0.0);
                s.gated_tf.resize(rows * f, 0.0);
            }
        }
        self.look_up(pool, group, s);
        for layer in &self.layers {
            self.attend(pool, layer, s);
            self.feed_forward(pool, layer, s);
        }
        if let Some(norm) = &self.final_norm {
            std::mem::swap(&mut s.x_tc, &mut s.normed_tc);
            self.norm(pool, norm, &s.normed_tc, &mut s.x_tc);
        }
    }

    /// `x = norm(word + position + type)`; notes where each text begins.
    fn look_up(&self, pool: &Pool, group: &[EncoderInput<'_>], s: &mut EncoderScratch) {
        let c = self.config.hidden_size;
        s.bounds.clear();
        s.bounds.push(0);
        s.positions_t.clear();
        let mut rows = s.attended_tc.chunks_exact_mut(c);
        for input in group {
            self.number(input.tokens, &mut s.positions_t);
            s.bounds.push(s.positions_t.len());
            let positions = &s.positions_t[s.positions_t.len() - input.tokens.len()..];
            for (i, (&token, &position)) in input.tokens.iter().zip(positions).enumerate() {
                let sum_c = rows.next().expect("a row per token");
                let word_c = &self.word_embeddings[token as usize * c..][..c];
                sum_c.copy_from_slice(word_c);
                if !self.position_embeddings.is_empty() {
                    add_row(sum_c, &self.position_embeddings[position as usize * c..][..c]);
                }
                let token_type = input.token_types.get(i).copied().unwrap_or(0) as usize;
                if token_type > 0 && !self.type_embeddings.is_empty() {
                    add_row(sum_c, &self.type_embeddings[(token_type - 1) * c..][..c]);
                }
            }
        }
        self.norm(pool, &self.embed_norm, &s.attended_tc, &mut s.x_tc);
    }

    /// Appends the position of each token: its row of the position table or its angle.
    fn number(&self, tokens: &[u32], positions: &mut Vec<u32>) {
        let Positions::Learned { padding_idx: Some(padding_idx), .. } = self.config.positions
        else {
            positions.extend((0..).take(tokens.len()));
            return;
        };
        let mut last = padding_idx;
        positions.extend(tokens.iter().map(|&token| {
            if token == padding_idx {
                return padding_idx;
            }
            last += 1;
            last
        }));
    }

    /// `x += out(attend(qkv(x)))`, normed behind or before.
    fn attend(&self, pool: &Pool, layer: &EncoderLayer, s: &mut EncoderScratch) {
        let config = &self.config;
        let before = match (&layer.attention_norm, config.norm_placement) {
            (Some(norm), NormPlacement::Pre) => {
                self.norm(pool, norm, &s.x_tc, &mut s.normed_tc);
                &s.normed_tc
            }
            (None, _) | (_, NormPlacement::Post) => &s.x_tc,
        };
        layer.query.apply(pool, before, &mut s.query_tc, &mut s.matmul);
        layer.key.apply(pool, before, &mut s.key_tc, &mut s.matmul);
        layer.value.apply(pool, before, &mut s.value_tc, &mut s.matmul);
        if let Some(rope_idx) = layer.rope_idx {
            let (c, heads) = (config.hidden_size, config.num_attention_heads);
            for x in [&mut s.query_tc, &mut s.key_tc] {
                rope(pool, x, c, heads, &s.positions_t, &self.ropes[rope_idx]);
            }
        }
        attention_forward(
            pool,
            &self.attention_shape(layer),
            &s.bounds,
            &s.query_tc,
            &s.key_tc,
            &s.value_tc,
            &mut s.attended_tc,
            None,
            &mut s.attention,
        );
        layer.attention_output.add_product(pool, &s.attended_tc, &mut s.x_tc, &mut s.matmul);
        self.end_branch(pool, &layer.attention_output, layer.attention_norm.as_ref(), &mut s.x_tc);
    }

    /// `x += output(act(input(x)))`, normed behind or before.
    fn feed_forward(&self, pool: &Pool, layer: &EncoderLayer, s: &mut EncoderScratch) {
        let config = &self.config;
        let before = match config.norm_placement {
            NormPlacement::Post => &s.x_tc,
            NormPlacement::Pre => {
                self.norm(pool, &layer.mlp_norm, &s.x_tc, &mut s.normed_tc);
                &s.normed_tc
            }
        };
        let (input, matmul) = (&layer.mlp_input, &mut s.matmul);
        let inner_tf = match config.mlp {
            Mlp::Plain(act) => {
                let n = input.weight.n();
                input.weight.apply(pool, before, &mut s.mlp_input, n, false, matmul);
                bias_activation(pool, act, &mut s.mlp_input, input.bias());
                &s.mlp_input
            }
            Mlp::Gated(gate) => {
                input.apply(pool, before, &mut s.mlp_input, matmul);
                gated_mul(pool, gate, &s.mlp_input, config.intermediate_size, &mut s.gated_tf);
                &s.gated_tf
            }
        };
        layer.mlp_output.add_product(pool, inner_tf, &mut s.x_tc, &mut s.matmul);
        self.end_branch(pool, &layer.mlp_output, Some(&layer.mlp_norm), &mut s.x_tc);
    }

    /// Adds the bias of the branch's last product, and norms if norms stand behind.
    fn end_branch(
        &self,
        pool: &Pool,
        last: &BiasedLinear,
        norm: Option<&LayerNorm>,
        x_tc: &mut [f32],
    ) {
        let eps = self.config.layer_norm_eps;
        match (self.config.norm_placement, norm) {
            (NormPlacement::Post, Some(norm)) => {
                let added_c = last.bias();
                bias_layer_norm(pool, x_tc, added_c, &norm.gain_c, &norm.bias_c, eps);
            }
            (NormPlacement::Post, None) | (NormPlacement::Pre, _) => {
                if let Some(bias_c) = &last.bias_n {
                    add_bias(pool, x_tc, bias_c.len(), bias_c);
                }
            }
        }
    }

    fn attention_shape(&self, layer: &EncoderLayer) -> AttentionShape {
        let (heads, head_dim) = (self.config.num_attention_heads, self.config.head_dim());
        let window = |radius| AttentionMask::Window { radius };
        AttentionShape {
            num_attention_heads: heads,
            num_key_value_heads: heads,
            head_dim,
            value_head_dim: head_dim,
            scale: (head_dim as f32).sqrt().recip(),
            mask: layer.attention.radius.map_or(AttentionMask::Bidirectional, window),
            logit_softcap: None,
            dtype: self.dense_type,
        }
    }

    fn norm(&self, pool: &Pool, norm: &LayerNorm, x_tc: &[f32], out_tc: &mut [f32]) {
        let eps = self.config.layer_norm_eps;
        layer_norm(pool, x_tc, &norm.gain_c, &norm.bias_c, eps, out_tc);
    }
}

fn add_row(sum_c: &mut [f32], row_c: &[f32]) {
    for (sum, value) in sum_c.iter_mut().zip(row_c) {
        *sum += value;
    }
}
