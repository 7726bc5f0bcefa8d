//! The gated activation of training and its backward.

use std::cell::RefCell;

use super::halves::{rounded, rounded_and_kept, widened};
use crate::leveled::leveled;
use crate::math::{erf, exp, sigmoid};
use crate::ops::gate_values;
use crate::share::SharedMut;
use crate::{AlignedBuf, DenseMatrix, DenseType, Gate, Level, Pool, RowOperand, level};

thread_local! {
    /// Gate and up of one row.
    static GATE_UP: RefCell<AlignedBuf<f32>> = RefCell::default();
}

/// `operand = act(gate) * up`, the operand of the product that follows, row by row.
///
/// Of bf16, gate and up are rounded first, in place, and kept as halves if there is a place for
/// them: as [`super::round_to_halves`].
///
/// # Shapes
/// `gate_up_t2f` and `kept` `[t, 2 f]`, gate first.
///
/// # Panics
/// If `gate_up_t2f` is not whole rows, or `kept` shorter: a caller's bug.
pub fn gated_operand(
    pool: &Pool,
    gate: Gate,
    gate_up_t2f: &mut [f32],
    f: usize,
    kept: Option<&mut [u16]>,
    operand: &mut RowOperand,
) {
    let (level, len) = (level(), gate_up_t2f.len());
    assert!(len.is_multiple_of(2 * f), "{len} values in rows of {}", 2 * f);
    let (multiply, dtype) = (gate_values(gate), operand.dtype());
    let (all, kept) = (SharedMut::new(gate_up_t2f), kept.map(SharedMut::new));
    operand.set_made(pool, (len / (2 * f), f), &|row, out| {
        let part = row * 2 * f..(row + 1) * 2 * f;
        // SAFETY: each row is made once.
        let gate_up = unsafe { all.range(part.clone()) };
        match (dtype, &kept) {
            (DenseType::F32, Some(_) | None) => {}
            (DenseType::Bf16, Some(kept)) => {
                // SAFETY: as above.
                let kept = unsafe { kept.range(part) };
                rounded_and_kept(level, gate_up, kept);
            }
            (DenseType::Bf16, None) => rounded(level, gate_up),
        }
        let (gate, up) = gate_up.split_at(f);
        multiply(level, gate, up, out);
    });
}

/// `out = act(gate) * up` of gate and up that were kept as halves.
///
/// # Shapes
/// As [`crate::gated_mul`].
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn gated_mul_halves(pool: &Pool, gate: Gate, kept_t2f: &[u16], f: usize, out_tf: &mut [f32]) {
    let level = level();
    assert_eq!(kept_t2f.len(), 2 * out_tf.len(), "gate and up against the output");
    let multiply = gate_values(gate);
    pool.split_rows(out_tf, f, &|rows, out| {
        GATE_UP.with_borrow_mut(|gate_up| {
            gate_up.grow(2 * f);
            let gate_up = &mut gate_up[..2 * f];
            let kept = kept_t2f[rows.start * 2 * f..].chunks_exact(2 * f);
            for (out, kept) in out.chunks_exact_mut(f).zip(kept) {
                widened(level, kept, gate_up);
                let (gate, up) = gate_up.split_at(f);
                multiply(level, gate, up, out);
            }
        });
    });
}

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
    let row = slope_row(gate);
    pool.split_rows(gate_up_t2f, 2 * f, &|rows, gate_up| {
        let dout = dout_tf[rows.start * f..].chunks_exact(f);
        for (gate_up, dout) in gate_up.chunks_exact_mut(2 * f).zip(dout) {
            let (gate, up) = gate_up.split_at_mut(f);
            row(level, gate, up, dout);
        }
    });
}

