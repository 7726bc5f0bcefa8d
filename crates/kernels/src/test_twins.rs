//! Every step that takes values alone or row by row, at every level against plain code on one thread: the
//! same bits for awkward numbers in awkward places. That the plain code is right, the tests beside each
//! step say.

use crate::level::with_level;
use crate::ops::groups_of_row;
use crate::test_rng::Rng;
use crate::test_values::{Mix, Placed, assert_same};
use crate::{
    Activation, Gate, Level, LogitsFinish, Pool, RopeLayout, RopeSpec, RopeTable, RowNorm,
    activate, activation, activation_backward, add, add_bias, add_scaled, argmax, bias_activation,
    bias_backward, bias_layer_norm, block_maxima, block_weights, cross_entropy, finish_logits,
    gated_mul, gated_mul_backward, gated_mul_halves, gated_mul_halves_backward, gather_rows,
    layer_norm, level, log_softmax_at, lookup_backward, norm_backward, rms_norm, rms_norm_groups,
    rope, rope_backward, round_to_bf16, round_to_halves, scale, scale_columns,
    scale_columns_backward, scale_rows, scale_rows_backward, softcap, softmax_backward,
    softmax_weights, widen_halves,
};

const ROWS: usize = 3;
/// Fewer values than a vector has lanes, whole vectors, and rests of them.
const WIDTHS: [usize; 6] = [1, 15, 16, 33, 100, 258];
const GATES: [Gate; 3] = [Gate::Silu, Gate::GeluTanh, Gate::GeluErf];

/// Where a step takes its operands from: always the same ones.
struct Source {
    mix: Mix,
    rng: Rng,
}

impl Source {
    fn values(&mut self, len: usize) -> Placed {
        Placed::new(&self.mix.values(&mut self.rng, len))
    }

    fn rows(&mut self, width: usize) -> Placed {
        self.values(ROWS * width)
    }

    /// Bits of bf16, of every kind.
    fn halves(&mut self, len: usize) -> Vec<u16> {
        self.values(len).iter().map(|x| half::bf16::from_f32(*x).to_bits()).collect()
    }
}

/// Runs `step` for rows of every width; it gives all that it writes.
fn check(what: &str, step: impl Fn(&Pool, usize, &mut Source) -> Vec<Placed>) {
    let pools = [Pool::new(1), Pool::new(2)];
    for (mix, width) in Mix::ALL.into_iter().flat_map(|mix| WIDTHS.map(|width| (mix, width))) {
        let run = |level, pool| {
            let mut source = Source { mix, rng: Rng::new(width as u64) };
            with_level(level, || step(pool, width, &mut source))
        };
        let expected = run(Level::Scalar, &pools[0]);
        for level in Level::supported() {
            let found = run(level, &pools[1]);
            assert_eq!(found.len(), expected.len());
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_same(&format!("{what}, {level:?}, {mix:?} {width}, {i}"), found, expected);
            }
        }
    }
}

fn of_halves(halves: &[u16]) -> Placed {
    Placed::new(&halves.iter().map(|&half| f32::from_bits(u32::from(half))).collect::<Vec<_>>())
}

#[test]
fn steps_of_values_alone_have_one_result() {
    check("add", |pool, c, of| {
        let (mut x, y) = (of.rows(c), of.rows(c));
        add(pool, &mut x, &y);
        vec![x]
    });
    check("add_scaled", |pool, c, of| {
        let (mut x, y) = (of.rows(c), of.rows(c));
        add_scaled(pool, &mut x, &y, 0.3);
        vec![x]
    });
    check("scale", |pool, c, of| {
        let mut x = of.rows(c);
        scale(pool, &mut x, 0.3);
        vec![x]
    });
    check("softcap", |pool, c, of| {
        let mut x = of.rows(c);
        softcap(pool, &mut x, 30.0);
        vec![x]
    });
    check("softmax_weights", |_, c, of| {
        let mut x = of.rows(c);
        softmax_weights(&mut x, 2.5, 1.25);
        vec![x]
    });
    check("round_to_halves", |pool, c, of| {
        let (mut x, mut alone, mut kept) = (of.rows(c), of.rows(c), vec![0; ROWS * c]);
        round_to_halves(pool, &mut x, &mut kept);
        round_to_bf16(pool, &mut alone);
        vec![x, alone, of_halves(&kept)]
    });
    check("widen_halves", |pool, c, of| {
        let (kept, mut x) = (of.halves(ROWS * c), of.rows(c));
        widen_halves(pool, &kept, &mut x);
        vec![x]
    });
}

