//! A prefix is what tokens before every sequence would be: attention with one is attention over
//! sequences that begin with its keys and values, whose first rows are not looked at.

use super::*;

/// The same attention with the prefix written out, and queries and gradients of its rows.
struct WrittenOut {
    packed: Packed,
    tokens: usize,
}

const STRIDE_GAP: usize = 7;

fn prefix_rows(p: &Packed, tokens: usize) -> (Vec<f32>, usize) {
    let stride = p.shape.key_width() + p.shape.value_width() + STRIDE_GAP;
    (Rng::new(31).normals((tokens * stride).saturating_sub(STRIDE_GAP)), stride)
}

/// Rows of `width` values with `tokens` more before each sequence.
fn spread(p: &Packed, x: &[f32], width: usize, before: &[Vec<f32>]) -> Vec<f32> {
    let mut out = Vec::new();
    for seq in p.bounds.windows(2) {
        out.extend(before.iter().flatten());
        out.extend(&x[seq[0] * width..seq[1] * width]);
    }
    out
}

fn written_out(p: &Packed, rows: &[f32], stride: usize, tokens: usize) -> WrittenOut {
    let (keys, queries) = (p.shape.key_width(), p.shape.query_width());
    let (values, outs) = (p.shape.value_width(), p.shape.out_width());
    let part = |first: usize, width: usize| -> Vec<Vec<f32>> {
        (0..tokens).map(|token| rows[token * stride + first..][..width].to_vec()).collect()
    };
    let zeros = |width: usize| vec![vec![0.0; width]; tokens];
    let bounds = p.bounds.iter().enumerate().map(|(i, bound)| bound + i * tokens).collect();
    let packed = Packed {
        shape: p.shape,
        bounds,
        q: spread(p, &p.q, queries, &zeros(queries)),
        k: spread(p, &p.k, keys, &part(0, keys)),
        v: spread(p, &p.v, values, &part(keys, values)),
        dout: spread(p, &p.dout, outs, &zeros(outs)),
    };
    WrittenOut { packed, tokens }
}

impl WrittenOut {
    /// Rows of the sequences alone.
    fn own(&self, x: &[f32], width: usize) -> Vec<f64> {
        let sequences = self.packed.bounds.windows(2);
        let own = sequences.flat_map(|seq| &x[(seq[0] + self.tokens) * width..seq[1] * width]);
        own.map(|&x| f64::from(x)).collect()
    }

    /// Sums of the prefix's rows over the sequences that have a token.
    fn prefix(&self, x: &[f32], width: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.tokens * width];
        for seq in self.packed.bounds.windows(2).filter(|seq| seq[1] - seq[0] > self.tokens) {
            let rows = &x[seq[0] * width..][..self.tokens * width];
            sums.iter_mut().zip(rows).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        sums
    }
}

struct Prefixed {
    own: Attended,
    drows: Vec<f32>,
}

fn attend_behind(pool: &Pool, p: &Packed, prefix: AttentionPrefix<'_>, start: f32) -> Prefixed {
    let heads = p.bounds.last().unwrap() * p.shape.num_attention_heads;
    let nan = |len: usize| vec![f32::NAN; len];
    let mut a = Attended {
        out: nan(p.dout.len()),
        lse: nan(heads),
        dq: nan(p.q.len()),
        dk: nan(p.k.len()),
        dv: nan(p.v.len()),
    };
    let (mut scratch, kv) = (AttentionScratch::new(), (&p.k[..], &p.v[..]));
    let (shape, bounds) = (&p.shape, &p.bounds);
    let lse = Some(&mut a.lse[..]);
    prefixed_attention_forward(
        pool,
        shape,
        bounds,
        prefix,
        &p.q,
        kv,
        &mut a.out,
        lse,
        &mut scratch,
    );
    let mut drows = vec![start; prefix.rows.len()];
    let grads = (&mut a.dq[..], &mut a.dk[..], &mut a.dv[..]);
    prefixed_attention_backward(
        pool,
        shape,
        bounds,
        (prefix, &mut drows),
        (&p.q, &p.k, &p.v),
        &a.lse,
        &p.dout,
        grads,
        &mut scratch,
    );
    Prefixed { own: a, drows }
}

