//! Mixtures of experts.
//!
//! The rows of a step are dealt to their experts, one product per expert over its rows; then each
//! row takes the sum of what its experts gave, in the order of the experts. A row's result is the
//! same sequence of operations whatever rows are beside it.

use catena_kernels::{AlignedBuf, Pool};

use super::adapters::{Deltas, Product};
use super::mlp::{Dense, MlpBuffers};
use crate::ModelConfig;
use crate::config::MoeConfig;
use crate::linear::Linear;
use crate::routing::{Dealt, choose, softmax};

/// The weights of the experts of a layer.
pub(super) struct Experts {
    pub(super) shape: MoeConfig,
    /// Scores experts.
    pub(super) router: Linear,
    pub(super) mlps_e: Vec<Dense>,
    /// What all tokens go through beside.
    pub(super) shared: Option<Dense>,
}

/// Buffers of experts; empty for models without them.
#[derive(Default)]
pub(super) struct MoeScratch {
    /// Scores `[t, e]`.
    scores_te: AlignedBuf<f32>,
    /// The rows of one expert `[t, c]`.
    input_tc: AlignedBuf<f32>,
    /// What experts gave, expert after expert `[t k, c]`.
    output: AlignedBuf<f32>,
    /// The experts of each row and their weights, `k` of each row, in the order of the experts.
    chosen: Vec<(usize, f32)>,
    /// Where in `output` the results of each of them stand.
    dealt: Dealt,
    /// Working memory of the choice.
    order: Vec<usize>,
}

impl MoeScratch {
    pub(super) fn new(config: &ModelConfig, max_rows: usize) -> Self {
        let Some(moe) = &config.moe else { return Self::default() };
        let buf = |columns: usize| AlignedBuf::zeroed(max_rows * columns);
        Self {
            scores_te: buf(moe.num_experts),
            input_tc: buf(config.hidden_size),
            output: buf(moe.num_experts_per_tok * config.hidden_size),
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.scores_te.len() + self.input_tc.len() + self.output.len()
    }
}

impl Experts {
    pub(super) fn bytes(&self) -> usize {
        let mlps = self.mlps_e.iter().chain(&self.shared);
        self.router.bytes() + mlps.map(Dense::bytes).sum::<usize>()
    }

    /// Writes the sums of the experts of the rows of `input_tc` to `out_tc`.
    pub(super) fn apply(
        &self,
        pool: &Pool,
        input_tc: &[f32],
        out_tc: &mut [f32],
        moe: &mut MoeScratch,
        buffers: &mut MlpBuffers<'_>,
    ) {
        let (c, e, k) = (self.router.k(), self.shape.num_experts, self.shape.num_experts_per_tok);
        let rows = input_tc.len() / c;
        let scores_te = &mut moe.scores_te[..rows * e];
        self.router.apply(pool, input_tc, scores_te, e, false, buffers.matmul);
        let out = (&mut *scores_te, e);
        let MlpBuffers { deltas, beside, matmul, .. } = buffers;
        deltas.add((Product::Router, false), pool, input_tc, out, beside, matmul);
        moe.chosen.clear();
        for scores_e in scores_te.chunks_exact_mut(e) {
            softmax(scores_e);
            choose(&self.shape, scores_e, &mut moe.order, &mut moe.chosen);
        }
        moe.dealt.deal(moe.chosen.iter().map(|(expert, _)| *expert), e);
        for (idx, mlp) in self.mlps_e.iter().enumerate() {
            let of_expert = moe.dealt.of_expert(idx);
            let (first, end) = (of_expert.start, of_expert.end);
            if first == end {
                continue;
            }
            let input = &mut moe.input_tc[..(end - first) * c];
            let pairs = &moe.dealt.by_expert[of_expert];
            for (pair, row) in pairs.iter().zip(input.chunks_exact_mut(c)) {
                row.copy_from_slice(&input_tc[pair / k * c..][..c]);
            }
            let runs = buffers.deltas.runs.gathered(pairs.iter().map(|pair| pair / k));
            let mut of_expert = MlpBuffers {
                gate_up: buffers.gate_up,
                mlp_tf: buffers.mlp_tf,
                matmul: buffers.matmul,
                beside: buffers.beside,
                deltas: Deltas { runs: &runs, ..buffers.deltas },
                expert: Some(idx),
            };
            mlp.apply(pool, input, &mut moe.output[first * c..end * c], false, &mut of_expert);
        }
        let (chosen, places, output) = (&moe.chosen, &moe.dealt.places, &moe.output);
        pool.split_rows(out_tc, c, &|range, out| {
            for (row, out_c) in range.zip(out.chunks_exact_mut(c)) {
                out_c.fill(0.0);
                for pair in row * k..(row + 1) * k {
                    let weight = chosen[pair].1;
                    let given_c = &output[places[pair] * c..][..c];
                    for (out, given) in out_c.iter_mut().zip(given_c) {
                        *out += weight * given;
                    }
                }
            }
        });
        if let Some(shared) = &self.shared {
            shared.apply(pool, input_tc, out_tc, true, buffers);
        }
    }
}