#[test]
fn gates_and_activations_have_one_result() {
    for gate in GATES {
        check(&format!("{gate:?}"), |pool, c, of| {
            let (gate_up, mut out, mut alone) = (of.rows(2 * c), of.rows(c), of.rows(c));
            gated_mul(pool, gate, &gate_up, c, &mut out);
            activate(pool, gate, &mut alone);
            vec![out, alone]
        });
        check(&format!("{gate:?} of halves"), |pool, c, of| {
            let (kept, mut out) = (of.halves(ROWS * 2 * c), of.rows(c));
            gated_mul_halves(pool, gate, &kept, c, &mut out);
            vec![out]
        });
        check(&format!("backward of {gate:?}"), |pool, c, of| {
            let (mut gate_up, dout) = (of.rows(2 * c), of.rows(c));
            gated_mul_backward(pool, gate, &mut gate_up, &dout, c);
            let (kept, mut of_kept) = (of.halves(ROWS * 2 * c), of.rows(2 * c));
            gated_mul_halves_backward(pool, gate, &kept, &dout, c, &mut of_kept);
            vec![gate_up, of_kept]
        });
    }
    let activations = [
        Activation::Identity,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Relu,
        Activation::Silu,
        Activation::Tanh,
    ];
    for act in activations {
        check(&format!("{act:?}"), |pool, c, of| {
            let (x, bias, mut out) = (of.rows(c), of.values(c), of.rows(c));
            let (mut behind_bias, mut dx) = (of.rows(c), of.rows(c));
            activation(pool, act, &x, &mut out);
            bias_activation(pool, act, &mut behind_bias, &bias);
            activation_backward(pool, act, &x, &mut dx);
            vec![out, behind_bias, dx]
        });
    }
}

#[test]
fn norms_have_one_result() {
    check("rms_norm", |pool, c, of| {
        let (x, gain, mut out) = (of.rows(c), of.values(c), of.rows(c));
        rms_norm(pool, &x, &gain, 1e-5, &mut out);
        let mut groups = of.values(ROWS * (2 * c + 1));
        rms_norm_groups(pool, &mut groups, 2 * c + 1, (ROWS, 2), &gain, 1e-5);
        let mut group = of.rows(c);
        groups_of_row(level(), &mut group, &gain, 0.0);
        vec![out, groups, group]
    });
    check("layer_norm", |pool, c, of| {
        let (x, gain, bias) = (of.rows(c), of.values(c), of.values(c));
        let (mut out, mut in_place) = (of.rows(c), of.rows(c));
        layer_norm(pool, &x, &gain, &bias, 1e-5, &mut out);
        bias_layer_norm(pool, &mut in_place, &bias, &gain, &bias, 1e-5);
        vec![out, in_place]
    });
    check("backward of norms", |pool, c, of| {
        let (x, dy, gain) = (of.rows(c), of.rows(c), of.values(c));
        let (gain_c, bias_c, eps) = (&gain, &gain, 1e-5);
        let mut written = Vec::new();
        for norm in [RowNorm::Rms { gain_c, eps }, RowNorm::Layer { gain_c, bias_c, eps }] {
            let (mut dx, mut dgain) = (of.rows(c), of.values(c));
            let mut stats = Placed::new(&[0.0; 2 * ROWS]);
            let wanted = (Some(&mut *dx), Some(&mut *dgain));
            norm_backward(pool, norm, (&x, &dy), wanted.0, wanted.1, &mut stats);
            written.extend([dx, dgain]);
        }
        written
    });
}

