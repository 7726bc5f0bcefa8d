//! Chains against their steps one by one, and the pieces that threads take.

use super::cut::Cut;
use super::part::Weights;
use super::work::{Behind, Input, Work};
use super::*;
use crate::level::with_level;
use crate::share::SharedMut;
use crate::test_rng::Rng;
use crate::{
    DenseMatrix, DenseType, Gate, LOGITS_BLOCK, Level, LogitsFinish, MatmulScratch, Pool,
    QuantFormat, QuantMatrix, RowNorm, activate, add_bias, finish_logits, gated_mul, layer_norm,
    level, quantize_blocks, rms_norm,
};

/// Inputs of all products: a super-block, so that all formats can be had.
const K: usize = 256;

/// Blocks of random weights of magnitude 0.1.
fn blocks(format: QuantFormat, n: usize, k: usize, rng: &mut Rng) -> QuantMatrix {
    let mut bytes = Vec::new();
    if format.can_quantize() {
        let weights: Vec<f32> = rng.normals(n * k).iter().map(|w| w * 0.1).collect();
        quantize_blocks(format, &weights, &mut bytes);
    } else {
        assert_eq!(format, QuantFormat::Q6_K, "where its scale stands");
        bytes = (0..n * format.row_bytes(k)).map(|_| rng.next_u64() as u8).collect();
        for block in bytes.chunks_exact_mut(format.block_bytes()) {
            block[208..].copy_from_slice(&half::f16::from_f32(1e-4).to_le_bytes());
        }
    }
    let rows: Vec<&[u8]> = bytes.chunks_exact(format.row_bytes(k)).collect();
    QuantMatrix::from_blocks(&Pool::new(1), format, &rows, k).unwrap()
}

fn dense(dtype: DenseType, n: usize, k: usize, rng: &mut Rng) -> Packed {
    Packed::Dense(DenseMatrix::pack(&Pool::new(1), &rng.normals(n * k), n, k, dtype))
}

/// Weights of `K` inputs and `n` outputs each, of one form and of several.
fn weights(n: [usize; 2], rng: &mut Rng) -> Vec<Vec<Packed>> {
    let [a, b] = n;
    let integer = |format, n, rng: &mut Rng| Packed::Integer(blocks(format, n, K, rng));
    let precise = |format, n, rng: &mut Rng| Packed::Precise(blocks(format, n, K, rng));
    vec![
        vec![integer(QuantFormat::Q4_1, a + b, rng)],
        vec![integer(QuantFormat::Q4_1, a, rng), integer(QuantFormat::Q6_K, b, rng)],
        vec![precise(QuantFormat::Q8_0, a + b, rng)],
        vec![dense(DenseType::Bf16, a, K, rng), integer(QuantFormat::Q8_0, b, rng)],
        vec![dense(DenseType::F32, a + b, K, rng)],
    ]
}

/// `norm(x) W^T + b`, one weight after the other, on one thread.
fn product(
    norm: Option<RowNorm<'_>>,
    weights: &[Packed],
    bias: Option<&[f32]>,
    x_tk: &[f32],
) -> Vec<f32> {
    let mut input = x_tk.to_vec();
    match norm {
        None => {}
        Some(RowNorm::Rms { gain_c, eps }) => {
            rms_norm(&Pool::new(1), x_tk, gain_c, eps, &mut input);
        }
        Some(RowNorm::Layer { gain_c, bias_c, eps }) => {
            layer_norm(&Pool::new(1), x_tk, gain_c, bias_c, eps, &mut input);
        }
    }
    let n: usize = weights.iter().map(Packed::n).sum();
    let mut out = vec![0.0; x_tk.len() / weights[0].k() * n];
    put_product(weights, bias, &input, (&mut out, n), false);
    out
}

/// Writes or adds `x W^T + b`, one weight after the other, on one thread.
fn put_product(
    weights: &[Packed],
    bias: Option<&[f32]>,
    x_tk: &[f32],
    (out, apart): (&mut [f32], usize),
    accumulate: bool,
) {
    let (pool, mut scratch) = (Pool::new(1), MatmulScratch::new());
    let mut first = 0;
    for packed in weights {
        let part = &mut out[first..];
        match packed {
            Packed::Integer(w) => {
                w.matmul_at(level(), &pool, x_tk, part, apart, accumulate, &mut scratch);
            }
            Packed::Precise(w) => {
                w.matmul_precise(&pool, x_tk, part, apart, accumulate, &mut scratch);
            }
            Packed::Dense(w) => w.matmul(&pool, x_tk, part, apart, accumulate, &mut scratch),
        }
        first += packed.n();
    }
    if let Some(bias) = bias {
        add_bias(&pool, out, apart, bias);
    }
}