fn check(p: &Packed, tokens: usize, tolerance: f64) {
    let (rows, stride) = prefix_rows(p, tokens);
    let whole = written_out(p, &rows, stride, tokens);
    let (keys, queries) = (p.shape.key_width(), p.shape.query_width());
    let (values, outs) = (p.shape.value_width(), p.shape.out_width());
    let expected = attend(&Pool::new(1), &whole.packed);
    at_every_level(|pool| {
        let prefix = AttentionPrefix { rows: &rows, stride, tokens };
        let Prefixed { own, drows } = attend_behind(pool, p, prefix, 0.5);
        assert_close("out", &own.out, &whole.own(&expected.out, outs), tolerance);
        assert_close("dq", &own.dq, &whole.own(&expected.dq, queries), tolerance);
        assert_close("dk", &own.dk, &whole.own(&expected.dk, keys), tolerance);
        assert_close("dv", &own.dv, &whole.own(&expected.dv, values), tolerance);
        let part = |first: usize, width: usize| -> Vec<f32> {
            drows
                .chunks(stride)
                .flat_map(|row| &row[first..first + width])
                .map(|d| d - 0.5)
                .collect()
        };
        let (dkeys, dvalues) = (part(0, keys), part(keys, values));
        assert_close("dkeys", &dkeys, &whole.prefix(&expected.dk, keys), tolerance);
        assert_close("dvalues", &dvalues, &whole.prefix(&expected.dv, values), tolerance);
        let gaps = drows.chunks(stride).flat_map(|row| row.get(keys + values..).unwrap_or(&[]));
        assert!(gaps.into_iter().all(|&gap| gap == 0.5), "what lies between rows is not touched");
    });
}

#[test]
fn a_prefix_is_tokens_before_every_sequence() {
    for mask in masks(5) {
        for (dtype, tolerance) in
            [(DenseType::F32, 2.0 * F32_TOLERANCE), (DenseType::Bf16, BF16_TOLERANCE)]
        {
            for (tokens, value_dim) in [(1, 6), (5, 10), (19, 6)] {
                let mut p = packed_of(mask, dtype, (6, value_dim), &[5, 1, 0, 70]);
                p.shape.logit_softcap = (tokens == 5).then_some(1.5);
                // The rows of the written-out prefix attend too; nothing reads what they give, but
                // a bidirectional mask needs their gradient to be that of no output: it is zero.
                check(&p, tokens, tolerance);
            }
        }
    }
}

#[test]
fn the_gradient_of_a_prefix_is_the_derivative() {
    let p = packed(AttentionMask::Causal, DenseType::F32, 4, &[3, 1, 4]);
    let (rows, stride) = prefix_rows(&p, 3);
    let forward = |rows: &[f64]| -> Vec<f64> {
        let narrow: Vec<f32> = rows.iter().map(|&x| x as f32).collect();
        let whole = written_out(&p, &narrow, stride, 3);
        let (queries, keys) = (p.shape.query_width(), p.shape.key_width());
        // Keys and values again without rounding.
        let exact = |own: &[f32], first: usize| -> Vec<f64> {
            let mut out = Vec::new();
            for seq in p.bounds.windows(2) {
                (0..3).for_each(|token| out.extend(&rows[token * stride + first..][..keys]));
                out.extend(own[seq[0] * keys..seq[1] * keys].iter().map(|&x| f64::from(x)));
            }
            out
        };
        let (k, v) = (exact(&p.k, 0), exact(&p.v, keys));
        let out = reference(&whole.packed, &wide(&whole.packed.q), &k, &v);
        let sequences = whole.packed.bounds.windows(2);
        sequences.flat_map(|seq| out[(seq[0] + 3) * queries..seq[1] * queries].to_vec()).collect()
    };
    let expected = differences(&rows, &p.dout, forward);
    at_every_level(|pool| {
        let prefix = AttentionPrefix { rows: &rows, stride, tokens: 3 };
        let found = attend_behind(pool, &p, prefix, 0.0);
        assert_close("prefix", &found.drows, &expected, F32_TOLERANCE);
    });
}

#[test]
fn the_gradient_of_a_prefix_has_the_same_bits_for_any_number_of_threads() {
    let p = packed(AttentionMask::Causal, DenseType::Bf16, 16, &[60, 3, 97, 20]);
    let (rows, stride) = prefix_rows(&p, 9);
    let prefix = AttentionPrefix { rows: &rows, stride, tokens: 9 };
    let [one, three] = [1, 3].map(|threads| attend_behind(&Pool::new(threads), &p, prefix, 0.0));
    assert_eq!(one.drows, three.drows);
    assert_eq!(one.own.out, three.own.out);
    assert_eq!(one.own.dk, three.own.dk);
}
