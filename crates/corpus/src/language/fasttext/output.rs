//! From the hidden vector to the probabilities of labels.

use super::matrix::{Lane, Matrix};

/// Added before each logarithm, so that probability 0 has one. It is why fastText reports
/// probabilities of up to 1.00001.
const EPSILON: f64 = 1e-5;

/// The sigmoid of the independent losses is read from a table: this many steps for each unit,
/// up to this value on both sides.
const SIGMOID_STEPS: f32 = 32.0;
const MAX_SIGMOID: f32 = 8.0;

/// How the rows of the output matrix become probabilities.
#[derive(Debug)]
pub(super) enum Output {
    /// One label of all: the exponentials, normalized.
    Softmax,
    /// Each label by itself.
    Independent,
    /// One label of all, by the branches of a Huffman tree.
    Hierarchical(Tree),
}

/// A label's row with the logarithm of its probability.
pub(super) type Scored = (f32, usize);

/// Keeps the best `k` with the lowest score at the end.
struct Best<'a> {
    k: usize,
    found: &'a mut Vec<Scored>,
}

impl Best<'_> {
    /// Whether a score this low can no longer count.
    fn refuses(&self, score: f32) -> bool {
        self.found.len() == self.k && self.found.last().is_some_and(|last| score < last.0)
    }

    /// Equal scores go to the higher row, as comparing pairs does.
    fn push(&mut self, scored: Scored) {
        let at = self.found.partition_point(|other| *other > scored);
        self.found.insert(at, scored);
        self.found.truncate(self.k);
    }
}

impl Output {
    /// The `k` most probable labels, best first, into `found`.
    pub(super) fn best(
        &self,
        rows: &Matrix,
        hidden: &[Lane],
        k: usize,
        values: &mut Vec<f32>,
        found: &mut Vec<Scored>,
    ) {
        found.clear();
        let mut best = Best { k, found };
        if k == 0 {
            return;
        }
        if let Self::Hierarchical(tree) = self {
            return tree.best(rows, hidden, &mut best);
        }
        values.clear();
        values.extend((0..rows.rows()).map(|row| rows.dot(row, hidden)));
        match self {
            Self::Softmax => softmax(values),
            Self::Independent | Self::Hierarchical(_) => {
                for value in values.iter_mut() {
                    *value = table_sigmoid(*value);
                }
            }
        }
        for (row, &value) in values.iter().enumerate() {
            let score = log(value);
            if !best.refuses(score) {
                best.push((score, row));
            }
        }
    }
}

/// The logarithm, with fastText's epsilon.
#[expect(clippy::cast_possible_truncation, reason = "fastText rounds the same sum to f32")]
fn log(value: f32) -> f32 {
    (f64::from(value) + EPSILON).ln() as f32
}

fn softmax(values: &mut [f32]) {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - max).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

/// The sigmoid at the step below `value`.
fn table_sigmoid(value: f32) -> f32 {
    if value < -MAX_SIGMOID {
        0.0
    } else if value > MAX_SIGMOID {
        1.0
    } else {
        sigmoid(((value + MAX_SIGMOID) * SIGMOID_STEPS).trunc() / SIGMOID_STEPS - MAX_SIGMOID)
    }
}

/// The Huffman tree of the labels, by how often they occurred.
#[derive(Debug)]
pub(super) struct Tree {
    /// Left and right child of each inner node; numbers below `num_labels` are leaves.
    children: Vec<(usize, usize)>,
    num_labels: usize,
}

impl Tree {
    /// The tree fastText builds: labels stand by falling count, so the two lightest are always
    /// at the end of the leaves or at the start of the inner nodes.
    pub(super) fn new(counts: &[i64]) -> Self {
        let num_labels = counts.len();
        let mut children: Vec<(usize, usize)> = Vec::with_capacity(num_labels);
        let mut inner_counts: Vec<i64> = Vec::with_capacity(num_labels);
        let mut leaves = num_labels;
        let mut first_inner = 0;
        while children.len() + 1 < num_labels {
            let mut lightest = || {
                let inner = inner_counts.get(first_inner).copied();
                if leaves > 0 && inner.is_none_or(|inner| counts[leaves - 1] < inner) {
                    leaves -= 1;
                    (leaves, counts[leaves])
                } else {
                    first_inner += 1;
                    (num_labels + first_inner - 1, inner.unwrap_or(0))
                }
            };
            let (left, right) = (lightest(), lightest());
            children.push((left.0, right.0));
            inner_counts.push(left.1.saturating_add(right.1));
        }
        Self { children, num_labels }
    }

    /// Goes down the tree, left first, and leaves a branch whose probability is already lower
    /// than all that count. A stack of its own, because a foreign tree may be a chain.
    fn best(&self, rows: &Matrix, hidden: &[Lane], best: &mut Best<'_>) {
        let root = self.num_labels + self.children.len() - 1;
        let lowest = log(0.0);
        let mut open = vec![(root, 0.0_f32)];
        while let Some((node, score)) = open.pop() {
            if score < lowest || best.refuses(score) {
                continue;
            }
            let Some(inner) = node.checked_sub(self.num_labels) else {
                best.push((score, node));
                continue;
            };
            let right = sigmoid(rows.dot(inner, hidden));
            open.push((self.children[inner].1, score + log(right)));
            open.push((self.children[inner].0, score + log(1.0 - right)));
        }
    }
}
