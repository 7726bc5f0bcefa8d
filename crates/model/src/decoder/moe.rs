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
    /// For each of them where in `output` its result stands.
    places: Vec<usize>,
    /// The same the other way round: which of them stands at each place.
    by_expert: Vec<usize>,
    /// The first place of each expert, then their number.
    firsts_e: Vec<usize>,
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

    /// Gives every choice its place: expert after expert, the rows of each in order.
    fn deal(&mut self, num_experts: usize) {
        self.firsts_e.clear();
        self.firsts_e.resize(num_experts + 1, 0);
        for (expert, _) in &self.chosen {
            self.firsts_e[expert + 1] += 1;
        }
        for expert in 0..num_experts {
            self.firsts_e[expert + 1] += self.firsts_e[expert];
        }
        self.order.clone_from(&self.firsts_e);
        self.places.clear();
        self.by_expert.clear();
        self.by_expert.resize(self.chosen.len(), 0);
        for (pair, (expert, _)) in self.chosen.iter().enumerate() {
            let place = self.order[*expert];
            self.order[*expert] += 1;
            self.by_expert[place] = pair;
            self.places.push(place);
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
            self.choose(scores_e, &mut moe.order, &mut moe.chosen);
        }
        moe.deal(e);
        for (idx, mlp) in self.mlps_e.iter().enumerate() {
            let (first, end) = (moe.firsts_e[idx], moe.firsts_e[idx + 1]);
            if first == end {
                continue;
            }
            let input = &mut moe.input_tc[..(end - first) * c];
            for (pair, row) in moe.by_expert[first..end].iter().zip(input.chunks_exact_mut(c)) {
                row.copy_from_slice(&input_tc[pair / k * c..][..c]);
            }
            let runs =
                buffers.deltas.runs.gathered(moe.by_expert[first..end].iter().map(|pair| pair / k));
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
        let (chosen, places, output) = (&moe.chosen, &moe.places, &moe.output);
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

    /// Appends the experts of a row with their weights, in the order of the experts.
    ///
    /// Weights are the softmax of the scores over all experts, of equal ones the first is taken.
    fn choose(&self, scores_e: &mut [f32], order: &mut Vec<usize>, chosen: &mut Vec<(usize, f32)>) {
        softmax(scores_e);
        if let Some((n_group, topk_group)) = self.shape.groups {
            let group = scores_e.len() / n_group;
            let best = |idx: usize| {
                scores_e[idx * group..][..group].iter().copied().fold(f32::MIN, f32::max)
            };
            highest(order, n_group, best);
            let dropped: Vec<usize> = order.split_off(topk_group);
            for idx in dropped {
                scores_e[idx * group..][..group].fill(0.0);
            }
        }
        highest(order, scores_e.len(), |expert| scores_e[expert]);
        order.truncate(self.shape.num_experts_per_tok);
        order.sort_unstable();
        let sum: f32 = order.iter().map(|&expert| scores_e[expert]).sum();
        let norm = if self.shape.norm_topk_prob { sum } else { 1.0 };
        let factor = self.shape.routed_scaling_factor;
        chosen.extend(order.iter().map(|&expert| (expert, scores_e[expert] / norm * factor)));
    }
}

fn softmax(scores: &mut [f32]) {
    let max = scores.iter().copied().fold(f32::MIN, f32::max);
    for score in &mut *scores {
        *score = (*score - max).exp();
    }
    let sum: f32 = scores.iter().sum();
    for score in scores {
        *score /= sum;
    }
}

/// `0..count` by falling `score`, of equal ones the first first.
fn highest(order: &mut Vec<usize>, count: usize, score: impl Fn(usize) -> f32) {
    order.clear();
    order.extend(0..count);
    order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
}
