//! Steps that treat each value alone.

use std::ops::Range;

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
    pub(crate) fn add_values(x: &mut [f32], y: &[f32]) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += y;
        }
    }
}

/// `x += factor y`, elementwise: a residual connection with a multiplier.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(pool: &Pool, x: &mut [f32], y: &[f32], factor: f32) {
    let level = level();
    assert!(x.len() == y.len(), "{} values plus {}", x.len(), y.len());
    each_part(pool, x, |mine, x| add_scaled_values(level, x, &y[mine], factor));
}

leveled! {
    fn add_scaled_values(x: &mut [f32], y: &[f32], factor: f32) {
        for (x, y) in x.iter_mut().zip(y) {
            *x += factor * y;
        }
    }
}

/// `x *= factor`, elementwise.
pub fn scale(pool: &Pool, x: &mut [f32], factor: f32) {
    let level = level();
    each_part(pool, x, |_, x| scale_values(level, x, factor));
}

leveled! {
    pub(crate) fn scale_values(x: &mut [f32], factor: f32) {
        for x in x {
            *x *= factor;
        }
    }
}

/// `x = cap tanh(x / cap)`, elementwise: logits that cannot grow beyond a cap.
///
/// # Source
/// Gemma 2, arXiv:2408.00118, section 2.
pub fn softcap(pool: &Pool, x: &mut [f32], cap: f32) {
    let level = level();
    each_part(pool, x, |_, x| softcap_values(level, x, cap));
}

leveled! {
    pub(super) fn softcap_values(x: &mut [f32], cap: f32) {
        for x in x {
            // `tanh(y) = 2 sigmoid(2 y) - 1`; close to 0 its error is absolute, and small beside
            // the cap.
            *x = cap * (2.0 * sigmoid(2.0 * (*x / cap)) - 1.0);
        }
    }
}

/// Calls `job(range, values)` for the parts of `x` that the threads take; in one part if `x` is
/// short.
fn each_part(pool: &Pool, x: &mut [f32], job: impl Fn(Range<usize>, &mut [f32]) + Sync) {
    if x.len() < PARALLEL_FROM {
        return job(0..x.len(), x);
    }
    pool.split_rows(x, 1, &job);
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
    assert!(f > 0 && outputs.is_multiple_of(f), "{outputs} in rows of {f}");
    let multiply = gate_values(gate);
    let rows = |gate_up: &[f32], out: &mut [f32]| {
        for (row, out) in gate_up.chunks_exact(2 * f).zip(out.chunks_exact_mut(f)) {
            let (gate, up) = row.split_at(f);
            multiply(level, gate, up, out);
        }
    };
    if outputs < PARALLEL_FROM / 4 {
        return rows(gate_up_t2f, out_tf);
    }
    pool.split_rows(out_tf, f, &|range, out| {
        rows(&gate_up_t2f[range.start * 2 * f..range.end * 2 * f], out);
    });
}

/// `out = act(gate) * up` on the calling thread: `(level, gate, up, out)`.
pub(crate) fn gate_values(gate: Gate) -> fn(Level, &[f32], &[f32], &mut [f32]) {
    match gate {
        Gate::Silu => silu_mul,
        Gate::GeluTanh => gelu_tanh_mul,
        Gate::GeluErf => gelu_erf_mul,
    }
}

/// `x = act(x)`, elementwise: the MLP without a gate.
pub fn activate(pool: &Pool, act: Gate, x: &mut [f32]) {
    activate_at(level(), pool, act, x);
}

pub(super) fn activate_at(level: Level, pool: &Pool, act: Gate, x: &mut [f32]) {
    let values = activation_values(act);
    if x.len() < PARALLEL_FROM / 4 {
        return values(level, x);
    }
    pool.split_rows(x, 1, &|_, x| values(level, x));
}

/// [`activate`] on the calling thread.
pub(crate) fn activation_values(act: Gate) -> fn(Level, &mut [f32]) {
    match act {
        Gate::Silu => silu,
        Gate::GeluTanh => gelu_tanh,
        Gate::GeluErf => gelu_erf,
    }
}

/// Two functions per activation: over gates and what they multiply, and over values alone.
macro_rules! gates {
    ($($mul:ident, $alone:ident = $act:expr;)*) => { $(
        leveled! {
            fn $mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
                for ((out, &g), &u) in out.iter_mut().zip(gate).zip(up) {
                    *out = $act(g) * u;
                }
            }
        }

        leveled! {
            fn $alone(x: &mut [f32]) {
                for x in x {
                    *x = $act(*x);
                }
            }
        }
    )* };
}

gates! {
    silu_mul, silu = |x: f32| x / (1.0 + exp(-x));
    // `(1 + tanh(y)) / 2` is the logistic function of `2 y`.
    gelu_tanh_mul, gelu_tanh = |x: f32| x * sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
    gelu_erf_mul, gelu_erf = |x: f32| x * 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
}