/// As [`gated_mul_backward`], from gate and up that were kept as halves; their gradients are
/// written.
///
/// # Panics
/// As there.
pub fn gated_mul_halves_backward(
    pool: &Pool,
    gate: Gate,
    kept_t2f: &[u16],
    dout_tf: &[f32],
    f: usize,
    dgate_up_t2f: &mut [f32],
) {
    let level = level();
    assert_eq!(kept_t2f.len(), 2 * dout_tf.len(), "gate and up against the output");
    assert_eq!(kept_t2f.len(), dgate_up_t2f.len(), "gate and up against their gradients");
    let row = slope_row(gate);
    pool.split_rows(dgate_up_t2f, 2 * f, &|rows, gate_up| {
        let kept = kept_t2f[rows.start * 2 * f..].chunks_exact(2 * f);
        let inputs = kept.zip(dout_tf[rows.start * f..].chunks_exact(f));
        for (gate_up, (kept, dout)) in gate_up.chunks_exact_mut(2 * f).zip(inputs) {
            widened(level, kept, gate_up);
            let (gate, up) = gate_up.split_at_mut(f);
            row(level, gate, up, dout);
        }
    });
}

/// [`gated_mul_backward`], or that of what was kept as halves, beside `act(gate) * up` as the columns
/// of a product over the rows: the same bits from one look at each value.
///
/// # Shapes
/// As [`gated_mul_halves_backward`]; without `kept`, gate and up stand where their gradients go.
/// `columns` becomes `[f, t]`.
///
/// # Panics
/// As there.
pub fn gated_columns_backward(
    pool: &Pool,
    gate: Gate,
    kept_t2f: Option<&[u16]>,
    dout_tf: &[f32],
    f: usize,
    dgate_up_t2f: &mut [f32],
    columns: &mut DenseMatrix,
) {
    let (level, len) = (level(), dout_tf.len());
    assert!(len.is_multiple_of(f), "{len} values in rows of {f}");
    assert_eq!(dgate_up_t2f.len(), 2 * len, "gate and up against the output");
    let kept_len = kept_t2f.map_or(2 * len, <[u16]>::len);
    assert_eq!(kept_len, 2 * len, "gate and up against the output");
    let make = both_row(gate);
    let all = SharedMut::new(dgate_up_t2f);
    columns.repack_transposed_made(pool, (len / f, f), &|row, act| {
        let part = row * 2 * f..(row + 1) * 2 * f;
        // SAFETY: each row is made once.
        let gate_up = unsafe { all.range(part.clone()) };
        if let Some(kept) = kept_t2f {
            widened(level, &kept[part], gate_up);
        }
        let (gate, up) = gate_up.split_at_mut(f);
        make(level, gate, up, &dout_tf[row * f..][..f], act);
    });
}

/// Turns a row of gates and of ups into their gradients, and writes what the row gives.
type BothRow = fn(Level, &mut [f32], &mut [f32], &[f32], &mut [f32]);

fn both_row(gate: Gate) -> BothRow {
    match gate {
        Gate::Silu => silu_both_row,
        Gate::GeluTanh => gelu_tanh_both_row,
        Gate::GeluErf => gelu_both_row,
    }
}

fn slope_row(gate: Gate) -> fn(Level, &mut [f32], &mut [f32], &[f32]) {
    match gate {
        Gate::Silu => silu_row,
        Gate::GeluTanh => gelu_tanh_row,
        Gate::GeluErf => gelu_row,
    }
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

/// Two functions per gate: what becomes of a row, and that with what the row gives.
macro_rules! rows {
    ($($name:ident, $both:ident = $slope:ident, $act:expr;)*) => { $(
        leveled! {
            fn $name(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
                for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
                    let (value, slope) = $slope(*gate);
                    *gate = dout * *up * slope;
                    *up = dout * value;
                }
            }
        }

        leveled! {
            fn $both(gate: &mut [f32], up: &mut [f32], dout: &[f32], act: &mut [f32]) {
                let rows = gate.iter_mut().zip(up).zip(dout).zip(act);
                for (((gate, up), dout), act) in rows {
                    let (value, slope) = $slope(*gate);
                    *act = $act(*gate) * *up;
                    *gate = dout * *up * slope;
                    *up = dout * value;
                }
            }
        }
    )* };
}

// As `gate_values` has them, whose bits these are; the compiler computes what both have in common
// once.
rows! {
    silu_row, silu_both_row = silu_slope, |x: f32| x / (1.0 + exp(-x));
    gelu_tanh_row, gelu_tanh_both_row = gelu_tanh_slope,
        |x: f32| x * sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
    gelu_row, gelu_both_row = gelu_slope,
        |x: f32| x * 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
}
