//! Logits against `transformers`, and the same bits however a step is put together.

use super::{AdapterId, Decoder, ForwardError, LogitsFor, SeqInput};
use crate::Checkpoint;
use crate::linear::{LoadOptions, QuantizedProducts};
use crate::safetensors::SafetensorsFile;
use crate::test_support::{golden, test_model, tokens};
use catena_kernels::{BLOCK_TOKENS, DenseType, KvCache, KvType, LOGITS_BLOCK, Pool, block_maxima};
use std::sync::Arc;

/// Largest error of a logit relative to the largest logit when all arithmetic is f32 and the golden
/// rounds keys and values to bf16 as the cache does.
const F32_TOLERANCE: f32 = 1e-4;

/// A decoder with a cache and the block tables of a few sequences.
pub(crate) struct Bench {
    decoder: Decoder,
    kv: Vec<KvCache>,
    tables: Vec<Vec<Vec<u32>>>,
}

impl Bench {
    pub(crate) fn new(checkpoint: &Checkpoint, threads: usize, options: LoadOptions) -> Self {
        Self::with_cache(checkpoint, threads, options, KvType::Bf16)
    }

    fn with_cache(
        checkpoint: &Checkpoint,
        threads: usize,
        options: LoadOptions,
        kv_type: KvType,
    ) -> Self {
        let pool = Arc::new(Pool::new(threads));
        let decoder = Decoder::load_with(checkpoint, pool, options).unwrap();
        let (num_seqs, blocks_each) = (20u32, 8);
        let num_blocks = num_seqs * blocks_each;
        let groups = decoder.kv_groups().iter();
        let cache = |shape| KvCache::new(shape, kv_type, num_blocks as usize).unwrap();
        let kv: Vec<_> = groups.map(|group| cache(group.shape)).collect();
        // Neighbouring positions lie far apart in the cache.
        let id = |seq: u32, block: u32| (block * num_seqs + seq) * 7 % num_blocks;
        let table = |seq| (0..blocks_each).map(|block| id(seq, block)).collect::<Vec<_>>();
        let tables = (0..num_seqs).map(|seq| vec![table(seq); kv.len()]).collect();
        Self { decoder, kv, tables }
    }

    /// Runs `(sequence, tokens, start_pos, logits)` parts as one step; all logits rows.
    pub(crate) fn step(
        &mut self,
        max_rows: usize,
        parts: &[(usize, &[u32], usize, LogitsFor)],
    ) -> Vec<f32> {
        let seqs: Vec<SeqInput<'_>> = parts
            .iter()
            .map(|&(seq, tokens, start_pos, logits)| SeqInput {
                tokens,
                start_pos,
                block_tables: &self.tables[seq],
                logits,
                adapter: None,
            })
            .collect();
        let mut scratch = self.decoder.new_scratch(max_rows);
        let logits = self.decoder.forward(&seqs, &mut self.kv, &mut scratch).unwrap();
        let blocks = logits.vocab_size().div_ceil(LOGITS_BLOCK);
        assert_eq!(logits.maxima().len(), logits.num_rows() * blocks);
        for (row, maxima) in logits.maxima().chunks_exact(blocks).enumerate() {
            let mut expected = vec![0.0; blocks];
            block_maxima(logits.row(row), &mut expected);
            assert_eq!(maxima, expected, "row {row}");
        }
        logits.rows().to_vec()
    }

    /// Logits of all positions of one sequence, in one chunk.
    fn whole(&mut self, tokens: &[u32]) -> Vec<f32> {
        self.step(512, &[(0, tokens, 0, LogitsFor::From(0))])
    }
}

fn tiny() -> Checkpoint {
    Checkpoint::open(&golden("tiny_llama")).unwrap()
}

pub(crate) fn exact() -> LoadOptions {
    LoadOptions { dense_type: DenseType::F32, ..LoadOptions::default() }
}

fn smollm2() -> Checkpoint {
    Checkpoint::open(&test_model("smollm2-135m-instruct.q4_1.gguf")).unwrap()
}

pub(super) fn assert_bits(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differs = found.iter().zip(expected).position(|(a, b)| a.to_bits() != b.to_bits());
    if let Some(i) = differs {
        panic!("{what}: value {i} is {} instead of {}", found[i], expected[i]);
    }
}

