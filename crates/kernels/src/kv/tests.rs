//! Attention over pages against plain attention over arrays, and against itself cut differently.

use super::cache::BLOCK_TOKENS;
use super::*;
use crate::dense::{multiplies_bf16, with_widened_bf16};
use crate::test_rng::Rng;
use crate::{KernelError, Level, Pool, RopeSpec, RopeTable, level, rms_norm_groups, rope};

/// f32 sums over up to 1100 keys and 128 dims in another order, on values of magnitude 1.
const TOLERANCE: f32 = 2e-5;

/// Queries and weights are rounded to bf16 where the level multiplies that: 1/256 of scores of up to
/// 8, and so a few percent of weights, of values of magnitude 1.
const DOT_TOLERANCE: f32 = 0.05;

/// How far a result may be off.
fn tolerance(level: Level, params: &AttendParams) -> f32 {
    if multiplies_bf16(level) && !params.exact { DOT_TOLERANCE } else { TOLERANCE }
}

/// Runs `check` at every level, once more without the instruction for bf16 if there is one.
fn at_all_levels(check: impl Fn(Level)) {
    for level in Level::supported() {
        check(level);
        if multiplies_bf16(level) {
            with_widened_bf16(|| check(level));
        }
    }
}

/// Every type of pages, with and without window and cap, and with unrounded operands.
fn kinds() -> Vec<(KvType, AttendParams)> {
    let causal = AttendParams::causal(0.2);
    let windowed = AttendParams { sliding_window: Some(24), ..causal };
    let capped = AttendParams { logit_softcap: Some(1.5), ..causal };
    let both = AttendParams { logit_softcap: Some(50.0), ..windowed };
    let exact = AttendParams { exact: true, ..causal };
    let all = [causal, windowed, capped, both, exact];
    KvType::ALL.into_iter().flat_map(|kv_type| all.map(|params| (kv_type, params))).collect()
}

