//! The forward pass.

use super::batch::{RowBlock, RowBlocks};
use super::weights::Layer;
use super::{Decoder, ForwardError, Logits, Scratch, SeqInput};
use catena_kernels::{BLOCK_TOKENS, KvCache, rms_norm, rope, silu_mul};

impl Decoder {
    /// Runs the tokens of all sequences, stores their keys and values, and returns the logits
    /// asked for, in order of the sequences.
    ///
    /// `x = embed(tokens)`; for each layer `x += o(attend(rope(qkv(norm(x)))))`,
    /// `x += down(silu(gate(norm(x))) * up(norm(x)))`; `logits = head(norm(x))`.
    ///
    /// A sequence may appear only once in a step, and blocks that are written must belong to one
    /// sequence only (shared prefix blocks are only read).
    ///
    /// # Errors
    /// A sequence that cannot be run; checked for all before anything is computed.
    ///
    /// # Panics
    /// If `kv` or `scratch` was made for another model: a caller's bug.
    pub fn forward<'s>(
        &self,
        seqs: &[SeqInput<'_>],
        kv: &mut KvCache,
        scratch: &'s mut Scratch,
    ) -> Result<Logits<'s>, ForwardError> {
        self.check(seqs, kv)?;
        let num_logits: usize =
            seqs.iter().map(|seq| seq.tokens.len().saturating_sub(seq.first_logits_row())).sum();
        scratch.logits_tv.resize(num_logits * self.config.vocab_size, 0.0);
        let mut logits_row = 0;
        for block in RowBlocks::new(seqs, scratch.max_rows) {
            self.embed(&block, scratch);
            for (layer_idx, layer) in self.layers.iter().enumerate() {
                self.attention(layer_idx, layer, &block, kv, scratch);
                self.mlp(layer, block.num_rows, scratch);
            }
            logits_row += self.logits(&block, logits_row, scratch);
        }
        let logits_tv = &mut scratch.logits_tv[..num_logits * self.config.vocab_size];
        Ok(Logits { logits_tv, vocab_size: self.config.vocab_size })
    }

    fn check(&self, seqs: &[SeqInput<'_>], kv: &KvCache) -> Result<(), ForwardError> {
        let vocab_size = self.config.vocab_size;
        let max_position_embeddings = self.config.max_position_embeddings;
        for (seq, input) in seqs.iter().enumerate() {
            let end = input.start_pos + input.tokens.len();
            let num_blocks = input.block_table.len();
            if input.tokens.is_empty() {
                return Err(ForwardError::Empty { seq });
            }
            if end > max_position_embeddings {
                return Err(ForwardError::TooLong { seq, end, max_position_embeddings });
            }
            if let Some(&token) = input.tokens.iter().find(|&&t| t as usize >= vocab_size) {
                return Err(ForwardError::UnknownToken { seq, token, vocab_size });
            }
            let outside = |&block: &u32| block as usize >= kv.num_blocks();
            if end.div_ceil(BLOCK_TOKENS) > num_blocks || input.block_table.iter().any(outside) {
                return Err(ForwardError::Blocks { seq, end, num_blocks });
            }
        }
        Ok(())
    }

    /// Looks up the rows of a block and notes their positions.
    fn embed(&self, block: &RowBlock<'_>, scratch: &mut Scratch) {
        let hidden_size = self.config.hidden_size;
        scratch.positions_t.clear();
        let tokens = block.tokens.iter().flat_map(|(tokens, _)| tokens.iter());
        for (&token, x_c) in tokens.zip(scratch.x_tc.chunks_exact_mut(hidden_size)) {
            self.embed_tokens.row(token as usize, x_c);
        }
        for span in &block.spans {
            let positions = span.start_pos..span.start_pos + span.num_rows;
            scratch.positions_t.extend(positions.map(|pos| pos as u32));
        }
    }

    /// `x += o(attend(rope(q), rope(k), v))` with `q, k, v = qkv(norm(x))`.
    fn attention(
        &self,
        layer_idx: usize,
        layer: &Layer,
        block: &RowBlock<'_>,
        kv: &mut KvCache,
        scratch: &mut Scratch,
    ) {
        let config = &self.config;
        let (pool, rows) = (&*self.pool, block.num_rows);
        let (heads, kv_heads) = (config.num_attention_heads, config.num_key_value_heads);
        let head_dim = config.head_dim;
        let width = self.qkv_width();
        let s = scratch;
        let x_tc = &mut s.x_tc[..rows * config.hidden_size];
        let normed_tc = &mut s.normed_tc[..rows * config.hidden_size];
        rms_norm(pool, x_tc, &layer.input_layernorm_c, config.rms_norm_eps, normed_tc);
        let qkv = &mut s.qkv[..rows * width];
        layer.qkv_proj.apply(pool, normed_tc, qkv, width, false, &mut s.matmul);
        rope(pool, qkv, width, heads + kv_heads, &s.positions_t, &self.rope);
        let (k, v) = (&qkv[heads * head_dim..], &qkv[(heads + kv_heads) * head_dim..]);
        kv.write(pool, layer_idx, &block.spans, k, v, width);
        let attended = &mut s.attended[..rows * heads * head_dim];
        let scale = (head_dim as f32).sqrt().recip();
        kv.attend(pool, layer_idx, &block.spans, qkv, width, heads, scale, attended);
        layer.o_proj.apply(pool, attended, x_tc, config.hidden_size, true, &mut s.matmul);
    }

    /// `x += down(silu(gate(norm(x))) * up(norm(x)))`.
    fn mlp(&self, layer: &Layer, rows: usize, scratch: &mut Scratch) {
        let config = &self.config;
        let (pool, s) = (&*self.pool, scratch);
        let (hidden_size, mlp_width) = (config.hidden_size, config.intermediate_size);
        let x_tc = &mut s.x_tc[..rows * hidden_size];
        let normed_tc = &mut s.normed_tc[..rows * hidden_size];
        rms_norm(pool, x_tc, &layer.post_attention_layernorm_c, config.rms_norm_eps, normed_tc);
        let gate_up = &mut s.gate_up[..rows * 2 * mlp_width];
        layer.gate_up_proj.apply(pool, normed_tc, gate_up, 2 * mlp_width, false, &mut s.matmul);
        let mlp_tf = &mut s.mlp_tf[..rows * mlp_width];
        silu_mul(pool, gate_up, mlp_width, mlp_tf);
        layer.down_proj.apply(pool, mlp_tf, x_tc, hidden_size, true, &mut s.matmul);
    }

    /// Computes the wanted logits of a block from row `first` of the result on; how many there are.
    fn logits(&self, block: &RowBlock<'_>, first: usize, scratch: &mut Scratch) -> usize {
        let (hidden_size, vocab_size) = (self.config.hidden_size, self.config.vocab_size);
        let s = scratch;
        let mut wanted = 0;
        for (span, (tokens, first_logits_row)) in block.spans.iter().zip(&block.tokens) {
            let from = span.first_row + first_logits_row;
            let count = tokens.len() - first_logits_row;
            s.x_tc.copy_within(
                from * hidden_size..(from + count) * hidden_size,
                wanted * hidden_size,
            );
            wanted += count;
        }
        if wanted > 0 {
            let x_tc = &s.x_tc[..wanted * hidden_size];
            let normed_tc = &mut s.normed_tc[..wanted * hidden_size];
            rms_norm(&self.pool, x_tc, &self.norm_c, self.config.rms_norm_eps, normed_tc);
            let out = &mut s.logits_tv[first * vocab_size..(first + wanted) * vocab_size];
            self.head().apply(&self.pool, normed_tc, out, vocab_size, false, &mut s.matmul);
        }
        wanted
    }
}
