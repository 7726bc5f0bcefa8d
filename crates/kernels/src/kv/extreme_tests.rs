//! Attention over keys and values at the edges of their types, and over what is not finite.

use super::*;
use crate::dense::{multiplies_bf16, with_widened_bf16};
use crate::level::with_level;
use crate::test_rng::Rng;
use crate::test_values::{Placed, assert_same};
use crate::{Level, Pool};

const SHAPE: KvShape = KvShape { num_layers: 1, num_key_value_heads: 1, head_dim: 32 };
const HEADS: usize = 3;
const TOKENS: usize = 70;
const KV_LEN: usize = TOKENS * SHAPE.head_dim;
const Q_LEN: usize = HEADS * KV_LEN;

/// Runs `check` at every level, once more without the instruction for bf16 if there is one.
fn at_all_levels(check: impl Fn(Level)) {
    for level in Level::supported() {
        with_level(level, || {
            check(level);
            if multiplies_bf16(level) {
                with_widened_bf16(|| check(level));
            }
        });
    }
}

/// Attention of all tokens over those up to their own.
fn attend(kv_type: KvType, params: &AttendParams, q: &[f32], k: &[f32], v: &[f32]) -> Placed {
    let d = SHAPE.head_dim;
    let block_table: Vec<u32> = (0..).take(TOKENS.div_ceil(BLOCK_TOKENS)).collect();
    let mut cache = KvCache::new(SHAPE, kv_type, block_table.len()).unwrap();
    let span =
        [SeqSpan { block_table: &block_table, first_row: 0, num_rows: TOKENS, start_pos: 0 }];
    // One thread: it is this one whose level and instructions were chosen.
    let pool = Pool::new(1);
    let (q, k, v, mut out) =
        (Placed::new(q), Placed::new(k), Placed::new(v), Placed::new(&vec![f32::NAN; Q_LEN]));
    cache.write(&pool, 0, &span, &k, &v, d);
    cache.attend(&pool, 0, &span, &q, HEADS * d, HEADS, params, &mut out);
    out
}

/// Every type of pages, with and without what changes scores.
fn kinds() -> Vec<(KvType, AttendParams)> {
    let causal = AttendParams::causal(0.2);
    let windowed = AttendParams { sliding_window: Some(24), ..causal };
    let all = [causal, windowed, AttendParams { exact: true, ..causal }];
    KvType::ALL.into_iter().flat_map(|kv_type| all.map(|params| (kv_type, params))).collect()
}

#[test]
fn keys_of_nothing_weigh_values_alike() {
    // Whole numbers, which both types of pages hold exactly.
    let v: Vec<f32> = (0..KV_LEN).map(|i| (i / SHAPE.head_dim % 7) as f32 - 3.0).collect();
    let q = Rng::new(1).normals(Q_LEN);
    for (kv_type, params) in kinds() {
        let window = params.sliding_window.unwrap_or(TOKENS);
        for nothing in [0.0, -0.0, 1e-45, -1e-41] {
            at_all_levels(|level| {
                let out = attend(kv_type, &params, &q, &[nothing; KV_LEN], &v);
                for (token, found) in out.chunks_exact(HEADS * SHAPE.head_dim).enumerate() {
                    let seen = (token + 1).saturating_sub(window)..token + 1;
                    let mean = seen.clone().map(|s| v[s * SHAPE.head_dim]).sum::<f32>()
                        / seen.len() as f32;
                    let off = found.iter().map(|x| (x - mean).abs()).fold(0.0, f32::max);
                    // Weights of one are exact; 3e-2 is what values of 8 bits leave of them.
                    assert!(off < 3e-2, "{level:?} {kv_type:?} {nothing:e} token {token}: {off}");
                }
            });
        }
    }
}

#[test]
fn scores_beyond_any_exponential_choose_the_largest() {
    // The key of token `s` is `s` along every dimension: the last that a row sees wins by far.
    let d = SHAPE.head_dim;
    let k: Vec<f32> = (0..KV_LEN).map(|i| (i / d) as f32).collect();
    let v: Vec<f32> = (0..KV_LEN).map(|i| ((i / d * 31) % 100) as f32).collect();
    for (kv_type, params) in kinds() {
        for huge in [1e3, 1e20, 1e30] {
            at_all_levels(|level| {
                let out = attend(kv_type, &params, &vec![huge; Q_LEN], &k, &v);
                for (token, found) in out.chunks_exact(HEADS * d).enumerate() {
                    let expected = v[token * d];
                    let off = found.iter().map(|x| (x - expected).abs()).fold(0.0, f32::max);
                    assert!(
                        off <= 0.01 * expected,
                        "{level:?} {kv_type:?} {huge:e} {token}: {off}"
                    );
                }
            });
        }
    }
}

#[test]
fn queries_that_are_not_finite_spoil_no_other_row() {
    let d = SHAPE.head_dim;
    let mut rng = Rng::new(3);
    let (q, k, v) = (rng.normals(Q_LEN), rng.normals(KV_LEN), rng.normals(KV_LEN));
    for (kv_type, params) in kinds() {
        at_all_levels(|level| {
            let whole = attend(kv_type, &params, &q, &k, &v);
            for value in [f32::NAN, f32::INFINITY] {
                let (mut broken, head) = (q.clone(), (TOKENS / 2 * HEADS + 1) * d);
                broken[head + 5] = value;
                let out = attend(kv_type, &params, &broken, &k, &v);
                let what = format!("{level:?} {kv_type:?} {params:?} {value}");
                assert_same(&what, &out[..head], &whole[..head]);
                assert_same(&what, &out[head + d..], &whole[head + d..]);
            }
        });
    }
}
