//! Backward of the gated activation.

use crate::leveled::leveled;
use crate::math::sigmoid;
use crate::{Pool, level};

/// Replaces gate and up by their gradients, for `out = silu(gate) * up`.
///
/// With `s = 1 / (1 + exp(-gate))`: `dgate = dout * up * s * (1 + gate * (1 - s))`, `dup = dout *
/// gate * s`
///
/// # Shapes
/// `gate_up_t2f` `[t, 2 f]`, gate first; `dout_tf` `[t, f]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn silu_mul_backward(pool: &Pool, gate_up_t2f: &mut [f32], dout_tf: &[f32], f: usize) {
    let level = level();
    assert_eq!(gate_up_t2f.len(), 2 * dout_tf.len(), "gate and up against the output");
    pool.split_rows(gate_up_t2f, 2 * f, &|rows, gate_up| {
        let dout = dout_tf[rows.start * f..].chunks_exact(f);
        for (gate_up, dout) in gate_up.chunks_exact_mut(2 * f).zip(dout) {
            let (gate, up) = gate_up.split_at_mut(f);
            row(level, gate, up, dout);
        }
    });
}

leveled! {
    fn row(gate: &mut [f32], up: &mut [f32], dout: &[f32]) {
        for ((gate, up), dout) in gate.iter_mut().zip(up).zip(dout) {
            let s = sigmoid(*gate);
            let dup = dout * (*gate * s);
            *gate = dout * *up * (s * (1.0 + *gate * (1.0 - s)));
            *up = dup;
        }
    }
}
