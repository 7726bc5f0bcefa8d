//! Counts by size.

use catena_engine::STEP_TOKEN_EDGES;

/// vLLM's edges for the time to first token, in seconds.
pub(super) const TTFT_EDGES: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
/// vLLM's edges for the time between tokens.
pub(super) const ITL_EDGES: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];
/// vLLM's edges for whole requests and their parts.
pub(super) const E2E_EDGES: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];
/// vLLM's edges for counts of tokens: 1, 2 and 5 times the powers of ten, up to a long context.
pub(super) const TOKEN_EDGES: &[f64] = &[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
    20_000.0, 50_000.0, 100_000.0,
];
/// vLLM's edges for the number of answers asked for.
pub(super) const SAMPLE_EDGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0];

/// The edges by which engines count their steps.
pub(super) static STEP_EDGES: [f64; STEP_TOKEN_EDGES.len()] = step_edges();

const fn step_edges() -> [f64; STEP_TOKEN_EDGES.len()] {
    let mut edges = [0.0; STEP_TOKEN_EDGES.len()];
    let mut idx = 0;
    while idx < edges.len() {
        edges[idx] = STEP_TOKEN_EDGES[idx] as f64;
        idx += 1;
    }
    edges
}

/// Counts of one histogram.
#[derive(Clone)]
pub(super) struct Histogram {
    pub(super) edges: &'static [f64],
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
}

impl Histogram {
    pub(super) fn new(edges: &'static [f64]) -> Self {
        Self { edges, counts: vec![0; edges.len() + 1], sum: 0.0 }
    }

    pub(super) fn observe(&mut self, value: f64) {
        self.counts[self.edges.partition_point(|&edge| edge < value)] += 1;
        self.sum += value;
    }

    /// How many values there were.
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}
