//! What adapters make of what the base gives.

use std::ops::Range;

use catena_kernels::{AlignedBuf, MatmulScratch, Pool};

use super::AdapterSet;
use super::pack::Adapter;
use super::place::{Place, Product};

/// Neighbouring rows with the same adapter.
struct Run<'a> {
    adapter: &'a Adapter,
    first_row: usize,
    num_rows: usize,
}

/// The rows of a block that have an adapter, in order.
#[derive(Default)]
pub(in crate::decoder) struct Runs<'a>(Vec<Run<'a>>);

/// What adapters do in one layer.
#[derive(Clone, Copy)]
pub(in crate::decoder) struct Deltas<'a> {
    pub(in crate::decoder) runs: &'a Runs<'a>,
    pub(in crate::decoder) layer: usize,
}

/// Working memory of adapters.
#[derive(Default)]
pub(in crate::decoder) struct AdapterBuffers {
    /// What the first matrices of pairs give `[t, r]`.
    low_rank: AlignedBuf<f32>,
    /// Rows that a product is added to, while what it gives is scaled `[t, c]`.
    held: AlignedBuf<f32>,
}

impl AdapterBuffers {
    /// Makes room for steps of `rows` rows, which are added to rows of `width`.
    pub(in crate::decoder) fn make_room(
        &mut self,
        adapters: &AdapterSet,
        rows: usize,
        width: usize,
    ) {
        let grow = |buf: &mut AlignedBuf<f32>, len: usize| {
            if buf.len() < len {
                *buf = AlignedBuf::zeroed(len);
            }
        };
        grow(&mut self.low_rank, rows * adapters.max_rank());
        grow(&mut self.held, if adapters.any_scales() { rows * width } else { 0 });
    }

    /// Values of both.
    pub(in crate::decoder) fn len(&self) -> usize {
        self.low_rank.len() + self.held.len()
    }
}

impl<'a> Runs<'a> {
    /// Enters the next rows of a block.
    pub(in crate::decoder) fn push(
        &mut self,
        adapter: &'a Adapter,
        first_row: usize,
        num_rows: usize,
    ) {
        match self.0.last_mut() {
            _ if num_rows == 0 => {}
            Some(last)
                if std::ptr::eq(last.adapter, adapter)
                    && last.first_row + last.num_rows == first_row =>
            {
                last.num_rows += num_rows;
            }
            _ => self.0.push(Run { adapter, first_row, num_rows }),
        }
    }

    /// Whether no row has an adapter.
    pub(in crate::decoder) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The adapters, each with its rows.
    pub(super) fn of_rows(&self) -> impl Iterator<Item = (&'a Adapter, Range<usize>)> {
        self.0.iter().map(|run| (run.adapter, run.first_row..run.first_row + run.num_rows))
    }

    /// The runs of a block that has these rows, in this order.
    pub(in crate::decoder) fn gathered(&self, rows: impl Iterator<Item = usize>) -> Self {
        let mut gathered = Self::default();
        if self.0.is_empty() {
            return gathered;
        }
        for (to, row) in rows.enumerate() {
            let behind = self.0.partition_point(|run| run.first_row + run.num_rows <= row);
            if let Some(run) = self.0.get(behind).filter(|run| run.first_row <= row) {
                gathered.push(run.adapter, to, 1);
            }
        }
        gathered
    }
}

impl Deltas<'_> {
    /// Scales the rows that a product will get, of adapters that scale them.
    pub(in crate::decoder) fn scale_inputs(&self, product: Product, input: &mut [f32], k: usize) {
        let place = Place { layer: self.layer, product };
        for run in &self.runs.0 {
            let Some(factors) = run.adapter.inputs(place) else { continue };
            let rows = &mut input[run.first_row * k..(run.first_row + run.num_rows) * k];
            for row in rows.chunks_exact_mut(k) {
                row.iter_mut().zip(factors).for_each(|(x, factor)| *x *= factor);
            }
        }
    }

    /// Before a product is added to `out`: sets rows aside whose adapter scales what it gives, so
    /// that nothing else is scaled. [`Self::add`] adds them again.
    pub(in crate::decoder) fn hold(
        &self,
        product: Product,
        (out, ldo): (&mut [f32], usize),
        buffers: &mut AdapterBuffers,
    ) {
        let place = Place { layer: self.layer, product };
        for run in self.runs.0.iter().filter(|run| run.adapter.scales(place)) {
            let rows = run.first_row * ldo..(run.first_row + run.num_rows) * ldo;
            buffers.held[rows.clone()].copy_from_slice(&out[rows.clone()]);
            out[rows].fill(0.0);
        }
    }

    /// `out = f out + c`, then `out += scale * (input A^T) B^T` for the rows of each run and the
    /// factors and pairs of the product; `held` says that [`Self::hold`] came before.
    ///
    /// # Shapes
    /// `input` `[t, k]` with the product's `k`; `out` `[t, n]` with rows `ldo` apart; the buffers at
    /// least as many values as the longest run times the largest rank.
    pub(in crate::decoder) fn add(
        &self,
        (product, held): (Product, bool),
        pool: &Pool,
        input: &[f32],
        (out, ldo): (&mut [f32], usize),
        buffers: &mut AdapterBuffers,
        matmul: &mut MatmulScratch,
    ) {
        let place = Place { layer: self.layer, product };
        for run in &self.runs.0 {
            for scale in run.adapter.outputs(place) {
                scale.apply(run.num_rows, &mut out[run.first_row * ldo..], ldo);
            }
            for pair in run.adapter.pairs(place) {
                let (rank, k) = (pair.a_rk.n(), pair.a_rk.k());
                let x_tk = &input[run.first_row * k..(run.first_row + run.num_rows) * k];
                let low_tr = &mut buffers.low_rank[..run.num_rows * rank];
                pair.a_rk.matmul(pool, x_tk, low_tr, rank, false, matmul);
                let out = &mut out[run.first_row * ldo + pair.first_column..];
                pair.b_nr.matmul(pool, low_tr, out, ldo, true, matmul);
            }
            if held && run.adapter.scales(place) {
                let rows = run.first_row * ldo..(run.first_row + run.num_rows) * ldo;
                let pairs = out[rows.clone()].iter_mut().zip(&buffers.held[rows]);
                pairs.for_each(|(out, held)| *out += held);
            }
        }
    }
}