/// One sequence's queries, keys and values `[t, heads, d]`, and the attention over them in f64.
struct Case {
    kv_type: KvType,
    params: AttendParams,
    tokens: usize,
    heads: usize,
    kv_heads: usize,
    d: usize,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Case {
    fn new(tokens: usize, heads: usize, kv_heads: usize, d: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut rows = |heads: usize, scale: f32| -> Vec<f32> {
            rng.normals(tokens * heads * d).iter().map(|x| x * scale).collect()
        };
        // Larger queries make peaked weights beside flat ones.
        let (q, k, v) = (rows(heads, 2.0), rows(kv_heads, 1.0), rows(kv_heads, 1.0));
        let params = AttendParams::causal(1.0 / (d as f32).sqrt());
        Self { kv_type: KvType::Bf16, params, tokens, heads, kv_heads, d, q, k, v }
    }

    /// A key or value as the cache holds it.
    fn stored(&self, row: &[f32]) -> Vec<f64> {
        match self.kv_type {
            KvType::Bf16 => row.iter().map(|&x| half::bf16::from_f32(x).to_f64()).collect(),
            KvType::Int8 => {
                let unit = row.iter().fold(0.0, |m: f32, x| m.max(x.abs())) / 127.0;
                let code = |x: f32| (x * (1.0 / unit)).round_ties_even();
                row.iter().map(|&x| code(x) as f64 * unit as f64).collect()
            }
        }
    }

    fn expected(&self, token: usize, head: usize) -> Vec<f64> {
        let (d, g) = (self.d, head / (self.heads / self.kv_heads));
        let row = |x: &[f32], pos: usize| -> Vec<f64> {
            let at = (pos * self.kv_heads + g) * d;
            self.stored(&x[at..at + d])
        };
        let q = &self.q[(token * self.heads + head) * d..][..d];
        let score = |pos: usize| -> f64 {
            let dot: f64 = row(&self.k, pos).iter().zip(q).map(|(k, &q)| k * q as f64).sum();
            let scaled = dot * self.params.scale as f64;
            self.params
                .logit_softcap
                .map_or(scaled, |cap| cap as f64 * (scaled / cap as f64).tanh())
        };
        let window = self.params.sliding_window.unwrap_or(usize::MAX);
        let first = (token + 1).saturating_sub(window);
        let scores: Vec<f64> = (first..=token).map(score).collect();
        let max = scores.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = scores.iter().map(|s| (s - max).exp()).sum();
        let mut out = vec![0.0; d];
        for (pos, s) in (first..).zip(&scores) {
            for (out, v) in out.iter_mut().zip(row(&self.v, pos)) {
                *out += (s - max).exp() / sum * v;
            }
        }
        out
    }

    /// A cache that is full of values that must never be seen, and a scattered table.
    fn cache(&self, seed: u64) -> (KvCache, Vec<u32>) {
        let shape = KvShape { num_layers: 2, num_key_value_heads: self.kv_heads, head_dim: self.d };
        let blocks = self.tokens.div_ceil(BLOCK_TOKENS);
        let mut cache = KvCache::new(shape, self.kv_type, blocks + 3).unwrap();
        let all: Vec<u32> = (0..blocks as u32 + 3).collect();
        let poison = vec![f32::INFINITY; all.len() * BLOCK_TOKENS * self.kv_heads * self.d];
        let num_rows = all.len() * BLOCK_TOKENS;
        let spans = [SeqSpan { block_table: &all, first_row: 0, num_rows, start_pos: 0 }];
        cache.write(&Pool::new(1), 1, &spans, &poison, &poison, self.kv_heads * self.d);
        let mut table = all;
        let mut rng = Rng::new(seed);
        for i in (1..table.len()).rev() {
            table.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
        }
        table.truncate(blocks);
        (cache, table)
    }

    /// Feeds the tokens in chunks of the given lengths, writing and attending in layer 1.
    fn run(&self, level: Level, pool: &Pool, chunks: &[usize], seed: u64) -> Vec<f32> {
        let (mut cache, block_table) = self.cache(seed);
        let (q_len, kv_len) = (self.heads * self.d, self.kv_heads * self.d);
        let mut out = vec![f32::NAN; self.tokens * q_len];
        let mut start_pos = 0;
        for &num_rows in chunks {
            let end = start_pos + num_rows;
            let spans = [SeqSpan { block_table: &block_table, first_row: 0, num_rows, start_pos }];
            let (k, v) = (&self.k[start_pos * kv_len..end * kv_len], &self.v[start_pos * kv_len..]);
            cache.write_at(level, pool, 1, &spans, k, v, kv_len);
            let q = &self.q[start_pos * q_len..end * q_len];
            let out = &mut out[start_pos * q_len..end * q_len];
            cache.attend_at(level, pool, 1, &spans, q, q_len, self.heads, &self.params, out);
            start_pos = end;
        }
        assert_eq!(start_pos, self.tokens);
        out
    }
}

#[test]
fn attention_is_its_formula() {
    for (tokens, heads, kv_heads, d) in [
        (40, 9, 3, 64),
        (33, 4, 4, 32),
        (20, 8, 2, 128),
        (17, 32, 1, 16),
        (9, 2, 1, 6),
        (1, 3, 1, 48),
        (30, 4, 1, 256),
    ] {
        for (kv_type, params) in kinds() {
            let case = Case { kv_type, params, ..Case::new(tokens, heads, kv_heads, d, 1) };
            at_all_levels(|level| {
                let out = case.run(level, &Pool::new(2), &[tokens], 5);
                for (i, found) in out.chunks_exact(d).enumerate() {
                    let expected = case.expected(i / heads, i % heads);
                    for (found, expected) in found.iter().zip(expected) {
                        let error = (found - expected as f32).abs();
                        assert!(
                            error < tolerance(level, &params),
                            "{level:?} {kv_type:?} {params:?} d {d} row {i}: {found}, not {expected}"
                        );
                    }
                }
            });
        }
    }
}

#[test]
fn long_contexts_agree_with_the_formula_too() {
    let windowed = AttendParams { sliding_window: Some(300), ..AttendParams::causal(0.125) };
    for (kv_type, params) in [
        (KvType::Bf16, AttendParams::causal(0.125)),
        (KvType::Bf16, windowed),
        (KvType::Int8, windowed),
    ] {
        let case = Case { kv_type, params, ..Case::new(1100, 3, 1, 64, 2) };
        at_all_levels(|level| {
            let out = case.run(level, &Pool::new(2), &[1100], 6);
            for (token, head) in
                [(0, 0), (255, 1), (256, 2), (511, 0), (512, 1), (811, 0), (1023, 2), (1099, 0)]
            {
                let found = &out[(token * 3 + head) * 64..][..64];
                for (found, expected) in found.iter().zip(case.expected(token, head)) {
                    let error = (found - expected as f32).abs();
                    assert!(error < tolerance(level, &params), "{level:?} token {token}");
                }
            }
        });
    }
}

#[test]
fn whole_numbers_give_the_same_bits_in_8_bits_and_in_bf16() {
    for (tokens, heads, kv_heads, d) in [(300, 3, 1, 64), (75, 7, 1, 16), (40, 4, 2, 48)] {
        let mut bf16 = Case::new(tokens, heads, kv_heads, d, 6);
        bf16.params.scale = 1e-3;
        for token in bf16.k.chunks_exact_mut(d).chain(bf16.v.chunks_exact_mut(d)) {
            for x in &mut *token {
                *x = (*x * 40.0).round().clamp(-126.0, 126.0);
            }
            // The unit of its 8 bits is 1.
            token[d / 3] = 127.0;
        }
        let int8 = Case {
            kv_type: KvType::Int8,
            q: bf16.q.clone(),
            k: bf16.k.clone(),
            v: bf16.v.clone(),
            ..bf16
        };
        at_all_levels(|level| {
            let run = |case: &Case| case.run(level, &Pool::new(2), &[tokens], 5);
            assert!(run(&int8) == run(&bf16), "{level:?} {tokens} tokens, {heads} heads of {d}");
        });
    }
}

#[test]
fn chunks_threads_and_page_order_do_not_change_a_bit() {
    let one_by_one = [vec![1000], vec![1; 100]].concat();
    // Chunks, and numbers of threads for them: not each for each, which takes long under emulation.
    let cuts = [
        (vec![1100], vec![2, 3]),
        (vec![16, 500, 1, 7, 576], vec![1, 3]),
        (vec![513, 587], vec![2]),
        (one_by_one, vec![3]),
    ];
    let windowed = AttendParams { sliding_window: Some(600), ..AttendParams::causal(0.2) };
    for (kv_type, params) in [
        (KvType::Bf16, AttendParams::causal(0.2)),
        (KvType::Bf16, windowed),
        (KvType::Int8, AttendParams { logit_softcap: Some(5.0), ..windowed }),
    ] {
        let case = Case { kv_type, params, ..Case::new(1100, 4, 2, 16, 3) };
        let whole = case.run(level(), &Pool::new(1), &[1100], 7);
        for (i, (chunks, threads)) in cuts.iter().enumerate() {
            for &threads in threads {
                let again = case.run(level(), &Pool::new(threads), chunks, 8 + i as u64);
                assert!(again == whole, "{kv_type:?} {params:?} chunks {i} on {threads} threads");
            }
        }
    }
}

#[test]
fn where_a_window_begins_does_not_depend_on_other_rows() {
    let params = AttendParams { sliding_window: Some(53), ..AttendParams::causal(0.3) };
    for kv_type in KvType::ALL {
        let case = Case { kv_type, params, ..Case::new(200, 3, 1, 32, 12) };
        at_all_levels(|level| {
            let run = |chunks: &[usize]| case.run(level, &Pool::new(1), chunks, 3);
            assert!(run(&[200]) == run(&[1; 200]), "{level:?} {kv_type:?}");
        });
    }
}

#[test]
fn blocks_behind_the_window_are_not_read() {
    let params = AttendParams { sliding_window: Some(20), ..AttendParams::causal(0.25) };
    for kv_type in KvType::ALL {
        let case = Case { kv_type, params, ..Case::new(900, 2, 1, 16, 4) };
        let expected = case.run(level(), &Pool::new(1), &[900], 1);
        let (mut cache, table) = case.cache(1);
        let pool = Pool::new(2);
        let write = |cache: &mut KvCache, start_pos: usize, end: usize| {
            let spans = [SeqSpan {
                block_table: &table,
                first_row: 0,
                num_rows: end - start_pos,
                start_pos,
            }];
            cache.write(&pool, 1, &spans, &case.k[start_pos * 16..], &case.v[start_pos * 16..], 16);
        };
        write(&mut cache, 0, 899);
        // Everything before the window of the last row now belongs to somebody else.
        let stale = 880 / BLOCK_TOKENS;
        let poison = vec![f32::NAN; stale * BLOCK_TOKENS * 16];
        let spans = [SeqSpan {
            block_table: &table[..stale],
            first_row: 0,
            num_rows: stale * BLOCK_TOKENS,
            start_pos: 0,
        }];
        cache.write(&pool, 1, &spans, &poison, &poison, 16);
        write(&mut cache, 899, 900);
        let spans = [SeqSpan { block_table: &table, first_row: 0, num_rows: 1, start_pos: 899 }];
        let mut out = [0.0; 32];
        cache.attend(&pool, 1, &spans, &case.q[899 * 32..], 32, 2, &params, &mut out);
        assert_eq!(out, expected[899 * 32..]);
    }
}

#[test]
fn eight_bits_take_half_the_memory_of_sixteen() {
    let shape = KvShape { num_layers: 3, num_key_value_heads: 2, head_dim: 64 };
    for (kv_type, bytes) in [(KvType::Bf16, 2 * 6 * 16 * 128), (KvType::Int8, 2 * 6 * 16 * 68)] {
        assert_eq!(shape.block_bytes(kv_type), bytes);
        let cache = KvCache::new(shape, kv_type, 5).unwrap();
        assert_eq!(cache.bytes() as u64, 5 * bytes);
        assert_eq!(cache.kv_type(), kv_type);
    }
}

#[test]
fn a_sequence_does_not_see_its_batch() {
    let pool = Pool::new(2);
    let (heads, kv_heads, d) = (9, 3, 64);
    let (q_len, kv_len) = (heads * d, kv_heads * d);
    let lengths = [1, 30, 600, 17];
    let cases: Vec<Case> =
        (0..4).map(|i| Case::new(lengths[i], heads, kv_heads, d, 20 + i as u64)).collect();
    let shape = KvShape { num_layers: 1, num_key_value_heads: kv_heads, head_dim: d };
    let mut cache = KvCache::new(shape, KvType::Bf16, 60).unwrap();
    // The last row of each sequence in one decode batch, everything before as prefill; rows of
    // query, key and value stand side by side, as a fused product writes them.
    let mut next_block = 0..60u32;
    let tables: Vec<Vec<u32>> =
        lengths.iter().map(|n| next_block.by_ref().take(n.div_ceil(16)).collect()).collect();
    let ld = q_len + 2 * kv_len;
    for last in [false, true] {
        let mut rows: Vec<f32> = Vec::new();
        let mut spans = Vec::new();
        for (case, table) in cases.iter().zip(&tables) {
            let range = if last { case.tokens - 1..case.tokens } else { 0..case.tokens - 1 };
            spans.push(SeqSpan {
                block_table: table,
                first_row: rows.len() / ld,
                num_rows: range.len(),
                start_pos: range.start,
            });
            for t in range {
                rows.extend(&case.q[t * q_len..(t + 1) * q_len]);
                rows.extend(&case.k[t * kv_len..(t + 1) * kv_len]);
                rows.extend(&case.v[t * kv_len..(t + 1) * kv_len]);
            }
        }
        let (k, v) = (&rows[q_len..], &rows[q_len + kv_len..]);
        cache.write(&pool, 0, &spans, k, v, ld);
        let mut out = vec![f32::NAN; rows.len() / ld * q_len];
        cache.attend(&pool, 0, &spans, &rows, ld, heads, &cases[0].params, &mut out);
        for (case, span) in cases.iter().zip(&spans) {
            let alone = case.run(level(), &Pool::new(1), &[case.tokens], 9);
            let (from, len) = (span.start_pos * q_len, span.num_rows * q_len);
            assert!(out[span.first_row * q_len..][..len] == alone[from..from + len]);
        }
    }
}

/// Sequences of which some tokens are cached and the others come in one step.
struct Arrival {
    shape: KvShape,
    heads: usize,
    tables: Vec<Vec<u32>>,
    /// Tokens that are cached, and those that come.
    lengths: Vec<(usize, usize)>,
    /// Queries, keys and values side by side: of cached tokens, of those that come.
    rows: [Vec<f32>; 2],
}

impl Arrival {
    fn new(shape: KvShape, heads: usize, lengths: &[(usize, usize)]) -> Self {
        let mut next_block = (0u32..).map(|block| block ^ 1);
        let table = |(cached, new): &(usize, usize)| (cached + new).div_ceil(BLOCK_TOKENS);
        let tables =
            lengths.iter().map(|of| next_block.by_ref().take(table(of)).collect()).collect();
        let width = (heads + 2 * shape.num_key_value_heads) * shape.head_dim;
        let mut rng = Rng::new(31);
        let (cached, new) = lengths.iter().fold((0, 0), |all, of| (all.0 + of.0, all.1 + of.1));
        let rows = [cached, new].map(|rows| rng.normals(rows * width));
        Self { shape, heads, tables, lengths: lengths.to_vec(), rows }
    }

