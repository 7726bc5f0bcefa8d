//! Backward of the gated activation.

use crate::leveled::leveled;
use crate::math::{erf, exp, sigmoid};
use crate::{Gate, Pool, level};

/// Replaces gate and up by their gradients, for `out = act(gate) * up`.
///
/// `dgate = dout * up * act'(gate)`, `dup = dout * act(gate)`
///
/// # Shapes
/// `gate_up_t2f` `[t, 2 f]`, gate first; `dout_tf` `[t, f]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn gated_mul_backward(
    pool: &Pool,
    gate: Gate,
    gate_up_t2f: &mut [f32],
    dout_tf: &[f32],
    f: usize,
) {
    let level = level();
    assert_eq!(gate_up_t2f.len(), 2 * dout_tf.len(), "gate and up against the output");
    let row = match gate {
        Gate::Silu => silu_row,
        Gate::GeluTanh => gelu_tanh_row,
        Gate::GeluErf => gelu_row,
    };
    pool.split_rows(gate_up_t2f, 2 * f, &|rows, gate_up| {
        let dout = dout_tf[rows.start * f..].chunks_exact(f);
        for (gate_up, dout) in gate_up.chunks_exact_mut(2 * f).zip(dout) {
            let (gate, up) = gate_up.split_at_mut(f);
            row(level, gate, up, dout);
        }
    });
}

/// Value and derivative of `x / (1 + exp(-x))`.
#[inline(always)]
pub(super) fn silu_slope(x: f32) -> (f32, f32) {
    let s = sigmoid(x);
    (x * s, s * (1.0 + x * (1.0 - s)))
}

/// Value and derivative of `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
#[inline(always)]
pub(super) fn gelu_tanh_slope(x: f32) -> (f32, f32) {
    // `(1 + tanh(y)) / 2` is the logistic function of `2 y`.
    let s = sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
    (x * s, s + x * s * (1.0 - s) * 1.595_769 * (1.0 + 0.134_145 * x * x))
}

/// Value and derivative of `x / 2 (1 + erf(x / sqrt(2)))`.
#[inline(always)]
pub(super) fn gelu_slope(x: f32) -> (f32, f32) {
    // `1 / sqrt(2 pi)`, the height of the normal density.
    const HEIGHT: f32 = 0.398_942_3;
    let below = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    (x * below, below + x * HEIGHT * exp(-0.5 * x * x))
}

macro_rules! rows {
    ($($name:ident = $slope:ident;)*) => { $(
        leveled! {
            fn $name(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
                for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
                    let (value, slope) = $slope(*gate);
                    *gate = dout * *up * slope;
                    *up = dout * value;
                }
            }
        }
    )* };
}

rows! {
    silu_row = silu_slope;
    gelu_tanh_row = gelu_tanh_slope;
    gelu_row = gelu_slope;
}
