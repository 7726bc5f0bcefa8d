//! Adding what adapters give to what the base gives.

use catena_kernels::{AlignedBuf, MatmulScratch, Pool};

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

/// What adapters add in one layer.
#[derive(Clone, Copy)]
pub(in crate::decoder) struct Deltas<'a> {
    pub(in crate::decoder) runs: &'a Runs<'a>,
    pub(in crate::decoder) layer: usize,
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
    /// `out += scale * (input A^T) B^T` for the rows of each run and the pairs of the product.
    ///
    /// # Shapes
    /// `input` `[t, k]` with the product's `k`; `out` `[t, n]` with rows `ldo` apart; `low_rank` at
    /// least as many values as the longest run times the largest rank.
    pub(in crate::decoder) fn add(
        &self,
        product: Product,
        pool: &Pool,
        input: &[f32],
        (out, ldo): (&mut [f32], usize),
        low_rank: &mut AlignedBuf<f32>,
        matmul: &mut MatmulScratch,
    ) {
        let place = Place { layer: self.layer, product };
        for run in &self.runs.0 {
            for pair in run.adapter.pairs(place) {
                let (rank, k) = (pair.a_rk.n(), pair.a_rk.k());
                let x_tk = &input[run.first_row * k..(run.first_row + run.num_rows) * k];
                let low_tr = &mut low_rank[..run.num_rows * rank];
                pair.a_rk.matmul(pool, x_tk, low_tr, rank, false, matmul);
                let out = &mut out[run.first_row * ldo + pair.first_column..];
                pair.b_nr.matmul(pool, low_tr, out, ldo, true, matmul);
            }
        }
    }
}
