//! The product: up to 2 tiles (32 outputs) times 6 activation rows in registers.
//!
//! Per block the integer accumulators start at the zero-point correction, codes are unpacked in
//! registers, and `vpdpbusd` takes the four activation bytes broadcast from memory. The tile sizes
//! are measured: 2 x 6 is best for few rows and within 3 % of the best for many. Bounds on Zen 5
//! are the two multiply ports: 80 % of the integer peak for `Q4_0` and `Q8_0`, 73 % for `Q4_1`.

use std::arch::x86_64::{
    __m512, __m512i, __mmask16, _MM_HINT_T0, _mm_prefetch, _mm256_loadu_si256, _mm512_add_ps,
    _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
    _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_srli_epi16,
};
use std::ops::Range;

use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::job::{AHEAD_BYTES, Job, walk_rows};
use crate::quant::matrix::{GROUP, Target};
use crate::quant::tile::Packed;

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`], and no other thread may
/// write the same rows of the same tiles.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let job = Job::new::<P>(weights, x, &rows, &tiles, target);
    let mut tile = tiles.start;
    while tile < tiles.end {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: `Job::new` has verified all sizes for these rows and tiles.
        unsafe {
            if rows.len() == 1 {
                micro::<P, 1, 1>(&job, w, rows.start, tile, AHEAD_BYTES);
                tile += 1;
            } else if tile + GROUP <= tiles.end {
                two_tiles::<P>(&job, w, rows.clone(), tile);
                tile += GROUP;
            } else {
                one_tile::<P>(&job, w, rows.clone(), tile);
                tile += 1;
            }
        }
    }
}

walk_rows!("avx512f,avx512bw,avx512vl,avx512vnni", two_tiles, micro, 2, 6, 1, 2, 3, 4, 5);
walk_rows!("avx512f,avx512bw,avx512vl,avx512vnni", one_tile, micro, 1, 8, 1, 2, 3, 4, 5, 6, 7);

/// `MR` tiles from `tile` on times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and tiles; `w` is the start of the first tile.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn micro<P: Packed, const MR: usize, const NR: usize>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    let (k, blocks, tile_bytes) = (job.x.k, job.blocks, job.tile_bytes);
    let codes = job.x.codes_tk[row * k..].as_ptr();
    let scales = job.x.scales_tb[row * blocks..].as_ptr();
    let corrections = job.x.corrections_tb[row * blocks..].as_ptr();
    let scaled_sums = job.x.scaled_sums_tb[row * blocks..].as_ptr();
    let mut acc = [[_mm512_setzero_ps(); NR]; MR];
    for block in 0..blocks {
        // SAFETY: all reads are inside the tiles and rows that the job has measured; a prefetch
        // may point anywhere.
        unsafe {
            let mut sums = [[_mm512_setzero_si512(); NR]; MR];
            if P::ZERO != 0 {
                for t in 0..NR {
                    let start = _mm512_set1_epi32(*corrections.add(t * blocks + block));
                    for i in 0..MR {
                        sums[i][t] = start;
                    }
                }
            }
            let q = codes.add(block * BLOCK);
            for j in 0..P::CODE_VECS {
                let at = w.add(P::codes_at(block) + j * 64);
                let raw = load_codes::<MR>(at, tile_bytes, ahead);
                if P::CODE_VECS == 8 {
                    dot::<MR, NR>(&mut sums, raw, q.add(4 * j), k);
                } else {
                    let mask = _mm512_set1_epi8(15);
                    let (mut low, mut high) = (raw, raw);
                    for i in 0..MR {
                        low[i] = _mm512_and_si512(raw[i], mask);
                        high[i] = _mm512_and_si512(_mm512_srli_epi16::<4>(raw[i]), mask);
                    }
                    dot::<MR, NR>(&mut sums, low, q.add(4 * j), k);
                    dot::<MR, NR>(&mut sums, high, q.add(16 + 4 * j), k);
                }
            }
            for i in 0..MR {
                let w = w.add(i * tile_bytes);
                let d = load_halves(w.add(P::scales_at(block)));
                for t in 0..NR {
                    let scale = _mm512_mul_ps(d, _mm512_set1_ps(*scales.add(t * blocks + block)));
                    acc[i][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i][t]), scale, acc[i][t]);
                }
                if P::HAS_MIN {
                    let m = load_halves(w.add(P::mins_at(block)));
                    for t in 0..NR {
                        let sum = _mm512_set1_ps(*scaled_sums.add(t * blocks + block));
                        acc[i][t] = _mm512_fmadd_ps(m, sum, acc[i][t]);
                    }
                }
            }
        }
    }
    // SAFETY: passed on to the caller.
    unsafe { store(job, &acc, row, tile) };
}

/// One vector of codes of each of `MR` tiles.
///
/// # Safety
/// 64 bytes must be readable at `at` and at each further tile's distance.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_codes<const MR: usize>(
    at: *const u8,
    tile_bytes: usize,
    ahead: usize,
) -> [__m512i; MR] {
    let mut raw = [_mm512_setzero_si512(); MR];
    for i in 0..MR {
        // SAFETY: the caller promises the reads; a prefetch may point anywhere.
        unsafe {
            let at = at.add(i * tile_bytes);
            if ahead > 0 {
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(ahead).cast());
            }
            raw[i] = _mm512_loadu_si512(at.cast());
        }
    }
    raw
}

/// `sums[i][t] += codes[i] . q[t]`, four products per lane; `q` has rows at distance `k`.
///
/// # Safety
/// Four bytes must be readable at `q` and at each further row's distance.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn dot<const MR: usize, const NR: usize>(
    sums: &mut [[__m512i; NR]; MR],
    codes: [__m512i; MR],
    q: *const i8,
    k: usize,
) {
    for t in 0..NR {
        // SAFETY: the caller promises the read; it need not be aligned.
        let four = unsafe { q.add(t * k).cast::<i32>().read_unaligned() };
        let four = _mm512_set1_epi32(four);
        for i in 0..MR {
            sums[i][t] = _mm512_dpbusd_epi32(sums[i][t], codes[i], four);
        }
    }
}

/// 16 f16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_halves(at: *const u8) -> __m512 {
    // SAFETY: promised by the caller.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(at.cast()) })
}

/// Writes the accumulators; lanes beyond the last output are masked off.
///
/// # Safety
/// `job` must cover these rows and tiles.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store<const MR: usize, const NR: usize>(
    job: &Job<'_, '_>,
    acc: &[[__m512; NR]; MR],
    row: usize,
    tile: usize,
) {
    for i in 0..MR {
        let mask = (u32::MAX >> (32 - job.lanes(tile + i))) as __mmask16;
        for t in 0..NR {
            // SAFETY: row and tile are covered, and the mask ends at the last column.
            unsafe {
                let at = job.out(row + t, tile + i);
                let sum = if job.target.accumulate {
                    _mm512_add_ps(_mm512_maskz_loadu_ps(mask, at), acc[i][t])
                } else {
                    acc[i][t]
                };
                _mm512_mask_storeu_ps(at, mask, sum);
            }
        }
    }
}
