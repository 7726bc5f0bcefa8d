//! Steps that treat each value alone.

use crate::leveled::leveled;
use crate::math::exp;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{Level, Pool, level, span};

/// `x += y`, elementwise: the residual connection.
///
/// # Panics
/// If the lengths differ.
pub fn add(pool: &Pool, x: &mut [f32], y: &[f32]) {
    add_at(level(), pool, x, y);
}

pub(super) fn add_at(level: Level, pool: &Pool, x: &mut [f32], y: &[f32]) {
    assert!(x.len() == y.len(), "{} values plus {}", x.len(), y.len());
    if x.len() < PARALLEL_FROM {
        return add_values(level, x, y);
    }
    let (len, shared) = (x.len(), SharedMut::new(x));
    pool.run(&|thread| {
        let mine = span(len, thread, pool.threads());
        // SAFETY: spans of different threads are disjoint.
        add_values(level, unsafe { shared.range(mine.clone()) }, &y[mine]);
    });
}

leveled! {
    fn add_values(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

/// `out = silu(gate) * up`, `silu(x) = x / (1 + exp(-x))`: the gate of the SwiGLU MLP.
///
/// # Shapes
/// `gate_up_t2f` `[t, 2, f]`: in each row first the gate, then up; `out_tf` `[t, f]`. The
/// exponential is within 2 ulp.
///
/// # Panics
/// If `out_tf` is not whole rows of `f`, or `gate_up_t2f` not twice as long.
///
/// # Source
/// Shazeer 2020, arXiv:2002.05202, eq. 6.
pub fn silu_mul(pool: &Pool, gate_up_t2f: &[f32], f: usize, out_tf: &mut [f32]) {
    silu_mul_at(level(), pool, gate_up_t2f, f, out_tf);
}

pub(super) fn silu_mul_at(
    level: Level,
    pool: &Pool,
    gate_up_t2f: &[f32],
    f: usize,
    out_tf: &mut [f32],
) {
    let (inputs, outputs) = (gate_up_t2f.len(), out_tf.len());
    assert!(inputs == 2 * outputs, "{inputs} gate and up values for {outputs} outputs");
    if outputs < PARALLEL_FROM / 4 {
        assert!(f > 0 && outputs.is_multiple_of(f), "{outputs} in rows of {f}");
        return silu_mul_rows(level, gate_up_t2f, f, out_tf);
    }
    pool.split_rows(out_tf, f, &|range, out| {
        silu_mul_rows(level, &gate_up_t2f[range.start * 2 * f..range.end * 2 * f], f, out);
    });
}

leveled! {
    fn silu_mul_rows(gate_up_t2f: &[f32], f: usize, out_tf: &mut [f32]) {
        for (row, out) in gate_up_t2f.chunks_exact(2 * f).zip(out_tf.chunks_exact_mut(f)) {
            let (gate, up) = row.split_at(f);
            for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
                *out = g / (1.0 + exp(-g)) * u;
            }
        }
    }
}
