//! Forward steps against formulas in f64; every backward against central differences of an f64
//! forward; all at every level of the machine.

mod halves;
mod prefix;
mod rows;
mod slopes;

use super::*;
use crate::test_close::{F32_TOLERANCE, assert_close, at_every_level, wide};
use crate::test_rng::Rng;
use crate::{DenseType, Pool, RopeSpec, RopeTable};

/// bf16 operands keep 8 bits; differences average out over a dot product.
const BF16_TOLERANCE: f64 = 2e-2;
/// Step of the central differences, in f64.
const STEP: f64 = 1e-5;

/// Gradient of `sum(weights * f(x))` by central differences.
fn differences(x: &[f32], weights: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
    let mut x = wide(x);
    let project =
        |x: &[f64]| -> f64 { f(x).iter().zip(weights).map(|(y, &w)| y * f64::from(w)).sum() };
    (0..x.len())
        .map(|i| {
            let at = x[i];
            x[i] = at + STEP;
            let above = project(&x);
            x[i] = at - STEP;
            let below = project(&x);
            x[i] = at;
            (above - below) / (2.0 * STEP)
        })
        .collect()
}

#[test]
fn rope_backward_is_the_transpose_of_rope() {
    at_every_level(|pool| {
        let (heads, d, positions) = (3, 20, [0u32, 7, 3, 31]);
        let table = RopeTable::new(&RopeSpec::plain(d, 10_000.0), 32);
        let mut rng = Rng::new(3);
        let width = heads * d;
        let (x, dy) = (rng.normals(4 * width), rng.normals(4 * width));
        let (mut y, mut dx) = (x.clone(), dy.clone());
        crate::rope(pool, &mut y, width, heads, &positions, &table);
        rope_backward(pool, &mut dx, &positions, &table);
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        assert!((dot(&y, &dy) - dot(&x, &dx)).abs() < 1e-4);
        crate::rope(pool, &mut dx, width, heads, &positions, &table);
        assert_close("rope", &dx, &wide(&dy), F32_TOLERANCE);
    });
}

#[test]
fn cross_entropy_is_its_formula_and_its_gradient_the_derivative() {
    at_every_level(|pool| {
        let (t, v) = (3, 37);
        let mut rng = Rng::new(4);
        let mut logits = rng.normals(t * v);
        for x in &mut logits {
            *x *= 5.0;
        }
        let (targets, scales) = ([0u32, 36, 11], [0.25f32, -1.5, 0.0]);
        let losses = |x: &[f64]| -> Vec<f64> {
            let row = |(x, &target): (&[f64], &u32)| {
                x.iter().map(|x| x.exp()).sum::<f64>().ln() - x[target as usize]
            };
            x.chunks_exact(v).zip(&targets).map(row).collect()
        };
        let expected = differences(&logits, &scales, losses);
        let (mut found, mut found_losses) = (logits.clone(), [0.0; 3]);
        cross_entropy(pool, &mut found, &targets, &scales, &mut found_losses);
        assert_close("dlogits", &found, &expected, F32_TOLERANCE);
        let mut again = [0.0; 3];
        cross_entropy_loss(pool, &mut logits.clone(), &targets, &mut again);
        assert_eq!(found_losses, again);
        for (found, expected) in again.iter().zip(losses(&wide(&logits))) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    });
}

#[test]
fn cross_entropy_of_a_nan_is_a_nan() {
    let pool = Pool::new(1);
    let (mut logits, mut losses) = (vec![0.0, f32::NAN, 1.0], [0.0]);
    cross_entropy(&pool, &mut logits, &[0], &[1.0], &mut losses);
    assert!(losses[0].is_nan(), "a diverged run must show");
}