#[test]
fn tiny_llama_agrees_with_transformers() {
    let file = SafetensorsFile::open(&golden("tiny_llama/forward.safetensors")).unwrap();
    let mut bench = Bench::new(&tiny(), 2, exact());
    for seq in 0..2 {
        let expected = file.tensor(&format!("logits_bf16_cache_{seq}")).unwrap().to_f32().unwrap();
        let found = bench.whole(&tokens(&file, &format!("tokens_{seq}")));
        let largest = expected.iter().fold(0f32, |max, x| max.max(x.abs()));
        let error = found.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
        assert_eq!(found.len(), expected.len());
        assert!(error <= F32_TOLERANCE * largest, "sequence {seq}: {error} of {largest}");
    }
}

/// Runs 3 long and many short sequences in every way and compares all bits with each alone.
pub(crate) fn check_invariance(checkpoint: &Checkpoint, options: LoadOptions, vocab_size: u32) {
    let make = |seq: u32, len: u32| -> Vec<u32> {
        (0..len).map(|i| (i * 31 + seq * 17 + i * i * 7) % vocab_size).collect()
    };
    let prompt = make(0, 61);
    let mut one = Bench::new(checkpoint, 1, options);
    let v = one.decoder.config().vocab_size;
    let whole = one.whole(&prompt);

    let mut two = Bench::new(checkpoint, 2, options);
    assert_bits(&two.whole(&prompt), &whole, "two threads");

    let blocks = two.step(7, &[(1, &prompt, 0, LogitsFor::From(0))]);
    assert_bits(&blocks, &whole, "row blocks of 7");

    let mut chunks = Vec::new();
    for (start, end) in [(0, 5), (5, 38), (38, 54), (54, 61)] {
        chunks.extend(two.step(512, &[(2, &prompt[start..end], start, LogitsFor::From(0))]));
    }
    assert_bits(&chunks, &whole, "chunks");

    // Sixteen sequences at different places: the prompt token by token beside them.
    let others: Vec<Vec<u32>> = (1..16).map(|seq| make(seq, 20 + seq)).collect();
    for (i, token) in prompt.chunks_exact(1).enumerate().take(24) {
        let mut parts = vec![(3, token, i, LogitsFor::Last)];
        for (seq, other) in others.iter().enumerate().take(if i % 3 == 0 { 15 } else { 0 }) {
            let start = i / 3 * 2;
            let end = (start + 2).min(other.len());
            parts.push((seq + 4, &other[start..end], start, LogitsFor::None));
        }
        let turns = i % 5 % parts.len();
        parts.rotate_left(turns);
        let logits = two.step(512, &parts);
        assert_bits(&logits, &whole[i * v..(i + 1) * v], &format!("decoded position {i}"));
    }
}

#[test]
fn tiny_logits_do_not_depend_on_the_batch() {
    check_invariance(&tiny(), exact(), 96);
    check_invariance(&tiny(), LoadOptions::default(), 96);
}

#[test]
fn real_logits_do_not_depend_on_the_batch() {
    check_invariance(&smollm2(), LoadOptions::default(), 49152);
}

/// Runs many rows of three sequences on several threads, where each thread takes parts of them, and
/// compares all bits with blocks that are too small for that.
fn check_parts(checkpoint: &Checkpoint, options: LoadOptions, vocab_size: u32) {
    let make = |seq: u32, len: u32| -> Vec<u32> {
        (0..len).map(|i| (i * 29 + seq * 13 + i * i * 5) % vocab_size).collect()
    };
    let (first, second, third) = (make(0, 121), make(1, 70), make(2, 9));
    let parts: [(usize, &[u32], usize, LogitsFor); 3] = [
        (0, &first, 0, LogitsFor::From(100)),
        (1, &second, 0, LogitsFor::None),
        (2, &third, 0, LogitsFor::Last),
    ];
    let next: [(usize, &[u32], usize, LogitsFor); 2] =
        [(1, &first[..50], 70, LogitsFor::Last), (2, &second, 9, LogitsFor::From(0))];
    let mut bench = Bench::new(checkpoint, 1, options);
    let expected = [bench.step(20, &parts), bench.step(20, &next)];
    for threads in 1..4 {
        let mut bench = Bench::new(checkpoint, threads, options);
        assert_eq!(bench.decoder.new_scratch(512).parts.len(), threads, "parts are in use");
        let found = [bench.step(512, &parts), bench.step(512, &next)];
        for (step, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_bits(found, expected, &format!("{threads} threads, step {step}"));
        }
    }
}

