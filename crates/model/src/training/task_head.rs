//! Heads that give a few values per text or per token: scores of labels, or the vector of a text.

use catena_kernels::{
    Activation, AlignedBuf, DenseType, RowOperand, activation, activation_backward,
};

use super::batch::Layout;
use super::grads::Grads;
use super::linear::{Columns, Linear, LinearScratch};
use super::method::AdapterNeeds;
use super::norm::Norm;
use super::pass::Pass;
use super::room::Room;

/// Which rows of the last residual stream a head reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadPooling {
    /// The first token of each sequence.
    First,
    /// The last token of each sequence.
    Last,
    /// The mean over each sequence.
    Mean,
    /// Each token that has a label.
    EachToken,
}

/// Pooling, then a dense layer with an activation and a norm where a family has them, then the
/// scores; without scores the pooled vectors themselves.
pub(super) struct TaskHead {
    /// The trunk's last norm.
    pub(super) trunk_norm: Option<Norm>,
    pub(super) pooling: HeadPooling,
    pub(super) dense: Option<(Linear, Activation)>,
    pub(super) norm: Option<Norm>,
    pub(super) out: Option<Linear>,
    buffers: Buffers,
}

/// The trunk's last norm, then the dense layer, its norm, and the scores.
pub(super) type HeadParts =
    (Option<Norm>, Option<(Linear, Activation)>, Option<Norm>, Option<Linear>);

/// Memory of both passes.
struct Buffers {
    hidden_size: usize,
    /// Rows that are read, normed, and their gradient.
    rows_tc: AlignedBuf<f32>,
    normed_tc: AlignedBuf<f32>,
    drows_tc: AlignedBuf<f32>,
    pooled: Vec<f32>,
    /// The dense layer before and behind its activation, and behind the norm.
    inner: Vec<f32>,
    act: Vec<f32>,
    last: Vec<f32>,
    outputs: Vec<f32>,
    dlast: Vec<f32>,
    dact: Vec<f32>,
    stats: Vec<f32>,
    operand: RowOperand,
    linear: LinearScratch,
}

impl TaskHead {
    pub(super) fn new(
        pooling: HeadPooling,
        parts: HeadParts,
        dtype: DenseType,
        (max_tokens, hidden_size): (usize, usize),
        room: &mut Room,
    ) -> Self {
        let (trunk_norm, dense, norm, out) = parts;
        let width = out.as_ref().map_or(hidden_size, |out| out.n.max(hidden_size));
        let needs = AdapterNeeds { whole: true, ..AdapterNeeds::default() };
        let linear = LinearScratch::new(room, dtype, max_tokens, (width, width), needs);
        let operand = room.operand(dtype, max_tokens, width);
        let stats = room.zeros(2 * max_tokens);
        let mut rows = || room.floats(max_tokens * hidden_size);
        let buffers = Buffers {
            hidden_size,
            rows_tc: rows(),
            normed_tc: rows(),
            drows_tc: rows(),
            pooled: Vec::new(),
            inner: Vec::new(),
            act: Vec::new(),
            last: Vec::new(),
            outputs: Vec::new(),
            dlast: Vec::new(),
            dact: Vec::new(),
            stats,
            operand,
            linear,
        };
        TaskHead { trunk_norm, pooling, dense, norm, out, buffers }
    }

    /// Values per row of the outputs.
    pub(super) fn width(&self) -> usize {
        self.out.as_ref().map_or(self.buffers.hidden_size, |out| out.n)
    }

    /// Outputs `[rows, width]`, a row per sequence or per labelled token.
    pub(super) fn forward(&mut self, pass: &Pass<'_>, x_tc: &[f32]) -> &[f32] {
        let (width, b) = (self.width(), &mut self.buffers);
        let c = b.hidden_size;
        let rows = rows_of(self.pooling, pass.batch);
        let len = rows.len() * c;
        for (into, &row) in b.rows_tc.chunks_exact_mut(c).zip(&rows) {
            into.copy_from_slice(&x_tc[row * c..][..c]);
        }
        match &self.trunk_norm {
            Some(norm) => norm.forward(pass, &b.rows_tc[..len], &mut b.normed_tc[..len]),
            None => b.normed_tc[..len].copy_from_slice(&b.rows_tc[..len]),
        }
        b.pooled.clear();
        if self.pooling == HeadPooling::Mean {
            for pair in pass.batch.bounds.windows(2) {
                b.pooled.extend(mean(&b.normed_tc[pair[0] * c..pair[1] * c], c));
            }
        } else {
            b.pooled.extend_from_slice(&b.normed_tc[..len]);
        }
        let count = b.pooled.len() / c;
        b.last.clone_from(&b.pooled);
        if let Some((dense, act)) = &mut self.dense {
            b.inner.resize(count * c, 0.0);
            b.act.resize(count * c, 0.0);
            b.operand.set(pass.pool, &b.pooled, count, c, c);
            dense.forward(pass, &b.operand, (&mut b.inner, c), false, &mut b.linear);
            activation(pass.pool, *act, &b.inner, &mut b.act);
            match &self.norm {
                Some(norm) => norm.forward(pass, &b.act, &mut b.last),
                None => b.last.copy_from_slice(&b.act),
            }
        }
        b.outputs.resize(count * width, 0.0);
        match &mut self.out {
            Some(out) => {
                b.operand.set(pass.pool, &b.last, count, c, c);
                out.forward(pass, &b.operand, (&mut b.outputs, width), false, &mut b.linear);
            }
            None => b.outputs.copy_from_slice(&b.last),
        }
        &b.outputs
    }

