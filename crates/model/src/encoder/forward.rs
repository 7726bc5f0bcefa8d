//! The forward pass of the encoder.

use super::weights::{BiasedLinear, EncoderLayer, LayerNorm};
use super::{Activation, Encoder, Pooling};
use catena_kernels::{
    AttentionMask, AttentionScratch, AttentionShape, MatmulScratch, Pool, add_bias,
    attention_forward, gelu_erf, layer_norm,
};
use thiserror::Error;

/// Rows (tokens) that run through the layers at once, unless one text alone has more.
const MAX_ROWS: usize = 1024;

/// Length below which a vector counts as zero when it is scaled to unit length, as in PyTorch.
const MIN_NORM: f32 = 1e-12;

/// A text that cannot be embedded. Nothing was computed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// Fix the input: a text without tokens has no embedding.
    #[error("text {text} of the batch has no tokens")]
    Empty {
        /// Index of the text in the batch.
        text: usize,
    },
    /// Fix the input: split the text, or cut it with [`Encoder::truncate`].
    #[error("text {text} of the batch has {tokens} tokens, the encoder takes at most {max_tokens}")]
    TooLong {
        /// Index of the text in the batch.
        text: usize,
        /// Its tokens.
        tokens: usize,
        /// The encoder's limit.
        max_tokens: usize,
    },
    /// Fix the input: the token is not in the vocabulary.
    #[error("text {text} of the batch has token {token}, the vocabulary has {vocab_size}")]
    UnknownToken {
        /// Index of the text in the batch.
        text: usize,
        /// The token.
        token: u32,
        /// The encoder's `vocab_size`.
        vocab_size: usize,
    },
}

/// Buffers of a step, kept between steps.
#[derive(Default)]
pub(super) struct EncoderScratch {
    x_tc: Vec<f32>,
    /// A residual sum before its norm.
    sum_tc: Vec<f32>,
    query_tc: Vec<f32>,
    key_tc: Vec<f32>,
    value_tc: Vec<f32>,
    attended_tc: Vec<f32>,
    mlp_tf: Vec<f32>,
    /// First row of each text, then the number of rows.
    bounds: Vec<usize>,
    matmul: MatmulScratch,
    attention: AttentionScratch,
}

impl Encoder {
    /// Cuts a text that is too long and returns how many tokens were dropped.
    ///
    /// The last token (the separator) is kept as the last, as `transformers` truncates.
    pub fn truncate(&self, tokens: &mut Vec<u32>) -> usize {
        let max_tokens = self.max_tokens();
        let dropped = tokens.len().saturating_sub(max_tokens);
        if dropped > 0 {
            tokens.drain(max_tokens - 1..tokens.len() - 1);
        }
        dropped
    }