    fn width(&self) -> usize {
        (self.heads + 2 * self.shape.num_key_value_heads) * self.shape.head_dim
    }

    fn spans(&self, new: bool) -> Vec<SeqSpan<'_>> {
        let mut first_row = 0;
        let spans = self.tables.iter().zip(&self.lengths).map(|(block_table, &of)| {
            let (num_rows, start_pos) = if new { (of.1, of.0) } else { (of.0, 0) };
            first_row += num_rows;
            SeqSpan { block_table, first_row: first_row - num_rows, num_rows, start_pos }
        });
        spans.collect()
    }

    /// The columns at which keys and values begin.
    fn columns(&self) -> (usize, usize) {
        let q = self.heads * self.shape.head_dim;
        (q, q + self.shape.num_key_value_heads * self.shape.head_dim)
    }

    /// A cache with the first tokens in layer 1.
    fn cache(&self, kv_type: KvType) -> KvCache {
        let blocks = self.tables.iter().map(Vec::len).sum::<usize>() + 1;
        let mut cache = KvCache::new(self.shape, kv_type, blocks).unwrap();
        let (k, v) = self.columns();
        let (rows, width) = (&self.rows[0], self.width());
        if !rows.is_empty() {
            cache.write(&Pool::new(1), 1, &self.spans(false), &rows[k..], &rows[v..], width);
        }
        cache
    }