#[test]
fn a_chain_is_its_steps_one_by_one() {
    // The third gate cannot be cut: what it multiplies begins within a tile.
    for (gates, rest) in [(96, 96), (160, 160), (37, 37)] {
        for (rows, threads) in [(1, 1), (1, 2), (1, 3), (2, 2), (7, 3), (40, 2)] {
            for level in Level::supported() {
                with_level(level, || check_chain((gates, rest), rows, threads));
            }
        }
    }
}

fn check_chain((gates, others): (usize, usize), rows: usize, threads: usize) {
    let (mut rng, width) = (Rng::new(gates as u64), gates + others);
    let (gain, shift) = (rng.normals(K), rng.normals(K));
    let bias = rng.normals(width);
    // Rows of the stream stand further apart than they are long.
    let (apart, before) = (K + 3, rng.normals(rows * (K + 3)));
    let back = [Packed::Dense(DenseMatrix::pack(
        &Pool::new(1),
        &rng.normals(K * gates),
        K,
        gates,
        DenseType::F32,
    ))];
    let norms = [
        RowNorm::Rms { gain_c: &gain, eps: 1e-5 },
        RowNorm::Layer { gain_c: &gain, bias_c: &shift, eps: 1e-5 },
    ];
    let head = [Packed::Integer(blocks(QuantFormat::Q8_0, 2 * LOGITS_BLOCK + 5, K, &mut rng))];
    let logits = LogitsFinish { scale: Some(0.5), cap: Some(3.0) };
    let v = head[0].n();
    for (case, weights) in weights([gates, others], &mut rng).iter().enumerate() {
        let norm = norms[case % 2];
        let bias = (case % 2 == 1).then_some(&bias[..]);
        // What is expected: gate and up, then added back, then logits.
        let rows_of = |values: &[f32], apart: usize, width: usize| -> Vec<f32> {
            values.chunks(apart).flat_map(|row| row[..width].to_vec()).collect()
        };
        let pool = Pool::new(1);
        let both = product(Some(norm), weights, bias, &rows_of(&before, apart, K));
        let mut gated = vec![0.0; rows * gates];
        gated_mul(&pool, Gate::GeluTanh, &both, gates, &mut gated);
        let mut stream = before.clone();
        put_product(&back, None, &gated, (&mut stream, apart), true);
        let mut expected = product(None, &head, None, &rows_of(&stream, apart, K));
        let mut expected_maxima = vec![0.0; rows * 3];
        finish_logits(&pool, &mut expected, v, logits, &mut expected_maxima);

        let (mut x, mut inner) = (before.clone(), vec![f32::NAN; rows * width]);
        let mut found_gated = vec![f32::NAN; rows * gates];
        let (mut out, mut maxima) = (vec![f32::NAN; rows * v], vec![f32::NAN; rows * 3]);
        let link = Link { from: 0, norm: None, weights, bias: None, to: 1, finish: Finish::Store };
        let gate = Finish::Gated { gate: Gate::GeluTanh, into: 2 };
        let read = Finish::Logits { finish: logits, maxima: 4 };
        let links = [
            Link { norm: Some(norm), bias, finish: gate, ..link },
            Link { from: 2, weights: &back, to: 0, finish: Finish::Add, ..link },
            Link { weights: &head, to: 3, finish: read, ..link },
        ];
        let matrices = [
            (&mut x[..], apart),
            (&mut inner[..], width),
            (&mut found_gated[..], gates),
            (&mut out[..], v),
            (&mut maxima[..], 3),
        ];
        Pool::new(threads).run_chain(rows, matrices, links, &mut MatmulScratch::new());
        let what = format!("{gates} gates, weights {case}, {rows} rows, {threads} threads");
        assert!(found_gated == gated, "gated: {what}");
        assert!(x == stream, "added: {what}");
        assert!(out == expected, "logits: {what}");
        assert!(maxima == expected_maxima, "maxima: {what}");
    }
}