#[test]
fn layer_norm_and_bias_are_their_formulas() {
    at_every_level(|pool| {
        let (t, c) = (4, 50);
        let mut rng = Rng::new(5);
        let (x, gain, bias) = (rng.normals(t * c), rng.normals(c), rng.normals(c));
        let expected = |x: &[f32]| -> Vec<f64> {
            let x = wide(x);
            let mean = x.iter().sum::<f64>() / c as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
            let scale = 1.0 / (variance + 1e-12).sqrt();
            let value = |i: usize| (x[i] - mean) * scale * f64::from(gain[i]) + f64::from(bias[i]);
            (0..c).map(value).collect()
        };
        let expected: Vec<f64> = x.chunks_exact(c).flat_map(expected).collect();
        let mut out = vec![0.0; t * c];
        layer_norm(pool, &x, &gain, &bias, 1e-12, &mut out);
        assert_close("layer_norm", &out, &expected, F32_TOLERANCE);

        let mut shifted = x.clone();
        add_bias(pool, &mut shifted, bias.len(), &bias);
        assert!((0..t * c).all(|i| shifted[i] == x[i] + bias[i % c]));

        layer_norm(pool, &shifted, &gain, &bias, 1e-12, &mut out);
        let mut in_place = x.clone();
        bias_layer_norm(pool, &mut in_place, &bias, &gain, &bias, 1e-12);
        assert_eq!(in_place, out, "the bias before the norm in one pass");
    });
}