#[test]
fn logits_do_not_depend_on_the_parts_that_threads_take() {
    check_parts(&tiny(), exact(), 96);
    check_parts(&smollm2(), LoadOptions::default(), 49152);
}

/// Two jobs a layer, attention and the chain of products, and one for the last chain.
#[test]
fn steps_take_two_jobs_a_layer_whatever_their_rows() {
    let mut bench = Bench::new(&smollm2(), 2, LoadOptions::default());
    let pool = Arc::clone(bench.decoder.pool());
    let jobs_of_layers = 2 * bench.decoder.config().num_hidden_layers + 1;
    let tokens: Vec<u32> = (1..101).collect();
    let last = |seq: usize, tokens| (seq, tokens, 0, LogitsFor::Last);
    let alone = [last(0, &tokens[..1])];
    let many: Vec<_> = (1..17).map(|seq| last(seq, &tokens[..1])).collect();
    let prompt = [last(17, &tokens[..])];
    for (parts, for_embedding) in [(&alone[..], 0), (&many[..], 1), (&prompt[..], 1)] {
        let before = pool.num_jobs();
        bench.step(512, parts);
        assert_eq!(pool.num_jobs() - before, jobs_of_layers + for_embedding, "{parts:?}");
    }
}

#[test]
fn logits_only_where_asked() {
    let tokens: Vec<u32> = (3..40).collect();
    let mut bench = Bench::new(&tiny(), 2, exact());
    let whole = bench.whole(&tokens);
    let v = bench.decoder.config().vocab_size;
    let mixed = bench.step(
        10,
        &[
            (1, &tokens, 0, LogitsFor::Last),
            (2, &tokens[..36], 0, LogitsFor::None),
            (3, &tokens, 0, LogitsFor::From(30)),
            (4, &tokens[..1], 0, LogitsFor::Last),
        ],
    );
    let expected = [&whole[36 * v..], &whole[30 * v..], &whole[..v]].concat();
    assert_bits(&mixed, &expected, "mixed");
    let next = bench.step(10, &[(2, &tokens[36..], 36, LogitsFor::Last)]);
    assert_bits(&next, &whole[36 * v..], "after a chunk without logits");
}

/// Mean KL divergence from the golden distribution and share of equal most likely tokens.
///
/// The golden keeps the 128 most likely tokens of each position; all others count as one outcome.
fn compare_with_golden(options: LoadOptions, kv_type: KvType) -> (f64, f64) {
    let file = SafetensorsFile::open(&golden("smollm2_forward.safetensors")).unwrap();
    let (all, ids) = (tokens(&file, "tokens"), tokens(&file, "ids"));
    let log_probs = file.tensor("log_probs").unwrap().to_f32().unwrap();
    let mut bench = Bench::with_cache(&smollm2(), 2, options, kv_type);
    let v = bench.decoder.config().vocab_size;
    let (mut divergence, mut equal, mut positions) = (0f64, 0usize, 0usize);
    for (text, tokens) in all.chunks_exact(all.len() / 4).enumerate() {
        let logits = bench.step(512, &[(text, tokens, 0, LogitsFor::From(0))]);
        for row in logits.chunks_exact(v) {
            let golden = positions * 128..(positions + 1) * 128;
            let (ids, log_probs) = (&ids[golden.clone()], &log_probs[golden]);
            divergence += kl(row, ids, log_probs);
            let best = (0..v).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            equal += usize::from(best == ids[0] as usize);
            positions += 1;
        }
    }
    (divergence / positions as f64, equal as f64 / positions as f64)
}

fn kl(logits_v: &[f32], ids: &[u32], log_probs: &[f32]) -> f64 {
    let max = logits_v.iter().copied().fold(f32::MIN, f32::max) as f64;
    let log_sum = logits_v.iter().map(|&x| (x as f64 - max).exp()).sum::<f64>().ln() + max;
    let (mut sum, mut rest_p, mut rest_q) = (0.0, 1.0, 1.0);
    for (&id, &log_p) in ids.iter().zip(log_probs) {
        let (log_p, log_q) = (log_p as f64, logits_v[id as usize] as f64 - log_sum);
        sum += log_p.exp() * (log_p - log_q);
        rest_p -= log_p.exp();
        rest_q -= log_q.exp();
    }
    if rest_p > 1e-9 { sum + rest_p * (rest_p / rest_q.max(1e-12)).ln() } else { sum }
}

