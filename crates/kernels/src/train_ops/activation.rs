//! What encoders pass the values of their MLPs and heads through.

use crate::leveled::leveled;
use crate::math::{erf, exp, sigmoid};
use crate::{Pool, level};

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
    let rows = match act {
        Activation::Identity => identity,
        Activation::Gelu => gelu,
        Activation::GeluTanh => gelu_tanh,
        Activation::Relu => relu,
        Activation::Silu => silu,
        Activation::Tanh => tanh,
    };
    pool.split_rows(x_tc, bias_c.len(), &|_, part| rows(level, part, bias_c));
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
    tanh = |x: f32| 2.0 * sigmoid(2.0 * x) - 1.0;
}