    /// Norms and rotates the new rows, writes them and attends, one after the other.
    fn step_by_step(
        &self,
        level: Level,
        kv_type: KvType,
        turn: Turn<'_>,
        params: &AttendParams,
    ) -> Vec<f32> {
        let (pool, mut cache, spans) = (Pool::new(1), self.cache(kv_type), self.spans(true));
        let (width, d, (k, v)) = (self.width(), self.shape.head_dim, self.columns());
        let mut rows = self.rows[1].clone();
        let (num_rows, kv_heads) = (rows.len() / width, self.shape.num_key_value_heads);
        if let Some(HeadNorms { q_gain_d, k_gain_d, eps }) = turn.norms {
            rms_norm_groups(&pool, &mut rows, width, (num_rows, self.heads), q_gain_d, eps);
            rms_norm_groups(&pool, &mut rows[k..], width, (num_rows, kv_heads), k_gain_d, eps);
        }
        if let Some(table) = turn.rope {
            let positions = spans.iter().flat_map(|span| span.start_pos..span.end_pos());
            let positions: Vec<u32> = positions.map(|position| position as u32).collect();
            rope(&pool, &mut rows, width, self.heads + kv_heads, &positions, table);
        }
        cache.write_at(level, &pool, 1, &spans, &rows[k..], &rows[v..], width);
        let mut out = vec![f32::NAN; num_rows * self.heads * d];
        cache.attend_at(level, &pool, 1, &spans, &rows, width, self.heads, params, &mut out);
        out
    }
}

