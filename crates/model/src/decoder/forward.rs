//! The forward pass.

use super::adapters::{AdapterSet, Deltas, Product, Runs};
use super::attention::Attention;
use super::batch::{RowBlock, RowBlocks};
use super::mlp::{Mlp, MlpBuffers};
use super::norm::Norm;
use super::weights::Layer;
use super::{Decoder, ForwardError, Logits, Scratch, SeqInput};
use crate::config::Residual;
use catena_kernels::{
    BLOCK_TOKENS, KvCache, LOGITS_BLOCK, QkvRows, Turn, add, add_scaled, finish_logits, rope, scale,
};

impl Decoder {
    /// Runs the tokens of all sequences, stores their keys and values, and returns the logits
    /// asked for, in order of the sequences.
    ///
    /// `x = embed(tokens)`; for each layer `x += o(attend(rope(qkv(norm(x)))))`,
    /// `x += down(act(gate(norm(x))) * up(norm(x)))`; `logits = head(norm(x))`: what a Llama computes,
    /// from which other families differ as [`ModelConfig`](crate::ModelConfig) says.
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
        self.forward_with(seqs, &AdapterSet::default(), kv, scratch)
    }

    /// As [`Decoder::forward`], each sequence with its adapter of `adapters`.
    ///
    /// # Errors
    /// As [`Decoder::forward`].
    ///
    /// # Panics
    /// As [`Decoder::forward`]; if an adapter was packed by another model's decoder.
    pub fn forward_with<'s>(
        &self,
        seqs: &[SeqInput<'_>],
        adapters: &AdapterSet,
        kv: &mut [KvCache],
        scratch: &'s mut Scratch,
    ) -> Result<Logits<'s>, ForwardError> {
        self.check(seqs, adapters, kv)?;
        scratch.make_room(adapters);
        let num_logits: usize =
            seqs.iter().map(|seq| seq.tokens.len().saturating_sub(seq.first_logits_row())).sum();
        let (num_values, num_blocks) =
            (num_logits * self.config.vocab_size, num_logits * self.blocks_of_logits());
        let grow = |values: &mut Vec<f32>, len: usize| values.resize(values.len().max(len), 0.0);
        grow(&mut scratch.logits_tv, num_values);
        grow(&mut scratch.maxima, num_blocks);
        let is_plain = self.is_plain();
        let mut logits_row = 0;
        for block in RowBlocks::new(seqs, adapters, scratch.max_rows, self.kv_groups.len()) {
            self.embed(&block, scratch);
            logits_row += if is_plain && block.runs.is_empty() {
                self.run_plain(&block, kv, logits_row, scratch)
            } else {
                self.run_any(&block, kv, logits_row, scratch)
            };
        }
        Ok(Logits {
            values_tv: &scratch.logits_tv[..num_values],
            maxima: &scratch.maxima[..num_blocks],
            vocab_size: self.config.vocab_size,
        })
    }

    /// Blocks of a row of logits.
    pub(super) fn blocks_of_logits(&self) -> usize {
        self.config.vocab_size.div_ceil(LOGITS_BLOCK)
    }

    fn check(
        &self,
        seqs: &[SeqInput<'_>],
        adapters: &AdapterSet,
        kv: &[KvCache],
    ) -> Result<(), ForwardError> {
        debug_assert!(adapters.fits(&self.config), "an adapter was packed by another decoder");
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
            if let Some(adapter) = input.adapter.filter(|&id| adapters.get(id).is_none()) {
                return Err(ForwardError::UnknownAdapter { seq, adapter });
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
        scratch.tokens_t.clear();
        for (tokens, _) in &block.tokens {
            scratch.tokens_t.extend_from_slice(tokens);
        }
        let (x_tc, tokens_t) =
            (&mut scratch.x_tc[..block.num_rows * hidden_size], &scratch.tokens_t);
        self.pool.split_rows(x_tc, hidden_size, &|rows, x_tc| {
            for (&token, x_c) in tokens_t[rows].iter().zip(x_tc.chunks_exact_mut(hidden_size)) {
                self.embed_tokens.row(token as usize, x_c);
            }
        });
        for span in &block.spans[0] {
            let start_pos = u32::try_from(span.start_pos).expect("positions were checked");
            scratch.positions_t.extend((start_pos..).take(span.num_rows));
        }
        let x_tc = &mut scratch.x_tc[..block.num_rows * hidden_size];
        let factor = self.config.embedding_multiplier;
        if factor.to_bits() != 1f32.to_bits() {
            scale(&self.pool, x_tc, factor);
        }
        if let Some(table) = &self.embed_positions {
            let learned_tc = &mut scratch.delta_tc[..x_tc.len()];
            let rows = learned_tc.chunks_exact_mut(hidden_size);
            for (&position, row) in scratch.positions_t.iter().zip(rows) {
                table.row(position as usize, row);
            }
            add(&self.pool, x_tc, learned_tc);
        }
    }

    /// Takes the rows of a block through all layers, whatever these are, operation by operation, and
    /// those whose logits are wanted to these, from row `first` of the result on; how many they are.
    fn run_any(
        &self,
        block: &RowBlock<'_>,
        kv: &mut [KvCache],
        first: usize,
        scratch: &mut Scratch,
    ) -> usize {
        for (layer_idx, layer) in self.layers.iter().enumerate() {
            let deltas = Deltas { runs: &block.runs, layer: layer_idx };
            self.attend(layer, block, deltas, &mut kv[layer.kv_group], scratch);
            if layer_idx + 1 < self.layers.len() {
                self.feed_forward(layer, block.num_rows, deltas, scratch);
            }
        }
        let rows = self.keep_wanted_rows(block, scratch);
        if let Some((layer, before)) = self.layers.split_last() {
            let deltas = Deltas { runs: &block.wanted_runs, layer: before.len() };
            self.feed_forward(layer, rows, deltas, scratch);
        }
        self.logits(rows, first, &block.wanted_runs, scratch);
        rows
    }

    /// `attended = attend(rope(q), rope(k), v)` with `q, k, v = qkv(norm(x))`.
    fn attend(
        &self,
        layer: &Layer,
        block: &RowBlock<'_>,
        deltas: Deltas<'_>,
        kv: &mut KvCache,
        s: &mut Scratch,
    ) {
        let (pool, rows) = (&*self.pool, block.num_rows);
        let normed = self.norm_rows(layer.input_layernorm.as_ref(), rows, s);
        let shape = kv.shape();
        let (heads, kv_heads) = (self.config.num_attention_heads, shape.num_key_value_heads);
        match &layer.attention {
            Attention::Heads(weights) => {
                weights.project(pool, &self.config, (rows, normed), deltas, s);
            }
            Attention::Latent(weights) => weights.project(pool, rows, deltas, s),
        }
        let turn = match &layer.attention {
            Attention::Heads(weights)
                if deltas.runs.is_empty() && !weights.norms_all_heads_together(&self.config) =>
            {
                self.turn(layer, weights)
            }
            // Prefixes stand in the place of keys that are rotated already.
            attention @ (Attention::Heads(_) | Attention::Latent(_)) => {
                let width = self.qkv_width();
                let qkv = &mut s.qkv[..rows * width];
                if let Attention::Heads(weights) = attention {
                    weights.norm_queries_and_keys(pool, &self.config, qkv);
                }
                if let Some(idx) = layer.rope {
                    rope(pool, qkv, width, heads + kv_heads, &s.positions_t, &self.ropes[idx]);
                }
                deltas.put_prefixes(&s.positions_t, (&mut qkv[heads * shape.head_dim..], width));
                Turn::default()
            }
        };
        self.attend_to_cache(layer, block, turn, kv, s);
    }

    /// Stores keys and values of all rows, then `attended = attend(q, k, v)`, with what becomes of
    /// queries and keys first.
    pub(super) fn attend_to_cache(
        &self,
        layer: &Layer,
        block: &RowBlock<'_>,
        turn: Turn<'_>,
        kv: &mut KvCache,
        s: &mut Scratch,
    ) {
        let (rows, shape) = (block.num_rows, kv.shape());
        let (heads, kv_heads) = (self.config.num_attention_heads, shape.num_key_value_heads);
        let (q_width, kv_width) = (heads * shape.head_dim, kv_heads * shape.head_dim);
        let value_column = match &layer.attention {
            Attention::Heads(_) => q_width + kv_width,
            // The latent is key and value.
            Attention::Latent(_) => q_width,
        };
        let width = self.qkv_width();
        let rows_of_qkv = QkvRows {
            values: &s.qkv[..rows * width],
            width,
            num_heads: heads,
            key_column: q_width,
            value_column,
            turn,
        };
        let (spans, attended) = (&block.spans[layer.kv_group], &mut s.attended[..rows * q_width]);
        let place = layer.place_in_group;
        kv.attend_new(&self.pool, place, spans, &rows_of_qkv, &layer.attend, attended);
    }

    /// Norms the first rows of the residual stream, if there is a norm, and says whether.
    fn norm_rows(&self, norm: Option<&Norm>, rows: usize, s: &mut Scratch) -> bool {
        let len = rows * self.config.hidden_size;
        if let Some(norm) = norm {
            norm.apply(&self.pool, &s.x_tc[..len], &mut s.normed_tc[..len]);
        }
        norm.is_some()
    }

    /// Moves the rows of a block whose logits are wanted to the front and returns their number:
    /// behind the last attention no other row matters.
    pub(super) fn keep_wanted_rows(&self, block: &RowBlock<'_>, scratch: &mut Scratch) -> usize {
        let mut wanted = 0;
        for (span, (tokens, first_logits_row)) in block.spans[0].iter().zip(&block.tokens) {
            let from = span.first_row + first_logits_row;
            let count = tokens.len() - first_logits_row;
            let attended_width = self.attended_width();
            move_rows(&mut scratch.x_tc, self.config.hidden_size, from, count, wanted);
            move_rows(&mut scratch.attended, attended_width, from, count, wanted);
            wanted += count;
        }
        wanted
    }

    /// `x += o(attended)`, then `x += mlp(norm(x))`, for `rows` rows.
    fn feed_forward(&self, layer: &Layer, rows: usize, deltas: Deltas<'_>, s: &mut Scratch) {
        if rows == 0 {
            return;
        }
        let parallel = self.config.residual == Residual::Parallel;
        let norm = layer.post_attention_layernorm.as_ref();
        if parallel {
            // The MLP sees what attention saw.
            self.norm_rows(norm, rows, s);
        }
        self.add_attended(layer, rows, deltas, s);
        let normed = parallel || self.norm_rows(norm, rows, s);

        let (pool, len) = (&*self.pool, rows * self.config.hidden_size);
        let added_later = self.is_added_later(layer.post_mlp_layernorm.as_ref());
        let Scratch { x_tc, normed_tc, delta_tc, gate_up, mlp_tf, moe, matmul, beside, .. } = s;
        let mut buffers = MlpBuffers { gate_up, mlp_tf, matmul, beside, deltas, expert: None };
        match &layer.mlp {
            Mlp::Dense(mlp) if !added_later => {
                return mlp.apply(pool, &normed_tc[..len], &mut x_tc[..len], true, &mut buffers);
            }
            Mlp::Dense(mlp) => {
                let input_tc = if normed { &normed_tc[..len] } else { &x_tc[..len] };
                mlp.apply(pool, input_tc, &mut delta_tc[..len], false, &mut buffers);
            }
            Mlp::Experts(experts) => {
                let input_tc = if normed { &normed_tc[..len] } else { &x_tc[..len] };
                experts.apply(pool, input_tc, &mut delta_tc[..len], moe, &mut buffers);
            }
        }
        self.add_delta(layer.post_mlp_layernorm.as_ref(), rows, s);
    }

    /// `x += o(attended)`.
    fn add_attended(&self, layer: &Layer, rows: usize, deltas: Deltas<'_>, s: &mut Scratch) {
        let (pool, hidden_size) = (&*self.pool, self.config.hidden_size);
        if let Attention::Latent(latent) = &layer.attention {
            latent.values(pool, rows, deltas, s);
        }
        let o_proj = layer.attention.o_proj();
        let k = o_proj.k();
        let attended = match &layer.attention {
            Attention::Heads(_) => &mut s.attended[..rows * k],
            Attention::Latent(_) => &mut s.latent.values[..rows * k],
        };
        deltas.scale_inputs(Product::O, attended, k);
        let norm = layer.post_self_attn_layernorm.as_ref();
        let added_later = self.is_added_later(norm);
        let out_tc = if added_later { &mut s.delta_tc } else { &mut s.x_tc };
        let out_tc = &mut out_tc[..rows * hidden_size];
        if !added_later {
            deltas.hold(Product::O, (&mut *out_tc, hidden_size), &mut s.beside);
        }
        o_proj.apply(pool, attended, out_tc, hidden_size, !added_later, &mut s.matmul);
        let (out, product) = ((out_tc, hidden_size), (Product::O, !added_later));
        deltas.add(product, pool, attended, out, &mut s.beside, &mut s.matmul);
        if added_later {
            self.add_delta(norm, rows, s);
        }
    }

    /// Whether what attention or MLP give is changed before it is added to the residual stream.
    pub(super) fn is_added_later(&self, norm: Option<&Norm>) -> bool {
        norm.is_some() || self.config.has_residual_multiplier()
    }

    /// `x += norm(delta)`, if there is a norm, with the residual multiplier.
    fn add_delta(&self, norm: Option<&Norm>, rows: usize, s: &mut Scratch) {
        let (pool, len) = (&*self.pool, rows * self.config.hidden_size);
        let x_tc = &mut s.x_tc[..len];
        let mut delta_tc = &s.delta_tc[..len];
        if let Some(norm) = norm {
            norm.apply(pool, delta_tc, &mut s.normed_tc[..len]);
            delta_tc = &s.normed_tc[..len];
        }
        if self.config.has_residual_multiplier() {
            add_scaled(pool, x_tc, delta_tc, self.config.residual_multiplier);
        } else {
            add(pool, x_tc, delta_tc);
        }
    }

    /// Computes the logits of the first `rows` rows, from row `first` of the result on.
    fn logits(&self, rows: usize, first: usize, runs: &Runs<'_>, scratch: &mut Scratch) {
        if rows == 0 {
            return;
        }
        let (c, v, blocks) =
            (self.config.hidden_size, self.config.vocab_size, self.blocks_of_logits());
        let Scratch { x_tc, normed_tc, logits_tv, maxima, matmul, beside, .. } = scratch;
        let (out, maxima) = (
            &mut logits_tv[first * v..(first + rows) * v],
            &mut maxima[first * blocks..(first + rows) * blocks],
        );
        if runs.is_empty() {
            let matrices = [(&mut x_tc[..], c), (out, v), (maxima, blocks)];
            return self.pool.run_chain(rows, matrices, [self.head_link((0, 1), 2)], matmul);
        }
        let (x_tc, normed_tc) = (&x_tc[..rows * c], &mut normed_tc[..rows * c]);
        self.norm.apply(&self.pool, x_tc, normed_tc);
        self.head().apply(&self.pool, normed_tc, out, v, false, matmul);
        let (deltas, product) = (Deltas { runs, layer: 0 }, (Product::Head, false));
        deltas.add(product, &self.pool, normed_tc, (&mut *out, v), beside, matmul);
        finish_logits(&self.pool, out, v, self.logits_finish(), maxima);
    }
}

/// Copies `count` rows of `width` from row `from` to row `to`, which is not behind it.
fn move_rows(x: &mut [f32], width: usize, from: usize, count: usize, to: usize) {
    x.copy_within(from * width..(from + count) * width, to * width);
}