#[test]
fn quantized_smollm2_agrees_with_transformers() {
    let (kl, top1) = compare_with_golden(LoadOptions::default(), KvType::Bf16);
    assert!(kl <= 0.006 && top1 >= 0.94, "mean KL {kl:.5}, top-1 {top1:.4}");
}

#[test]
fn bf16_smollm2_agrees_with_transformers() {
    for quantized in [QuantizedProducts::Dequantized, QuantizedProducts::Precise] {
        let options = LoadOptions { dense_type: DenseType::Bf16, quantized };
        let (kl, top1) = compare_with_golden(options, KvType::Bf16);
        assert!(kl <= 0.0006 && top1 >= 0.985, "{quantized:?}: mean KL {kl:.6}, top-1 {top1:.4}");
    }
}

#[test]
fn eight_bit_keys_and_values_cost_little_accuracy() {
    let options = LoadOptions { quantized: QuantizedProducts::Precise, ..LoadOptions::default() };
    let (kl, top1) = compare_with_golden(options, KvType::Int8);
    assert!(kl <= 0.003 && top1 >= 0.95, "alone: mean KL {kl:.6}, top-1 {top1:.4}");
    let (kl, top1) = compare_with_golden(LoadOptions::default(), KvType::Int8);
    assert!(kl <= 0.006 && top1 >= 0.94, "with integer products: KL {kl:.6}, top-1 {top1:.4}");
}

#[test]
fn wrong_steps_are_refused() {
    let mut bench = Bench::new(&tiny(), 1, exact());
    let long = vec![0; 513];
    let table: Vec<u32> = (0..40).collect();
    let mut check = |tokens: &[u32], start_pos: usize, block_table: &[u32]| {
        let block_tables = &[block_table.to_vec()];
        let seq =
            SeqInput { tokens, start_pos, block_tables, logits: LogitsFor::Last, adapter: None };
        let mut scratch = bench.decoder.new_scratch(4);
        bench.decoder.forward(&[seq], &mut bench.kv, &mut scratch).map(|_| ()).unwrap_err()
    };
    assert_eq!(check(&[], 0, &table), ForwardError::Empty { seq: 0 });
    assert_eq!(
        check(&[1, 96], 0, &table),
        ForwardError::UnknownToken { seq: 0, token: 96, vocab_size: 96 }
    );
    let too_long = ForwardError::TooLong { seq: 0, end: 513, max_tokens: 512 };
    assert_eq!(check(&long, 0, &table), too_long);
    assert_eq!(check(&[1], 512, &table), too_long);
    let uncovered = ForwardError::Blocks { seq: 0, end: BLOCK_TOKENS + 1, num_blocks: 1 };
    assert_eq!(check(&[1], BLOCK_TOKENS, &table[..1]), uncovered);
    let outside = ForwardError::Blocks { seq: 0, end: 1, num_blocks: 1 };
    assert_eq!(check(&[1], 0, &[100_000]), outside);
}

#[test]
fn every_error_reads_well() {
    let errors = [
        ForwardError::Empty { seq: 2 },
        ForwardError::UnknownToken { seq: 0, token: 50000, vocab_size: 49152 },
        ForwardError::TooLong { seq: 1, end: 8193, max_tokens: 8192 },
        ForwardError::BlockTables { seq: 0, found: 1, expected: 2 },
        ForwardError::UnknownAdapter { seq: 3, adapter: AdapterId(7) },
        ForwardError::Blocks { seq: 0, end: 17, num_blocks: 1 },
    ];
    insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"), @r"
    sequence 2 of the step has no tokens
    sequence 0 of the step has token 50000, the vocabulary has 49152
    sequence 1 of the step would have 8193 tokens, the model takes at most 8192
    sequence 0 of the step has 1 block tables, the model has 2 groups
    sequence 3 of the step has adapter 7, which is not loaded
    sequence 0 of the step ends at token 17, its 1 cache blocks of 16 do not cover it or lie outside the cache
    ");
}
