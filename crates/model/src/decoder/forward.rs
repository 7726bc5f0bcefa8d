//! The forward pass.

use super::batch::{RowBlock, RowBlocks};
use super::weights::Layer;
use super::{Decoder, ForwardError, Logits, Scratch, SeqInput};
use catena_kernels::{AttendParams, BLOCK_TOKENS, Gate, KvCache, gated_mul, rms_norm, rope};

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
        kv: &mut [KvCache],
        scratch: &'s mut Scratch,
    ) -> Result<Logits<'s>, ForwardError> {
        self.check(seqs, kv)?;
        let num_logits: usize =
            seqs.iter().map(|seq| seq.tokens.len().saturating_sub(seq.first_logits_row())).sum();
        let num_values = num_logits * self.config.vocab_size;
        if scratch.logits_tv.len() < num_values {
            scratch.logits_tv.resize(num_values, 0.0);
        }
        let mut logits_row = 0;
        for block in RowBlocks::new(seqs, scratch.max_rows, self.kv_groups.len()) {
            self.embed(&block, scratch);
            let mut rows = block.num_rows;
            for (layer_idx, layer) in self.layers.iter().enumerate() {
                self.attend(layer, &block, &mut kv[layer.kv_group], scratch);
                if layer_idx + 1 == self.layers.len() {
                    rows = self.keep_wanted_rows(&block, scratch);
                }
                self.feed_forward(layer, rows, scratch);
            }
            self.logits(rows, logits_row, scratch);
            logits_row += rows;
        }
        let logits_tv = &mut scratch.logits_tv[..num_values];
        Ok(Logits { logits_tv, vocab_size: self.config.vocab_size })
    }

    fn check(&self, seqs: &[SeqInput<'_>], kv: &[KvCache]) -> Result<(), ForwardError> {
        let vocab_size = self.config.vocab_size;
        let max_tokens = self.max_tokens();
        assert_eq!(kv.len(), self.kv_groups.len(), "one cache for each KV group");
        for (seq, input) in seqs.iter().enumerate() {
            let end = input.start_pos.saturating_add(input.tokens.len());
            if input.tokens.is_empty() {
                return Err(ForwardError::Empty { seq });
            }
            if end > max_tokens {
                return Err(ForwardError::TooLong { seq, end, max_tokens });
            }
            if let Some(&token) = input.tokens.iter().find(|&&t| t as usize >= vocab_size) {
                return Err(ForwardError::UnknownToken { seq, token, vocab_size });
            }
            let (found, expected) = (input.block_tables.len(), self.kv_groups.len());
            if found != expected {
                return Err(ForwardError::BlockTables { seq, found, expected });
            }
            for (table, kv) in input.block_tables.iter().zip(kv) {
                let num_blocks = table.len();
                let outside = |&block: &u32| block as usize >= kv.num_blocks();
                if end.div_ceil(BLOCK_TOKENS) > num_blocks || table.iter().any(outside) {
                    return Err(ForwardError::Blocks { seq, end, num_blocks });
                }
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
        for span in &block.spans[0] {
            let start_pos = u32::try_from(span.start_pos).expect("positions were checked");
            scratch.positions_t.extend((start_pos..).take(span.num_rows));
        }
    }

    /// `attended = attend(rope(q), rope(k), v)` with `q, k, v = qkv(norm(x))`.
    fn attend(&self, layer: &Layer, block: &RowBlock<'_>, kv: &mut KvCache, scratch: &mut Scratch) {
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
        let spans = &block.spans[layer.kv_group];
        kv.write(pool, layer.kv_layer, spans, k, v, width);
        let attended = &mut s.attended[..rows * heads * head_dim];
        let params = AttendParams::causal((head_dim as f32).sqrt().recip());
        kv.attend(pool, layer.kv_layer, spans, qkv, width, heads, &params, attended);
    }

    /// Moves the rows of a block whose logits are wanted to the front and returns their number:
    /// behind the last attention no other row matters.
    fn keep_wanted_rows(&self, block: &RowBlock<'_>, scratch: &mut Scratch) -> usize {
        let mut wanted = 0;
        for (span, (tokens, first_logits_row)) in block.spans[0].iter().zip(&block.tokens) {
            let from = span.first_row + first_logits_row;
            let count = tokens.len() - first_logits_row;
            let attended_width = self.config.num_attention_heads * self.config.head_dim;
            move_rows(&mut scratch.x_tc, self.config.hidden_size, from, count, wanted);
            move_rows(&mut scratch.attended, attended_width, from, count, wanted);
            wanted += count;
        }
        wanted
    }

    /// `x += o(attended)`, then `x += down(silu(gate(norm(x))) * up(norm(x)))`, for `rows` rows.
    fn feed_forward(&self, layer: &Layer, rows: usize, scratch: &mut Scratch) {
        if rows == 0 {
            return;
        }
        let config = &self.config;
        let (pool, s) = (&*self.pool, scratch);
        let (hidden_size, mlp_width) = (config.hidden_size, config.intermediate_size);
        let attended = &s.attended[..rows * config.num_attention_heads * config.head_dim];
        let x_tc = &mut s.x_tc[..rows * hidden_size];
        layer.o_proj.apply(pool, attended, x_tc, hidden_size, true, &mut s.matmul);
        let normed_tc = &mut s.normed_tc[..rows * hidden_size];
        rms_norm(pool, x_tc, &layer.post_attention_layernorm_c, config.rms_norm_eps, normed_tc);
        let gate_up = &mut s.gate_up[..rows * 2 * mlp_width];
        layer.gate_up_proj.apply(pool, normed_tc, gate_up, 2 * mlp_width, false, &mut s.matmul);
        let mlp_tf = &mut s.mlp_tf[..rows * mlp_width];
        gated_mul(pool, Gate::Silu, gate_up, mlp_width, mlp_tf);
        layer.down_proj.apply(pool, mlp_tf, x_tc, hidden_size, true, &mut s.matmul);
    }

    /// Computes the logits of the first `rows` rows, from row `first` of the result on.
    fn logits(&self, rows: usize, first: usize, scratch: &mut Scratch) {
        if rows == 0 {
            return;
        }
        let (hidden_size, vocab_size) = (self.config.hidden_size, self.config.vocab_size);
        let s = scratch;
        let x_tc = &s.x_tc[..rows * hidden_size];
        let normed_tc = &mut s.normed_tc[..rows * hidden_size];
        rms_norm(&self.pool, x_tc, &self.norm_c, self.config.rms_norm_eps, normed_tc);
        let out = &mut s.logits_tv[first * vocab_size..(first + rows) * vocab_size];
        self.head().apply(&self.pool, normed_tc, out, vocab_size, false, &mut s.matmul);
    }
}

/// Copies `count` rows of `width` from row `from` to row `to`, which is not behind it.
fn move_rows(x: &mut [f32], width: usize, from: usize, count: usize, to: usize) {
    x.copy_within(from * width..(from + count) * width, to * width);
}