#[test]
fn new_tokens_attend_in_one_job_as_step_by_step() {
    // Single tokens behind short and long contexts, one sequence alone, chunks of prompts beside.
    let batches: [&[(usize, usize)]; 5] = [
        &[(40, 1)],
        &[(1300, 1)],
        &[(0, 1), (15, 1), (16, 1), (700, 1)],
        &[(530, 3), (0, 40), (31, 1)],
        &[(0, 1)],
    ];
    for (heads, kv_heads, d) in [(6, 2, 32), (3, 3, 10)] {
        let shape = KvShape { num_layers: 2, num_key_value_heads: kv_heads, head_dim: d };
        let spec = RopeSpec { rotary_dim: d - 2, ..RopeSpec::plain(d, 10_000.0) };
        let table = RopeTable::new(&spec, 1400);
        let gains = Rng::new(3).normals(2 * d);
        let norms = HeadNorms { q_gain_d: &gains[..d], k_gain_d: &gains[d..], eps: 1e-5 };
        let turns = [
            Turn::default(),
            Turn { norms: None, rope: Some(&table) },
            Turn { norms: Some(norms), rope: Some(&table) },
        ];
        let windowed = AttendParams { sliding_window: Some(600), ..AttendParams::causal(0.2) };
        for (batch, lengths) in batches.into_iter().enumerate() {
            let arrival = Arrival::new(shape, heads, lengths);
            let (key_column, value_column) = arrival.columns();
            for (kv_type, turn) in
                KvType::ALL.into_iter().flat_map(|kv_type| turns.map(|turn| (kv_type, turn)))
            {
                let params = if batch % 2 == 0 { AttendParams::causal(0.2) } else { windowed };
                let expected = arrival.step_by_step(level(), kv_type, turn, &params);
                for threads in [1, 2, 3] {
                    let mut cache = arrival.cache(kv_type);
                    let rows = QkvRows {
                        values: &arrival.rows[1],
                        width: arrival.width(),
                        num_heads: heads,
                        key_column,
                        value_column,
                        turn,
                    };
                    let (pool, spans) = (Pool::new(threads), arrival.spans(true));
                    let mut out = vec![f32::NAN; expected.len()];
                    cache.attend_new(&pool, 1, &spans, &rows, &params, &mut out);
                    assert!(out == expected, "batch {batch}, {kv_type:?}, {threads} threads");
                }
            }
        }
    }
}