/// `erf` from its Maclaurin series: exact enough in f64 up to 5.
fn erf_series(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / n as f64;
        sum += term / (2 * n + 1) as f64;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn activations_are_their_formulas_behind_a_bias() {
    let gelu = |x: f64| x / 2.0 * (1.0 + erf_series((x / 2f64.sqrt()).clamp(-5.0, 5.0)));
    let gelu_tanh = |x: f64| {
        let root = (2.0 / std::f64::consts::PI).sqrt();
        x / 2.0 * (1.0 + (root * (x + 0.044_715 * x.powi(3))).tanh())
    };
    let functions: [(Activation, &dyn Fn(f64) -> f64); 6] = [
        (Activation::Identity, &|x| x),
        (Activation::Gelu, &gelu),
        (Activation::GeluTanh, &gelu_tanh),
        (Activation::Relu, &|x| x.max(0.0)),
        (Activation::Silu, &|x| x / (1.0 + (-x).exp())),
        (Activation::Tanh, &f64::tanh),
    ];
    at_every_level(|pool| {
        for (act, formula) in functions {
            let x: Vec<f32> = (-600..600).map(|i| i as f32 / 100.0).collect();
            let bias = [0.25, -0.5, 0.0];
            let mut found = x.clone();
            bias_activation(pool, act, &mut found, &bias);
            for (i, (&x, &found)) in x.iter().zip(&found).enumerate() {
                let expected = formula(f64::from(x + bias[i % 3]));
                assert!(
                    (f64::from(found) - expected).abs() < 2e-6,
                    "{act:?}({x}): {found}, not {expected}"
                );
            }
        }
    });
}

struct Packed {
    shape: AttentionShape,
    bounds: Vec<usize>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dout: Vec<f32>,
}

fn packed(mask: AttentionMask, dtype: DenseType, d: usize, lens: &[usize]) -> Packed {
    packed_of(mask, dtype, (d, d), lens)
}

/// The same with value heads of a width of their own.
fn packed_of(
    mask: AttentionMask,
    dtype: DenseType,
    (d, dv): (usize, usize),
    lens: &[usize],
) -> Packed {
    let (heads, kv_heads) = (4, 2);
    let scale = 1.0 / (d as f32).sqrt();
    let shape = AttentionShape {
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        head_dim: d,
        value_head_dim: dv,
        scale,
        mask,
        logit_softcap: None,
        dtype,
    };
    let mut bounds = vec![0];
    for len in lens {
        bounds.push(bounds[bounds.len() - 1] + len);
    }
    let t = bounds[lens.len()];
    let mut rng = Rng::new(8);
    let mut normals = |width| rng.normals(t * width);
    let (q, k) = (normals(heads * d), normals(kv_heads * d));
    let (v, dout) = (normals(kv_heads * dv), normals(heads * dv));
    Packed { shape, bounds, q, k, v, dout }
}

/// Attention by its definition, in f64.
fn reference(p: &Packed, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
    let s = &p.shape;
    let (d, dv) = (s.head_dim, s.value_head_dim);
    let (heads, kv_heads) = (s.num_attention_heads, s.num_key_value_heads);
    let mut out = vec![0.0; q.len() / d * dv];
    for seq in p.bounds.windows(2) {
        for i in seq[0]..seq[1] {
            let (start, end) = match s.mask {
                AttentionMask::Causal => (seq[0], i + 1),
                AttentionMask::SlidingWindow { window } => {
                    ((i + 1).saturating_sub(window).max(seq[0]), i + 1)
                }
                AttentionMask::Bidirectional => (seq[0], seq[1]),
                AttentionMask::Window { radius } => {
                    (i.saturating_sub(radius).max(seq[0]), (i + radius + 1).min(seq[1]))
                }
            };
            for h in 0..heads {
                let g = h / (heads / kv_heads);
                let score = |j: usize| -> f64 {
                    let dot =
                        (0..d).map(|e| q[(i * heads + h) * d + e] * k[(j * kv_heads + g) * d + e]);
                    let score = dot.sum::<f64>() * f64::from(s.scale);
                    let cap = |cap| f64::from(cap) * (score / f64::from(cap)).tanh();
                    s.logit_softcap.map_or(score, cap).exp()
                };
                let p: Vec<f64> = (start..end).map(score).collect();
                let sum: f64 = p.iter().sum();
                for (j, p) in (start..end).zip(p) {
                    for e in 0..dv {
                        out[(i * heads + h) * dv + e] += p / sum * v[(j * kv_heads + g) * dv + e];
                    }
                }
            }
        }
    }
    out
}

struct Attended {
    out: Vec<f32>,
    lse: Vec<f32>,
    dq: Vec<f32>,
    dk: Vec<f32>,
    dv: Vec<f32>,
}

fn attend(pool: &Pool, p: &Packed) -> Attended {
    let tokens = *p.bounds.last().unwrap();
    let mut a = Attended {
        out: vec![f32::NAN; p.dout.len()],
        lse: vec![f32::NAN; tokens * p.shape.num_attention_heads],
        dq: vec![f32::NAN; p.q.len()],
        dk: vec![f32::NAN; p.k.len()],
        dv: vec![f32::NAN; p.v.len()],
    };
    let mut scratch = AttentionScratch::new();
    let lse = Some(&mut a.lse[..]);
    attention_forward(pool, &p.shape, &p.bounds, &p.q, &p.k, &p.v, &mut a.out, lse, &mut scratch);
    let grads = (&mut a.dq[..], &mut a.dk[..], &mut a.dv[..]);
    let inputs = (&p.q[..], &p.k[..], &p.v[..]);
    attention_backward(pool, &p.shape, &p.bounds, inputs, &a.lse, &p.dout, grads, &mut scratch);
    a
}

#[test]
fn attention_is_its_formula_and_its_backward_the_derivative() {
    let types = [(DenseType::F32, F32_TOLERANCE), (DenseType::Bf16, BF16_TOLERANCE)];
    for mask in masks(2) {
        for ((dtype, tolerance), dims) in
            types.into_iter().flat_map(|of| [(6, 6), (10, 4), (4, 18)].map(|dims| (of, dims)))
        {
            let mut p = packed_of(mask, dtype, dims, &[5, 1, 0, 7]);
            p.shape.logit_softcap = (mask == AttentionMask::Causal).then_some(1.5);
            let (q, k, v) = (wide(&p.q), wide(&p.k), wide(&p.v));
            let out = reference(&p, &q, &k, &v);
            let dq = differences(&p.q, &p.dout, |q| reference(&p, q, &k, &v));
            let dk = differences(&p.k, &p.dout, |k| reference(&p, &q, k, &v));
            let dv = differences(&p.v, &p.dout, |v| reference(&p, &q, &k, v));
            at_every_level(|pool| {
                let a = attend(pool, &p);
                assert_close("out", &a.out, &out, tolerance);
                assert_close("dq", &a.dq, &dq, tolerance);
                assert_close("dk", &a.dk, &dk, tolerance);
                assert_close("dv", &a.dv, &dv, tolerance);
            });
        }
    }
}

#[test]
fn long_attention_is_its_formula_over_several_blocks() {
    for (mask, value_dim) in masks(21).into_iter().zip([32, 20, 32, 48]) {
        let p = packed_of(mask, DenseType::F32, (32, value_dim), &[130, 49]);
        let out = reference(&p, &wide(&p.q), &wide(&p.k), &wide(&p.v));
        at_every_level(|pool| assert_close("out", &attend(pool, &p).out, &out, F32_TOLERANCE));
    }
}

fn masks(radius: usize) -> [AttentionMask; 4] {
    let sliding = AttentionMask::SlidingWindow { window: radius + 1 };
    let window = AttentionMask::Window { radius };
    [AttentionMask::Causal, AttentionMask::Bidirectional, window, sliding]
}

#[test]
fn the_backward_of_several_blocks_is_the_derivative_along_a_direction() {
    for (mask, value_dim) in masks(21).into_iter().zip([12, 16, 24, 16]) {
        let mut p = packed_of(mask, DenseType::F32, (16, value_dim), &[130, 49]);
        p.shape.logit_softcap =
            (mask == AttentionMask::SlidingWindow { window: 22 }).then_some(2.0);
        let inputs = [wide(&p.q), wide(&p.k), wide(&p.v)];
        let loss = |[q, k, v]: &[Vec<f64>; 3]| -> f64 {
            reference(&p, q, k, v).iter().zip(&p.dout).map(|(x, &y)| x * f64::from(y)).sum()
        };
        let a = attend(&Pool::new(2), &p);
        for (input, gradient) in [&a.dq, &a.dk, &a.dv].into_iter().enumerate() {
            let direction = wide(&Rng::new(9 + input as u64).normals(gradient.len()));
            let moved = |by: f64| {
                let mut moved = inputs.clone();
                moved[input].iter_mut().zip(&direction).for_each(|(x, u)| *x += by * u);
                loss(&moved)
            };
            let along = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            let found: f64 = gradient.iter().zip(&direction).map(|(&g, u)| f64::from(g) * u).sum();
            let size: f64 =
                gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
            assert!((found - along).abs() < 1e-4 * size, "{mask:?} {input}: {found} {along}");
        }
    }
}

#[test]
fn a_window_wider_than_the_sequence_has_the_bits_of_none() {
    let bidirectional = packed(AttentionMask::Bidirectional, DenseType::Bf16, 16, &[60, 3, 97]);
    for radius in [96, usize::MAX] {
        let window = packed(AttentionMask::Window { radius }, DenseType::Bf16, 16, &[60, 3, 97]);
        let pool = Pool::new(2);
        let (a, b) = (attend(&pool, &bidirectional), attend(&pool, &window));
        assert_eq!((a.out, a.lse, a.dq, a.dk, a.dv), (b.out, b.lse, b.dq, b.dk, b.dv));
    }
}

#[test]
fn packed_sequences_have_the_bits_of_separate_ones() {
    let (one, three) = (Pool::new(1), Pool::new(3));
    let window = AttentionMask::Window { radius: 11 };
    let bf16 = (AttentionMask::Causal, DenseType::Bf16);
    for (mask, dtype) in [(AttentionMask::Causal, DenseType::F32), bf16, (window, DenseType::Bf16)]
    {
        let p = packed(mask, dtype, 16, &[60, 3, 97]);
        let together = attend(&three, &p);
        for seq in p.bounds.windows(2) {
            let part = |x: &[f32]| {
                let width = x.len() / p.bounds[3];
                x[seq[0] * width..seq[1] * width].to_vec()
            };
            let alone = Packed {
                shape: p.shape,
                bounds: vec![0, seq[1] - seq[0]],
                q: part(&p.q),
                k: part(&p.k),
                v: part(&p.v),
                dout: part(&p.dout),
            };
            let alone = attend(&one, &alone);
            assert_eq!(alone.out, part(&together.out));
            assert_eq!(alone.lse, part(&together.lse));
            assert_eq!(alone.dq, part(&together.dq));
            assert_eq!(alone.dk, part(&together.dk));
            assert_eq!(alone.dv, part(&together.dv));
        }
    }
}
