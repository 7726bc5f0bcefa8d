//! What encoders pass the values of their MLPs and heads through.

use super::gated::{gelu_slope, gelu_tanh_slope, silu_slope};
use crate::leveled::leveled;
use crate::math::{erf, exp, sigmoid, tanh as math_tanh};
use crate::{Gate, Level, Pool, level};

/// A function of single values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `x / 2 (1 + erf(x / sqrt(2)))`: BERT's exact form.
    Gelu,
    /// `x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `tanh(x)`, within 2e-7.
    Tanh,
}

/// `x = act(x + bias)` in every row, in place: one pass over a layer's output.
///
/// # Shapes
/// `x_tc` `[t, c]`; `bias_c` `[c]`.
///
/// # Panics
/// If `x_tc` is not whole rows of `bias_c.len()`: a caller's bug.
///
/// # Source
/// Hendrycks and Gimpel 2016, arXiv:1606.08415.
pub fn bias_activation(pool: &Pool, act: Activation, x_tc: &mut [f32], bias_c: &[f32]) {
    let level = level();
    if x_tc.is_empty() {
        return;
    }
    let rows = values_of(act);
    pool.split_rows(x_tc, bias_c.len(), &|_, part| rows(level, part, bias_c));
}

fn values_of(act: Activation) -> fn(Level, &mut [f32], &[f32]) {
    match act {
        Activation::Identity => identity,
        Activation::Gelu => gelu,
        Activation::GeluTanh => gelu_tanh,
        Activation::Relu => relu,
        Activation::Silu => silu,
        Activation::Tanh => tanh,
    }
}

/// One function over rows per activation.
macro_rules! activations {
    ($($name:ident = $act:expr;)*) => { $(
        leveled! {
            fn $name(x: &mut [f32], bias: &[f32]) {
                for row in x.chunks_exact_mut(bias.len()) {
                    for (x, bias) in row.iter_mut().zip(bias) {
                        *x = $act(*x + bias);
                    }
                }
            }
        }
    )* };
}

activations! {
    identity = |x: f32| x;
    gelu = |x: f32| x * 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    // `(1 + tanh(y)) / 2` is the logistic function of `2 y`.
    gelu_tanh = |x: f32| x * sigmoid(1.595_769 * (x + 0.044_715 * x * x * x));
    relu = |x: f32| if x > 0.0 { x } else { 0.0 };
    silu = |x: f32| x / (1.0 + exp(-x));
    tanh = math_tanh;
}

/// `out = act(x)`: what [`bias_activation`] does in place, with the input kept for the way back.
///
/// # Panics
/// If the lengths differ: a caller's bug.
pub fn activation(pool: &Pool, act: Activation, x: &[f32], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "x and out");
    let level = level();
    pool.split_rows(out, 1, &|part, out| {
        out.copy_from_slice(&x[part]);
        values_of(act)(level, out, &[0.0]);
    });
}

/// `dx *= act'(x)`, elementwise: `dx` comes in as the gradient of `act(x)`.
///
/// # Panics
/// If the lengths differ: a caller's bug.
pub fn activation_backward(pool: &Pool, act: Activation, x: &[f32], dx: &mut [f32]) {
    assert_eq!(x.len(), dx.len(), "x and dx");
    let level = level();
    let slopes = match act {
        Activation::Identity => return,
        Activation::Gelu => gelu_slopes,
        Activation::GeluTanh => gelu_tanh_slopes,
        Activation::Relu => relu_slopes,
        Activation::Silu => silu_slopes,
        Activation::Tanh => tanh_slopes,
    };
    pool.split_rows(dx, 1, &|part, dx| slopes(level, &x[part], dx));
}

impl From<Gate> for Activation {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Silu => Self::Silu,
            Gate::GeluTanh => Self::GeluTanh,
            Gate::GeluErf => Self::Gelu,
        }
    }
}

macro_rules! slopes {
    ($($name:ident = $slope:expr;)*) => { $(
        leveled! {
            fn $name(x: &[f32], dx: &mut [f32]) {
                for (dx, x) in dx.iter_mut().zip(x) {
                    *dx *= $slope(*x);
                }
            }
        }
    )* };
}

slopes! {
    gelu_slopes = |x: f32| gelu_slope(x).1;
    gelu_tanh_slopes = |x: f32| gelu_tanh_slope(x).1;
    relu_slopes = |x: f32| if x > 0.0 { 1.0 } else { 0.0 };
    silu_slopes = |x: f32| silu_slope(x).1;
    tanh_slopes = |x: f32| 1.0 - math_tanh(x) * math_tanh(x);
}
