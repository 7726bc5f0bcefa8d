//! What the residual stream starts from.

use catena_kernels::{AlignedBuf, lookup_backward, scale};

use super::grads::Grads;
use super::matrix::Matrix;
use super::norm::Norm;
use super::params::Vector;
use super::pass::Pass;
use super::room::Room;

/// The tables that rows of the residual stream are looked up in.
pub(super) struct Embedding {
    pub(super) words: Matrix,
    /// Factor of the words' rows.
    pub(super) multiplier: f32,
    /// The token of empty places, whose row learns nothing from where it stands.
    pub(super) pad_token: Option<u32>,
    /// A learned vector per position, `[positions, c]`.
    pub(super) positions: Option<Vector>,
    /// RoBERTa's way: positions count from behind this id, and tokens of this id stay on it.
    pub(super) padding_idx: Option<u32>,
    /// A learned vector per token type, `[types, c]`.
    pub(super) types: Option<Vector>,
    /// A norm of the sum, and the sum of the forward pass.
    pub(super) norm: Option<Norm>,
    pub(super) sum_tc: AlignedBuf<f32>,
    /// Rows of the table of positions, of the forward pass.
    pub(super) rows_t: Vec<u32>,
}

impl Embedding {
    /// Gives it what it keeps from the forward pass of `tokens` tokens.
    pub(super) fn give_memory(&mut self, room: &mut Room, tokens: usize, hidden_size: usize) {
        self.sum_tc = room.floats(if self.norm.is_some() { tokens * hidden_size } else { 0 });
        if room.takes {
            self.rows_t.reserve_exact(tokens);
        }
    }

    /// Writes the first residual stream.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        (tokens, token_types): (&[u32], &[u32]),
        x_tc: &mut [f32],
    ) {
        self.number(pass, tokens);
        let c = x_tc.len() / tokens.len();
        let words = self.words.get(pass.values);
        let tables =
            [(self.positions.as_ref(), &self.rows_t[..]), (self.types.as_ref(), token_types)];
        let tables = tables.map(|(table, rows)| table.map(|table| (table.get(pass.values), rows)));
        pass.pool.split_rows(x_tc, c, &|rows, x| {
            for (x, row) in x.chunks_exact_mut(c).zip(rows) {
                words.row(tokens[row] as usize, x);
                if self.multiplier.to_bits() != 1f32.to_bits() {
                    for x in &mut *x {
                        *x *= self.multiplier;
                    }
                }
                for (table, rows) in tables.iter().flatten() {
                    // Without types, all tokens are of the first.
                    let at = rows.get(row).copied().unwrap_or(0) as usize * c;
                    x.iter_mut().zip(&table[at..at + c]).for_each(|(x, learned)| *x += learned);
                }
            }
        });
        if let Some(norm) = &self.norm {
            let sum = &mut self.sum_tc[..x_tc.len()];
            sum.copy_from_slice(x_tc);
            norm.forward(pass, sum, x_tc);
        }
    }

    /// Adds the gradients of what is trained; `dx_tc` becomes that of the sum.
    ///
    /// `work` and `stats` are working memory of as many values, and of two per row.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        (tokens, token_types): (&[u32], &[u32]),
        (dx_tc, work): (&mut [f32], &mut [f32]),
        grads: &mut Grads,
        stats: &mut [f32],
    ) {
        let pool = pass.pool;
        if let Some(norm) = &self.norm {
            work.fill(0.0);
            let sum = &self.sum_tc[..dx_tc.len()];
            norm.backward(pass, sum, dx_tc, Some(&mut *work), grads, stats);
            dx_tc.copy_from_slice(work);
        }
        if let Some(dtable) = self.types.as_ref().and_then(|table| table.grad(grads)) {
            if token_types.is_empty() {
                lookup_backward(pool, &vec![0; tokens.len()], dx_tc, 1.0, dtable);
            } else {
                lookup_backward(pool, token_types, dx_tc, 1.0, dtable);
            }
        }
        if let Some(dtable) = self.positions.as_ref().and_then(|table| table.grad(grads)) {
            lookup_backward(pool, &self.rows_t, dx_tc, 1.0, dtable);
        }
        if let Some(dtable) = self.words.grad_sum(grads) {
            let c = dx_tc.len() / tokens.len();
            let padding = tokens.iter().map(|token| Some(*token) == self.pad_token);
            for (dx, _) in dx_tc.chunks_exact_mut(c).zip(padding).filter(|(_, pad)| *pad) {
                dx.fill(0.0);
            }
            lookup_backward(pool, tokens, dx_tc, self.multiplier, dtable);
        }
    }

    /// Notes the row of the table of positions of each token.
    fn number(&mut self, pass: &Pass<'_>, tokens: &[u32]) {
        self.rows_t.clear();
        let Some(padding_idx) = self.padding_idx else {
            self.rows_t.extend(&pass.batch.positions);
            return;
        };
        let mut last = padding_idx;
        for (&token, &position) in tokens.iter().zip(&pass.batch.positions) {
            if position == 0 {
                last = padding_idx;
            }
            last += u32::from(token != padding_idx);
            self.rows_t.push(if token == padding_idx { padding_idx } else { last });
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        self.words.is_trained()
            || [&self.positions, &self.types].into_iter().flatten().any(Vector::is_trained)
            || self.norm.as_ref().is_some_and(Norm::is_trained)
    }

    /// Longest sequence that there are positions for.
    pub(super) fn max_positions(&self, values: &[f32], hidden_size: usize) -> Option<usize> {
        let rows = self.positions.as_ref()?.get(values).len() / hidden_size;
        Some(
            self.padding_idx
                .map_or(rows, |padding_idx| rows.saturating_sub(padding_idx as usize + 1)),
        )
    }
}

/// Multiplies by a factor that is usually 1.
pub(super) fn scale_by(pass: &Pass<'_>, x: &mut AlignedBuf<f32>, len: usize, factor: f32) {
    if factor.to_bits() != 1f32.to_bits() {
        scale(pass.pool, &mut x[..len], factor);
    }
}
