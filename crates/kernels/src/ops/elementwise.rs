//! Steps that treat each value alone.

use crate::leveled::leveled;
use crate::math::{erf, exp, sigmoid};
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

/// What a gate is passed through before it multiplies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gate {
    /// `silu(x) = x / (1 + exp(-x))`: SwiGLU, as in Llama.
    #[default]
    Silu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`: GeGLU, as in Gemma.
    GeluTanh,
    /// `x / 2 (1 + erf(x / sqrt(2)))`: GeGLU with the exact function.
    GeluErf,
}

/// `out = act(gate) * up`: the gate of the MLP.
///
/// # Shapes
/// `gate_up_t2f` `[t, 2, f]`: in each row first the gate, then up; `out_tf` `[t, f]`. The
/// exponential is within 2 ulp.
///
/// # Panics
/// If `out_tf` is not whole rows of `f`, or `gate_up_t2f` not twice as long.
///
/// # Source
/// Shazeer 2020, arXiv:2002.05202, eq. 6; Hendrycks and Gimpel 2016, arXiv:1606.08415.
pub fn gated_mul(pool: &Pool, gate: Gate, gate_up_t2f: &[f32], f: usize, out_tf: &mut [f32]) {
    gated_mul_at(level(), pool, gate, gate_up_t2f, f, out_tf);
}

pub(super) fn gated_mul_at(
    level: Level,
    pool: &Pool,
    gate: Gate,
    gate_up_t2f: &[f32],
    f: usize,
    out_tf: &mut [f32],
) {
    let (inputs, outputs) = (gate_up_t2f.len(), out_tf.len());
    assert!(inputs == 2 * outputs, "{inputs} gate and up values for {outputs} outputs");
    let rows = match gate {
        Gate::Silu => silu_mul,
        Gate::GeluTanh => gelu_tanh_mul,
        Gate::GeluErf => gelu_erf_mul,
    };
    if outputs < PARALLEL_FROM / 4 {
        assert!(f > 0 && outputs.is_multiple_of(f), "{outputs} in rows of {f}");
        return rows(level, gate_up_t2f, f, out_tf);
    }
    pool.split_rows(out_tf, f, &|range, out| {
        rows(level, &gate_up_t2f[range.start * 2 * f..range.end * 2 * f], f, out);
    });
}

/// One function over rows per gate.
macro_rules! gates {
    ($($name:ident = $act:expr;)*) => { $(
        leveled! {
            fn $name(gate_up_t2f: &[f32], f: usize, out_tf: &mut [f32]) {
                for (row, out) in gate_up_t2f.chunks_exact(2 * f).zip(out_tf.chunks_exact_mut(f)) {
                    let (gate, up) = row.split_at(f);
                    for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
                        *out = $act(g) * u;
                    }
                }
            }
        }
    )* };
}

gates! {
    silu_mul = |x: f32| x / (1.0 + exp(-x));
    // `(1 + tanh(y)) / 2` is the logistic function of `2 y`.
    gelu_tanh_mul = |x: f32| x * sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
    gelu_erf_mul = |x: f32| x * 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
}
