//! The product: one tile (16 outputs, two registers) times up to 4 activation rows.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs in 16 bits, saturating. For 4-bit
//! codes a whole block stays below that limit (8 groups of 2 * 15 * 127 = 30480), so one widening
//! per block is enough. 8-bit codes use magnitudes and move the sign to the activation: a pair is at
//! most 2 * 128 * 127 = 32512, and is widened at once. Either way the integer sums are exact.
//!
//! Registers are never passed through closures (`array::map`): the library function has no SIMD
//! features, so each call would go through memory.

use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
    _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srli_epi16, _mm256_storeu_ps,
    _mm256_xor_si256,
};
use std::ops::Range;

use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::job::{AHEAD_BYTES, Job, walk_rows};
use crate::quant::matrix::Target;
use crate::quant::tile::{Packed, TILE};

/// The two registers of a tile, 8 outputs each.
const HALVES: usize = 2;

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`], and no other thread may write
/// the same rows of the same tiles.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let job = Job::new::<P>(weights, x, &rows, &tiles, target);
    for tile in tiles {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: `Job::new` has verified all sizes for these rows and tiles.
        unsafe {
            if rows.len() == 1 {
                micro::<P, 1, 1>(&job, w, rows.start, tile, AHEAD_BYTES);
            } else {
                one_tile::<P>(&job, w, rows.clone(), tile);
            }
        }
    }
}

walk_rows!("avx2,fma,f16c", one_tile, micro, 1, 4, 1, 2, 3);

/// One tile times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and the tile; `w` is the start of the tile.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn micro<P: Packed, const MR: usize, const NR: usize>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    const { assert!(MR == 1, "two registers of a tile are all that fit") };
    let (k, blocks) = (job.x.k, job.blocks);
    let codes = job.x.codes_tk[row * k..].as_ptr();
    let scales = job.x.scales_tb[row * blocks..].as_ptr();
    let corrections = job.x.corrections_tb[row * blocks..].as_ptr();
    let scaled_sums = job.x.scaled_sums_tb[row * blocks..].as_ptr();
    let mut acc = [[_mm256_setzero_ps(); HALVES]; NR];
    for block in 0..blocks {
        // SAFETY: all reads are inside the tile and rows that the job has measured.
        unsafe {
            let at = w.add(P::codes_at(block));
            let q = codes.add(block * BLOCK);
            let sums = if P::CODE_VECS == 8 {
                dot_8_bit::<NR>(at, ahead, q, k)
            } else {
                dot_4_bit::<NR>(at, ahead, q, k)
            };
            let d = load_halves(w.add(P::scales_at(block)));
            for t in 0..NR {
                let at = t * blocks + block;
                let scale = _mm256_set1_ps(*scales.add(at));
                for h in 0..HALVES {
                    let mut sum = sums[t][h];
                    // 8-bit codes are multiplied with their sign: nothing to correct.
                    if P::ZERO != 0 && P::CODE_VECS == 4 {
                        sum = _mm256_add_epi32(sum, _mm256_set1_epi32(*corrections.add(at)));
                    }
                    let scale = _mm256_mul_ps(d[h], scale);
                    acc[t][h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, acc[t][h]);
                }
            }
            if P::HAS_MIN {
                let m = load_halves(w.add(P::mins_at(block)));
                for t in 0..NR {
                    let sum = _mm256_set1_ps(*scaled_sums.add(t * blocks + block));
                    for h in 0..HALVES {
                        acc[t][h] = _mm256_fmadd_ps(m[h], sum, acc[t][h]);
                    }
                }
            }
        }
    }
    for (t, acc) in acc.iter().enumerate() {
        // SAFETY: the job covers these rows and the tile.
        unsafe { store(job, *acc, row + t, tile) };
    }
}

/// Sums over one block of 4-bit codes.
///
/// # Safety
/// 256 bytes must be readable at `at`, and 32 at `q` and at each further row's distance `k`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dot_4_bit<const NR: usize>(
    at: *const u8,
    ahead: usize,
    q: *const i8,
    k: usize,
) -> [[__m256i; HALVES]; NR] {
    let mask = _mm256_set1_epi8(15);
    let mut pairs = [[_mm256_setzero_si256(); HALVES]; NR];
    for j in 0..4 {
        // SAFETY: promised by the caller.
        unsafe {
            let raw = load_codes(at.add(j * 64), ahead);
            let low = [_mm256_and_si256(raw[0], mask), _mm256_and_si256(raw[1], mask)];
            for t in 0..NR {
                let four = broadcast(q.add(t * k + 4 * j));
                for h in 0..HALVES {
                    let products = _mm256_maddubs_epi16(low[h], four);
                    pairs[t][h] = _mm256_add_epi16(pairs[t][h], products);
                }
            }
            let high = [
                _mm256_and_si256(_mm256_srli_epi16::<4>(raw[0]), mask),
                _mm256_and_si256(_mm256_srli_epi16::<4>(raw[1]), mask),
            ];
            for t in 0..NR {
                let four = broadcast(q.add(t * k + 16 + 4 * j));
                for h in 0..HALVES {
                    let products = _mm256_maddubs_epi16(high[h], four);
                    pairs[t][h] = _mm256_add_epi16(pairs[t][h], products);
                }
            }
        }
    }
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    for t in 0..NR {
        for h in 0..HALVES {
            sums[t][h] = _mm256_madd_epi16(pairs[t][h], ones);
        }
    }
    sums
}

/// Sums over one block of 8-bit codes, their zero point of 128 taken off.
///
/// # Safety
/// 512 bytes must be readable at `at`, and 32 at `q` and at each further row's distance `k`.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn dot_8_bit<const NR: usize>(
    at: *const u8,
    ahead: usize,
    q: *const i8,
    k: usize,
) -> [[__m256i; HALVES]; NR] {
    let (ones, zero_point) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    for j in 0..8 {
        // SAFETY: promised by the caller.
        unsafe {
            let raw = load_codes(at.add(j * 64), ahead);
            let signed =
                [_mm256_xor_si256(raw[0], zero_point), _mm256_xor_si256(raw[1], zero_point)];
            let magnitude = [_mm256_abs_epi8(signed[0]), _mm256_abs_epi8(signed[1])];
            for t in 0..NR {
                let four = broadcast(q.add(t * k + 4 * j));
                for h in 0..HALVES {
                    let four = _mm256_sign_epi8(four, signed[h]);
                    let pairs = _mm256_maddubs_epi16(magnitude[h], four);
                    sums[t][h] = _mm256_add_epi32(sums[t][h], _mm256_madd_epi16(pairs, ones));
                }
            }
        }
    }
    sums
}

/// 64 bytes of codes, and a prefetch of those `ahead` bytes further unless that is 0.
///
/// # Safety
/// 64 bytes must be readable at `at`; a prefetch may point anywhere.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_codes(at: *const u8, ahead: usize) -> [__m256i; HALVES] {
    // SAFETY: promised by the caller.
    unsafe {
        if ahead > 0 {
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(ahead).cast());
        }
        [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())]
    }
}

/// Four activation codes in every lane.
///
/// # Safety
/// Four bytes must be readable; they need not be aligned.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast(q: *const i8) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
}

/// 16 f16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn load_halves(at: *const u8) -> [__m256; HALVES] {
    // SAFETY: promised by the caller.
    let (low, high) = unsafe { (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(16).cast())) };
    [_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)]
}

/// Writes one row of a tile; only the outputs that exist.
///
/// # Safety
/// `job` must cover the row and the tile.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn store(job: &Job<'_, '_>, mut acc: [__m256; HALVES], row: usize, tile: usize) {
    let lanes = job.lanes(tile);
    // SAFETY: the row has `lanes` outputs from here on, as the job has checked.
    let out = unsafe { std::slice::from_raw_parts_mut(job.out(row, tile), lanes) };
    let mut values = [0.0f32; TILE];
    if job.target.accumulate {
        values[..lanes].copy_from_slice(out);
        for h in 0..HALVES {
            // SAFETY: `values` has two registers' worth.
            acc[h] = _mm256_add_ps(unsafe { _mm256_loadu_ps(values.as_ptr().add(8 * h)) }, acc[h]);
        }
    }
    for h in 0..HALVES {
        // SAFETY: `values` has two registers' worth.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr().add(8 * h), acc[h]) };
    }
    out.copy_from_slice(&values[..lanes]);
}