#[test]
fn rotations_have_one_result() {
    for layout in [RopeLayout::Halves, RopeLayout::Interleaved] {
        check(&format!("{layout:?}"), |pool, c, of| {
            let d = c.next_multiple_of(2);
            let table = RopeTable::new(&RopeSpec { layout, ..RopeSpec::plain(d, 10_000.0) }, 64);
            let (mut x, mut back) = (of.rows(2 * d), of.rows(2 * d));
            rope(pool, &mut x, 2 * d, 2, &[0, 63, 5], &table);
            rope_backward(pool, &mut back, &[0, 63, 5], &table);
            vec![x, back]
        });
    }
}

#[test]
fn rows_and_columns_have_one_result() {
    check("rows", |pool, c, of| {
        let (x, weights, mut scaled) = (of.rows(c), of.values(ROWS), of.rows(c));
        scale_rows(pool, &mut scaled, &weights, c);
        let (mut dx, mut dweights) = (of.rows(c), of.values(ROWS));
        scale_rows_backward(pool, &x, &weights, &mut dx, &mut dweights);
        let mut gathered = of.rows(c);
        gather_rows(pool, &x, &[2, 0, 2], c, &mut gathered);
        let mut dtable = of.rows(c);
        lookup_backward(pool, &[2, 0, 2], &x, 0.7, &mut dtable);
        vec![scaled, dx, dweights, gathered, dtable]
    });
    check("columns", |pool, c, of| {
        let (x, factors, dy) = (of.rows(c), of.values(c), of.rows(c));
        let mut written = vec![of.rows(c), of.rows(c), of.rows(c), of.values(c)];
        let [out, added, dx, dfactors] = &mut written[..] else { unreachable!("four are written") };
        scale_columns(pool, &x, &factors, out, c, false);
        scale_columns(pool, &x, &factors, added, c, true);
        scale_columns_backward(pool, &x, &factors, (&dy, c), Some(dx), dfactors);
        let (mut biased, mut dbias) = (of.rows(c), of.values(c));
        add_bias(pool, &mut biased, c, &factors);
        bias_backward(pool, &dy, c, &mut dbias);
        written.extend([biased, dbias]);
        written
    });
    check("softmax_backward", |pool, c, of| {
        let (probs, mut dprobs) = (of.rows(c), of.rows(c));
        softmax_backward(pool, &probs, &mut dprobs, c);
        vec![dprobs]
    });
}

#[test]
fn what_logits_say_is_the_same() {
    check("logits", |pool, v, of| {
        let (row, mut logits) = (of.values(v), of.rows(v));
        let blocks = v.div_ceil(crate::LOGITS_BLOCK);
        let (mut maxima, mut sums, mut of_rows) =
            (of.values(blocks), of.values(blocks), of.values(ROWS * blocks));
        block_maxima(&row, &mut maxima);
        block_weights(&row, maxima[0], 1.25, &mut sums);
        let finish = LogitsFinish { scale: Some(0.3), cap: Some(20.0) };
        finish_logits(pool, &mut logits, v, finish, &mut of_rows);
        let position = Placed::new(&[argmax(&row) as f32, log_softmax_at(&row, v as u32 / 2)]);
        vec![maxima, sums, logits, of_rows, position]
    });
    check("cross_entropy", |pool, v, of| {
        let (mut logits, scales, mut losses) = (of.rows(v), of.values(ROWS), [0.0; ROWS]);
        cross_entropy(pool, &mut logits, &[0, v as u32 - 1, v as u32 / 2], &scales, &mut losses);
        vec![logits, Placed::new(&losses.map(|loss| loss as f32))]
    });
}