    /// Takes the gradient of the outputs, adds those of what is trained, and writes that of the
    /// last residual stream: zero in rows that were not read.
    pub(super) fn backward(
        &mut self,
        pass: &Pass<'_>,
        doutputs: &[f32],
        (dx_tc, grads): (&mut [f32], &mut Grads),
    ) {
        let b = &mut self.buffers;
        let c = b.hidden_size;
        assert_eq!(doutputs.len(), b.outputs.len(), "outputs and their gradient");
        let count = b.pooled.len() / c;
        b.dlast.resize(count * c, 0.0);
        b.linear.swap_rows(&mut b.operand);
        match &self.out {
            Some(out) => {
                b.linear.set_input(pass, &b.last, c);
                let dy = Columns { data: doutputs, stride: out.n };
                out.backward(pass, dy, Some((&mut b.dlast, false)), grads, &mut b.linear);
            }
            None => b.dlast.copy_from_slice(doutputs),
        }
        if let Some((dense, act)) = &self.dense {
            b.dact.clear();
            b.dact.resize(count * c, 0.0);
            match &self.norm {
                Some(norm) => {
                    let dact = Some(&mut b.dact[..]);
                    norm.backward(pass, &b.act, &b.dlast, dact, grads, &mut b.stats);
                }
                None => b.dact.copy_from_slice(&b.dlast),
            }
            activation_backward(pass.pool, *act, &b.inner, &mut b.dact);
            b.linear.set_input(pass, &b.pooled, c);
            let dy = Columns { data: &b.dact, stride: c };
            dense.backward(pass, dy, Some((&mut b.dlast, false)), grads, &mut b.linear);
        }
        b.linear.swap_rows(&mut b.operand);
        let rows = rows_of(self.pooling, pass.batch);
        let len = rows.len() * c;
        // The normed rows are not needed any more: they give room to their gradient.
        let dnormed = &mut b.normed_tc[..len];
        if self.pooling == HeadPooling::Mean {
            for (pair, dpooled) in pass.batch.bounds.windows(2).zip(b.dlast.chunks_exact(c)) {
                let share = 1.0 / (pair[1] - pair[0]) as f32;
                for row in dnormed[pair[0] * c..pair[1] * c].chunks_exact_mut(c) {
                    row.iter_mut().zip(dpooled).for_each(|(d, dpooled)| *d = dpooled * share);
                }
            }
        } else {
            dnormed.copy_from_slice(&b.dlast);
        }
        let drows: &[f32] = match &self.trunk_norm {
            Some(norm) => {
                let drows = &mut b.drows_tc[..len];
                drows.fill(0.0);
                let dx = Some(&mut *drows);
                norm.backward(pass, &b.rows_tc[..len], dnormed, dx, grads, &mut b.stats);
                drows
            }
            None => dnormed,
        };
        dx_tc.fill(0.0);
        for (drow, &row) in drows.chunks_exact(c).zip(&rows) {
            dx_tc[row * c..][..c].copy_from_slice(drow);
        }
    }
}

/// The rows that a head reads, in order.
fn rows_of(pooling: HeadPooling, batch: &Layout) -> Vec<usize> {
    let sequences = batch.bounds.windows(2);
    match pooling {
        HeadPooling::First => sequences.map(|pair| pair[0]).collect(),
        HeadPooling::Last => sequences.map(|pair| pair[1] - 1).collect(),
        HeadPooling::Mean => (0..batch.positions.len()).collect(),
        HeadPooling::EachToken => batch.supervised.clone(),
    }
}

fn mean(rows: &[f32], c: usize) -> Vec<f32> {
    let mut sums = vec![0.0f32; c];
    for row in rows.chunks_exact(c) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let share = 1.0 / (rows.len() / c) as f32;
    for sum in &mut sums {
        *sum *= share;
    }
    sums
}
