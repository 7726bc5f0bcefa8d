//! The product: up to 2 tiles (32 outputs) times 6 activation rows in registers.
//!
//! Per block the integer accumulators start at the zero-point correction, codes are unpacked in
//! registers, or were before that into memory, and `vpdpbusd` takes the four activation bytes
//! broadcast from memory. The tile sizes are measured: 2 x 6 is best for few rows and within 3 % of
//! the best for many. Bounds on Zen 5 are the two multiply ports: 80 % of the integer peak for `Q4_0`
//! and `Q8_0`, 73 % for `Q4_1`.

use crate::x86::{
    __m512, __m512i, __mmask16, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_fmadd_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};
use std::cell::RefCell;
use std::ops::Range;

use super::read::{InPlace, Read};
use super::unpacked::{UNPACK_FROM, Unpacked, is_unpacked, unpack_two};
use crate::AlignedBuf;
use crate::quant::Activations;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS};
use crate::quant::job::{AHEAD_BYTES, Job, Pointers, walk_rows};
use crate::quant::matrix::{GROUP, Target};

thread_local! {
    /// Two tiles with codes as bytes and scales as floats.
    static UNPACKED: RefCell<AlignedBuf<u8>> = RefCell::default();
}

/// As `scalar::product`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`], and no other thread may
/// write the same rows of the same tiles.
#[cfg_attr(
    not(feature = "emulate-avx512"),
    target_feature(enable = "avx512bw,avx512vl,avx512vnni")
)]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::quant) unsafe fn product<P: Packed>(
    weights: &[u8],
    x: &Activations<'_>,
    rows: Range<usize>,
    tiles: Range<usize>,
    target: &Target<'_>,
) {
    let job = Job::new::<P>(weights, x, &rows, &tiles, target);
    let mut tile = tiles.start;
    if rows.len() >= UNPACK_FROM && is_unpacked(&P::G, job.blocks) {
        UNPACKED.with_borrow_mut(|memory| {
            while tile + GROUP <= tiles.end {
                let w = weights[tile * job.tile_bytes..].as_ptr();
                // SAFETY: `Job::new` has verified all sizes for these rows and tiles.
                unsafe {
                    let two = unpack_two::<P>(w, &job, memory);
                    two_tiles::<Unpacked<P>>(&job, two, rows.clone(), tile);
                }
                tile += GROUP;
            }
        });
    }
    while tile < tiles.end {
        let w = weights[tile * job.tile_bytes..].as_ptr();
        // SAFETY: as above.
        unsafe {
            if rows.len() == 1 {
                micro::<InPlace<P>, 1, 1, true>(&job, w, rows.start, tile, AHEAD_BYTES);
                tile += 1;
            } else if tile + GROUP <= tiles.end {
                two_tiles::<InPlace<P>>(&job, w, rows.clone(), tile);
                tile += GROUP;
            } else {
                one_tile::<InPlace<P>>(&job, w, rows.clone(), tile);
                tile += 1;
            }
        }
    }
}

walk_rows! {
    #[cfg_attr(
        not(feature = "emulate-avx512"),
        target_feature(enable = "avx512bw,avx512vl,avx512vnni")
    )]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    two_tiles, micro, Read, 2, 6, 1, 2, 3, 4, 5
}
walk_rows! {
    #[cfg_attr(
        not(feature = "emulate-avx512"),
        target_feature(enable = "avx512bw,avx512vl,avx512vnni")
    )]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    one_tile, micro, Read, 1, 8, 1, 2, 3, 4, 5, 6, 7
}