#[test]
fn single_products_store_add_and_activate() {
    let (mut rng, n, rows) = (Rng::new(7), 300, 5);
    let (x, before, bias) = (rng.normals(rows * K), rng.normals(rows * n), rng.normals(n));
    for weights in weights([200, 100], &mut rng) {
        let expected = product(None, &weights, Some(&bias), &x);
        let mut found = before.clone();
        let (pool, mut scratch) = (Pool::new(3), MatmulScratch::new());
        multiply(&pool, (&weights, Some(&bias)), &x, (&mut found, n), false, &mut scratch);
        assert!(found == expected);

        let mut sum = before.clone();
        put_product(&weights, Some(&bias), &x, (&mut sum, n), true);
        let mut found = before.clone();
        multiply(&pool, (&weights, Some(&bias)), &x, (&mut found, n), true, &mut scratch);
        assert!(found == sum);

        let mut activated = expected.clone();
        activate(&pool, Gate::Silu, &mut activated);
        let (mut input, mut found) = (x.clone(), before.clone());
        let link = Link {
            from: 0,
            norm: None,
            weights: &weights,
            bias: Some(&bias),
            to: 1,
            finish: Finish::Activated(Gate::Silu),
        };
        let matrices = [(&mut input[..], K), (&mut found[..], n)];
        pool.run_chain(rows, matrices, [link], &mut scratch);
        assert!(found == activated && input == x);
    }
}

#[test]
fn large_products_are_dealt_without_a_change() {
    let mut rng = Rng::new(9);
    // Enough columns for every task, and so few that rows are cut too.
    for n in [1040, 70] {
        let weights = [Packed::Integer(blocks(QuantFormat::Q4_0, n, K, &mut rng))];
        let rows = (1 << 25) / (n * K) + 1;
        let x = rng.normals(rows * K);
        let expected = product(None, &weights, None, &x);
        for threads in [2, 3] {
            let mut found = vec![f32::NAN; rows * n];
            let (pool, mut scratch) = (Pool::new(threads), MatmulScratch::new());
            multiply(&pool, (&weights, None), &x, (&mut found, n), false, &mut scratch);
            assert!(found == expected, "{n} columns, {threads} threads");
        }
    }
}

#[test]
fn pieces_have_equal_numbers_of_bytes_and_cover_all_columns() {
    let mut rng = Rng::new(2);
    let of = |format, n, rng: &mut Rng| Packed::Integer(blocks(format, n, K, rng));
    let packed = [
        of(QuantFormat::Q4_0, 576, &mut rng),
        of(QuantFormat::Q4_0, 192, &mut rng),
        of(QuantFormat::Q8_0, 192, &mut rng),
    ];
    let total: usize = packed.iter().map(Packed::bytes).sum();
    let mut out = vec![0.0; 960];
    let x = vec![0.0; K];
    let output = (SharedMut::new(&mut out), 960);
    let weights = Weights::of(level(), &packed);
    let work = Work::new((Input::Lent(&x), K), None, (weights, None), output, Behind::Nothing);
    for threads in 1..9 {
        let Cut { columns: pieces, rows, is_dealt } = work.cut(1, threads);
        assert_eq!((pieces, rows, is_dealt), (threads, 1, false));
        let mut next = 0;
        for piece in 0..pieces {
            let columns = work.columns(piece, pieces);
            assert_eq!(columns.start, next, "piece {piece} of {pieces}");
            next = columns.end;
            let mut first = 0;
            let bytes: usize = packed
                .iter()
                .map(|packed| {
                    let end = first + packed.n();
                    let own = columns.end.min(end).saturating_sub(columns.start.max(first));
                    first = end;
                    own * packed.bytes() / packed.n()
                })
                .sum();
            // A group of 32 columns of 8 bits, at both ends.
            let group = 32 * packed[2].bytes() / 192;
            assert!(bytes.abs_diff(total / pieces) <= group, "{bytes} of {total} in {pieces}");
        }
        assert_eq!(next, 960);
    }
}

#[test]
#[should_panic(expected = "a product is written where its input stands")]
fn a_product_cannot_be_written_over_its_input() {
    let weights = [dense(DenseType::F32, 8, 8, &mut Rng::new(1))];
    let link =
        Link { from: 0, norm: None, weights: &weights, bias: None, to: 0, finish: Finish::Store };
    let mut x = [0.0; 8];
    Pool::new(1).run_chain(1, [(&mut x[..], 8)], [link], &mut MatmulScratch::new());
}

#[test]
#[should_panic(expected = "15 outputs for 2 rows of 8 at distance 8")]
fn a_product_has_room_for_its_rows() {
    let weights = [dense(DenseType::F32, 8, 8, &mut Rng::new(1))];
    let (pool, mut scratch) = (Pool::new(1), MatmulScratch::new());
    multiply(&pool, (&weights, None), &[0.0; 16], (&mut [0.0; 15], 8), false, &mut scratch);
}