    /// Embeds texts given as token ids, special tokens included; one vector `[c]` per text.
    ///
    /// # Errors
    /// A text is empty, too long or has an unknown token; checked before anything is computed.
    pub fn embed(&self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EncodeError> {
        self.check(batch)?;
        let mut embeddings = Vec::with_capacity(batch.len());
        let mut scratch = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut rest = batch;
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = |tokens: &&Vec<u32>| {
                rows += tokens.len();
                rows <= MAX_ROWS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (group, tail) = rest.split_at(count);
            self.run(group, &mut scratch);
            embeddings.extend((0..count).map(|text| self.pooled(text, &scratch)));
            rest = tail;
        }
        Ok(embeddings)
    }

    fn check(&self, batch: &[Vec<u32>]) -> Result<(), EncodeError> {
        let (max_tokens, vocab_size) = (self.max_tokens(), self.config.vocab_size);
        for (text, tokens) in batch.iter().enumerate() {
            if tokens.is_empty() {
                return Err(EncodeError::Empty { text });
            }
            if tokens.len() > max_tokens {
                return Err(EncodeError::TooLong { text, tokens: tokens.len(), max_tokens });
            }
            if let Some(&token) = tokens.iter().find(|&&t| t as usize >= vocab_size) {
                return Err(EncodeError::UnknownToken { text, token, vocab_size });
            }
        }
        Ok(())
    }

    /// Runs a group of texts; the last hidden states end in `x_tc`.
    fn run(&self, group: &[Vec<u32>], s: &mut EncoderScratch) {
        let (c, f) = (self.config.hidden_size, self.config.intermediate_size);
        let rows = group.iter().map(Vec::len).sum::<usize>();
        let EncoderScratch { x_tc, sum_tc, query_tc, key_tc, value_tc, attended_tc, .. } = s;
        for buf in [x_tc, sum_tc, query_tc, key_tc, value_tc, attended_tc] {
            buf.resize(rows * c, 0.0);
        }
        s.mlp_tf.resize(rows * f, 0.0);
        self.look_up(group, s);
        self.norm(&self.embed_norm, &s.sum_tc, &mut s.x_tc);
        for layer in &self.layers {
            self.layer(layer, s);
        }
    }

    /// Sums of word, position and segment vectors into `sum_tc`.
    fn look_up(&self, group: &[Vec<u32>], s: &mut EncoderScratch) {
        let c = self.config.hidden_size;
        s.bounds.clear();
        s.bounds.push(0);
        let mut row = 0;
        for tokens in group {
            for (position, &token) in tokens.iter().enumerate() {
                let word_c = &self.word_embeddings[token as usize * c..][..c];
                let position_c = &self.position_embeddings[position * c..][..c];
                let sum_c = &mut s.sum_tc[row * c..][..c];
                for ((sum, word), position) in sum_c.iter_mut().zip(word_c).zip(position_c) {
                    *sum = word + position;
                }
                row += 1;
            }
            s.bounds.push(row);
        }
    }

    /// `x = norm(x + out(attend(qkv(x))))`, `x = norm(x + output(gelu(intermediate(x))))`.
    fn layer(&self, layer: &EncoderLayer, s: &mut EncoderScratch) {
        let pool = &*self.pool;
        let matmul = &mut s.matmul;
        layer.query.apply(pool, &s.x_tc, &mut s.query_tc, false, matmul);
        layer.key.apply(pool, &s.x_tc, &mut s.key_tc, false, matmul);
        layer.value.apply(pool, &s.x_tc, &mut s.value_tc, false, matmul);
        attention_forward(
            pool,
            &self.attention_shape(),
            &s.bounds,
            &s.query_tc,
            &s.key_tc,
            &s.value_tc,
            &mut s.attended_tc,
            None,
            &mut s.attention,
        );
        s.sum_tc.copy_from_slice(&s.x_tc);
        layer.attention_output.apply(pool, &s.attended_tc, &mut s.sum_tc, true, matmul);
        self.norm(&layer.attention_norm, &s.sum_tc, &mut s.x_tc);
        layer.intermediate.apply(pool, &s.x_tc, &mut s.mlp_tf, false, matmul);
        match self.config.hidden_act {
            Activation::Gelu => gelu_erf(pool, &mut s.mlp_tf),
        }
        s.sum_tc.copy_from_slice(&s.x_tc);
        layer.output.apply(pool, &s.mlp_tf, &mut s.sum_tc, true, matmul);
        self.norm(&layer.output_norm, &s.sum_tc, &mut s.x_tc);
    }

    fn attention_shape(&self) -> AttentionShape {
        let heads = self.config.num_attention_heads;
        let head_dim = self.config.hidden_size / heads;
        AttentionShape {
            num_attention_heads: heads,
            num_key_value_heads: heads,
            head_dim,
            scale: (head_dim as f32).sqrt().recip(),
            mask: AttentionMask::Bidirectional,
            dtype: self.dense_type,
        }
    }

    fn norm(&self, norm: &LayerNorm, x_tc: &[f32], out_tc: &mut [f32]) {
        let eps = self.config.layer_norm_eps;
        layer_norm(&self.pool, x_tc, &norm.gain_c, &norm.bias_c, eps, out_tc);
    }

    /// The vector of text `text` of the group that ran last.
    fn pooled(&self, text: usize, s: &EncoderScratch) -> Vec<f32> {
        let c = self.config.hidden_size;
        let rows_tc = &s.x_tc[s.bounds[text] * c..s.bounds[text + 1] * c];
        let mut vector_c = rows_tc[..c].to_vec();
        if self.sentence.pooling == Pooling::Mean {
            for row_c in rows_tc.chunks_exact(c).skip(1) {
                for (sum, value) in vector_c.iter_mut().zip(row_c) {
                    *sum += value;
                }
            }
            let scale = ((rows_tc.len() / c) as f32).recip();
            scale_by(&mut vector_c, scale);
        }
        if self.sentence.normalize {
            let norm = vector_c.iter().map(|value| value * value).sum::<f32>().sqrt();
            let scale = norm.max(MIN_NORM).recip();
            scale_by(&mut vector_c, scale);
        }
        vector_c
    }
}

fn scale_by(vector_c: &mut [f32], factor: f32) {
    for value in vector_c {
        *value *= factor;
    }
}

impl BiasedLinear {
    /// `out = x W^T + b`, or `out += x W^T + b`.
    fn apply(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        accumulate: bool,
        matmul: &mut MatmulScratch,
    ) {
        self.weight.apply(pool, x_tk, out_tn, self.weight.n(), accumulate, matmul);
        add_bias(pool, out_tn, &self.bias_n);
    }
}