/// `MR` tiles from `tile` on times `NR` activation rows from `row` on.
///
/// # Safety
/// `job` must cover these rows and tiles; `w` is where `R` reads the tiles from.
#[inline]
#[cfg_attr(
    not(feature = "emulate-avx512"),
    target_feature(enable = "avx512bw,avx512vl,avx512vnni")
)]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn micro<R: Read, const MR: usize, const NR: usize, const FETCH: bool>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    tile: usize,
    ahead: usize,
) {
    let (x, weights) = (job.activations(row), (w, job.tile_bytes));
    let mut acc = [[_mm512_setzero_ps(); NR]; MR];
    for block in 0..job.blocks {
        // SAFETY: all reads are inside the tiles and rows that the job has measured.
        unsafe {
            add_sub_block::<R, 0, MR, NR, FETCH>(&mut acc, &x, weights, block, ahead);
            if R::G.subs == 2 {
                add_sub_block::<R, 1, MR, NR, FETCH>(&mut acc, &x, weights, block, ahead);
            }
        }
    }
    for i in 0..MR {
        for t in 0..NR {
            // SAFETY: passed on to the caller.
            unsafe { store(job, acc[i][t], row + t, tile + i) };
        }
    }
}

/// One sub-block of the sums that `micro` computes.
///
/// # Safety
/// `w` must be the start of weights that `R` reads, of `MR` tiles of so many bytes; tiles and activations
/// must have the block.
#[inline]
#[cfg_attr(
    not(feature = "emulate-avx512"),
    target_feature(enable = "avx512bw,avx512vl,avx512vnni")
)]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_sub_block<
    R: Read,
    const SUB: usize,
    const MR: usize,
    const NR: usize,
    const FETCH: bool,
>(
    acc: &mut [[__m512; NR]; MR],
    x: &Pointers,
    (w, tile_bytes): (*const u8, usize),
    block: usize,
    ahead: usize,
) {
    let (g, steps) = (R::G, STEPS / R::G.subs);
    let mut sums = [[_mm512_setzero_si512(); NR]; MR];
    // SAFETY: promised by the caller.
    unsafe {
        if FETCH && SUB == 0 {
            R::fetch::<MR>(w, tile_bytes, block, ahead);
        }
        if g.zero != 0 {
            for t in 0..NR {
                let at = (t * x.blocks + block) * g.subs + SUB;
                let start = _mm512_set1_epi32(*x.corrections.add(at));
                for i in 0..MR {
                    sums[i][t] = start;
                }
            }
        }
        let q = x.codes.add(block * BLOCK);
        // Written out, so that shifts are by constants whatever the optimizer decides.
        macro_rules! steps {
            ($($i:literal)*) => { $(if $i < steps {
                let step = SUB * steps + $i;
                let codes = R::codes::<MR>(w, tile_bytes, block, step);
                dot::<MR, NR>(&mut sums, codes, q.add(4 * step), x.k);
            })* };
        }
        steps!(0 1 2 3 4 5 6 7);
        for i in 0..MR {
            let d = R::scales(w, tile_bytes, i, block, SUB);
            for t in 0..NR {
                let scale = _mm512_set1_ps(*x.scales.add(t * x.blocks + block));
                let sum = _mm512_cvtepi32_ps(sums[i][t]);
                acc[i][t] = _mm512_fmadd_ps(sum, _mm512_mul_ps(d, scale), acc[i][t]);
            }
            if g.has_min {
                let m = R::mins(w, tile_bytes, i, block, SUB);
                for t in 0..NR {
                    let at = (t * x.blocks + block) * g.subs + SUB;
                    let sum = _mm512_set1_ps(*x.scaled_sums.add(at));
                    acc[i][t] = _mm512_fmadd_ps(m, sum, acc[i][t]);
                }
            }
        }
    }
}

/// `sums[i][t] += codes[i] . q[t]`, four products per lane; `q` has rows at distance `k`.
///
/// # Safety
/// Four bytes must be readable at `q` and at each further row's distance.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512vnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
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

/// Writes the outputs of a tile in a row; lanes beyond the last output are masked off.
///
/// # Safety
/// `job` must cover the row and the tile.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn store(job: &Job<'_, '_>, mut acc: __m512, row: usize, tile: usize) {
    let mask = (u32::MAX >> (32 - job.lanes(tile))) as __mmask16;
    // SAFETY: row and tile are covered, and the mask ends at the last column.
    unsafe {
        let at = job.out(row, tile);
        if job.target.accumulate {
            acc = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, at), acc);
        }
        _mm512_mask_storeu_ps(at, mask, acc);
    }
}
