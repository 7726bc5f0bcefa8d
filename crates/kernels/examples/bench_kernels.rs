//! Speed of the inference kernels beside the machine's plain read speed.
//!
//! `cargo run --release -p catena-kernels --example bench_kernels [threads]`
//!
//! Weights of few-row products are cycled through copies beyond the last cache, as in a model. Each
//! figure is the best of several repeats; compare figures of one run only.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use catena_kernels::{
    AlignedBuf, AttendParams, BLOCK_TOKENS, KvCache, KvShape, KvType, MatmulScratch, Pool,
    QuantFormat, QuantMatrix, SeqSpan, level, quantize_blocks,
};

/// Larger than the last cache of the machines we know.
const COLD_BYTES: usize = 200 << 20;

fn best(repeats: usize, mut work: impl FnMut()) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..repeats {
        let start = Instant::now();
        work();
        least = least.min(start.elapsed().as_secs_f64());
    }
    least
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919 % 2003) as f32 - 1001.0) / 500.0).collect()
}

fn read_speed(pool: &Pool) -> f64 {
    let mut words = AlignedBuf::<u64>::zeroed(COLD_BYTES / 8);
    // What was never written is not read from memory.
    words.fill(1);
    let seconds = best(5, || {
        pool.run(&|thread| {
            let part = &words[catena_kernels::span(words.len(), thread, pool.threads())];
            black_box(part.iter().fold(0u64, |sum, word| sum.wrapping_add(*word)));
        });
    });
    COLD_BYTES as f64 / seconds / 1e9
}

fn products(pool: &Pool, format: QuantFormat, n: usize, k: usize) {
    let mut row = Vec::new();
    quantize_blocks(format, &numbers(k), &mut row);
    let rows = vec![&row[..]; n];
    let one = QuantMatrix::from_blocks(pool, format, &rows, k).expect("the sizes fit the format");
    let copies = COLD_BYTES.div_ceil(one.bytes()).min(200);
    let mut matrices = vec![one];
    for _ in 1..copies {
        matrices.push(QuantMatrix::from_blocks(pool, format, &rows, k).expect("as the first"));
    }
    let mut scratch = MatmulScratch::new();
    for m in [1, 2, 4, 8, 16, 32, 128, 512] {
        let (x, mut out) = (numbers(m * k), vec![0.0; m * n]);
        let used = copies.min(20_000_000_000 / (m * n * k)).max(1);
        let operations = 2.0 * (m * n * k) as f64;
        let seconds = best(5, || {
            for w in &matrices[..used] {
                w.matmul(pool, &x, &mut out, n, &mut scratch);
            }
        }) / used as f64;
        println!(
            "{format} {n} x {k}, {m} rows: {:.1} us, {:.1} GB/s, {:.0} GOP/s",
            seconds * 1e6,
            matrices[0].bytes() as f64 / seconds / 1e9,
            operations / seconds / 1e9
        );
    }
}

fn attention(pool: &Pool, num_seqs: usize, tokens: usize, context: usize) {
    let (heads, kv_heads, d) = (9, 3, 64);
    let shape = KvShape { num_layers: 1, num_key_value_heads: kv_heads, head_dim: d };
    let blocks = context.div_ceil(BLOCK_TOKENS);
    let mut cache =
        KvCache::new(shape, KvType::Bf16, num_seqs * blocks).expect("the shape is sound");
    let table: Vec<u32> = (0..).take(num_seqs * blocks).collect();
    let spans = |num_rows: usize| -> Vec<SeqSpan<'_>> {
        let span = |(i, block_table)| SeqSpan {
            block_table,
            first_row: i * num_rows,
            num_rows,
            start_pos: context - num_rows,
        };
        table.chunks(blocks).enumerate().map(span).collect()
    };
    let kv = numbers(num_seqs * context * kv_heads * d);
    cache.write(pool, 0, &spans(context), &kv, &kv, kv_heads * d);
    let q = numbers(num_seqs * tokens * heads * d);
    let mut out = vec![0.0; q.len()];
    let spans = spans(tokens);
    let seconds = best(7, || {
        cache.attend(pool, 0, &spans, &q, heads * d, heads, &AttendParams::causal(0.125), &mut out);
    });
    let pairs = num_seqs * tokens * (2 * context - tokens + 1) / 2;
    println!(
        "attention, {num_seqs} sequences x {tokens} tokens, context {context}: {:.1} us, {:.0} GF/s",
        seconds * 1e6,
        (4 * pairs * heads * d) as f64 / seconds / 1e9
    );
    let seconds = best(7, || cache.write(pool, 0, &spans, &kv, &kv, kv_heads * d));
    println!("  writing their keys and values: {:.1} us", seconds * 1e6);
}

fn main() {
    let threads = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let pool =
        Pool::new(threads.unwrap_or_else(|| {
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
        }));
    println!("level {:?}, {} threads", level(), pool.threads());
    println!("plain read: {:.1} GB/s", read_speed(&pool));
    let seconds = best(5, || (0..10_000).for_each(|_| pool.run(&|_| {}))) / 1e4;
    println!("empty job: {:.2} us", seconds * 1e6);
    for (n, k) in [(960, 576), (3072, 576), (576, 1536)] {
        products(&pool, QuantFormat::Q4_1, n, k);
    }
    products(&pool, QuantFormat::Q4_0, 3072, 576);
    products(&pool, QuantFormat::Q8_0, 49152, 576);
    attention(&pool, 1, 512, 512);
    attention(&pool, 1, 2048, 2048);
    attention(&pool, 1, 1, 512);
    attention(&pool, 1, 1, 2048);
    attention(&pool, 16, 1, 512);
}