#[test]
fn layers_and_heads_have_their_own_pages() {
    let shape = KvShape { num_layers: 3, num_key_value_heads: 2, head_dim: 16 };
    let mut cache = KvCache::new(shape, KvType::Bf16, 2).unwrap();
    let pool = Pool::new(1);
    let spans = [SeqSpan { block_table: &[1], first_row: 0, num_rows: 1, start_pos: 0 }];
    for layer in 0..3 {
        let v: Vec<f32> = (0..32).map(|i| (100 * layer + i) as f32).collect();
        cache.write(&pool, layer, &spans, &[1.0; 32], &v, 32);
    }
    for layer in 0..3 {
        let mut out = vec![0.0; 32];
        let params = AttendParams::causal(1.0);
        cache.attend(&pool, layer, &spans, &[1.0; 32], 32, 2, &params, &mut out);
        // One key: its weight is 1, so the result is its value, rounded to bf16.
        let expected = (0..32).map(|i| half::bf16::from_f32((100 * layer + i) as f32).to_f32());
        assert_eq!(out, expected.collect::<Vec<_>>());
    }
    assert_eq!(cache.bytes(), 3 * 2 * 2 * 16 * 16 * 2 * 2);
}

#[test]
#[should_panic(expected = "two sequences write block 1")]
fn sequences_that_share_a_block_cannot_write_it() {
    let shape = KvShape { num_layers: 1, num_key_value_heads: 1, head_dim: 16 };
    let mut cache = KvCache::new(shape, KvType::Bf16, 2).unwrap();
    let span = |first_row| SeqSpan { block_table: &[1], first_row, num_rows: 1, start_pos: 0 };
    cache.write(&Pool::new(1), 0, &[span(0), span(1)], &[0.0; 32], &[0.0; 32], 16);
}

#[test]
#[should_panic(expected = "block 9 of 2")]
fn tables_cannot_name_blocks_that_do_not_exist() {
    let shape = KvShape { num_layers: 1, num_key_value_heads: 1, head_dim: 16 };
    let mut cache = KvCache::new(shape, KvType::Bf16, 2).unwrap();
    let spans = [SeqSpan { block_table: &[9], first_row: 0, num_rows: 1, start_pos: 0 }];
    let params = AttendParams::causal(1.0);
    cache.attend(&Pool::new(1), 0, &spans, &[0.0; 16], 16, 1, &params, &mut [0.0; 16]);
}

#[test]
fn impossible_shapes_are_errors() {
    let shape = KvShape { num_layers: 1, num_key_value_heads: 1, head_dim: 64 };
    let error = |shape, blocks| KvCache::new(shape, KvType::Bf16, blocks).unwrap_err();
    assert!(matches!(error(shape, 0), KernelError::OutOfRange { found: 0, .. }));
    assert!(matches!(
        error(KvShape { num_layers: 0, ..shape }, 1),
        KernelError::OutOfRange { what: "num_hidden_layers", .. }
    ));
    assert_eq!(error(KvShape { head_dim: 63, ..shape }, 1), KernelError::OddHeadDim { found: 63 });
    let huge = KvShape { num_layers: 4096, num_key_value_heads: 4096, head_dim: 1024 };
    assert!(matches!(error(huge, u32::MAX as usize), KernelError::OutOfMemory { .. }));
}
