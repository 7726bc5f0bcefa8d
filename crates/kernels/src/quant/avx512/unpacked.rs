//! Two tiles unpacked into memory, for products with so many rows that reading bytes and floats again
//! and again costs less than unpacking again and again.
//!
//! A block is the codes of its steps, then the scales of its sub-blocks, then their minima if there are
//! such: a vector for each of the two tiles.

use std::marker::PhantomData;

use super::read::Read;
use super::weights;
use crate::AlignedBuf;
use crate::quant::geometry::{Geometry, Packed, STEPS, VECTOR};
use crate::quant::job::Job;
use crate::quant::matrix::GROUP;
use crate::x86::{
    __m512, __m512i, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_setzero_si512, _mm512_storeu_ps,
    _mm512_storeu_si512,
};

/// Rows from which tiles are unpacked first.
pub(super) const UNPACK_FROM: usize = 36;

/// Bytes of unpacked tiles that stay in the first-level cache beside activations.
const FIRST_LEVEL: usize = 36 << 10;
/// Bytes that stay in the second.
const SECOND_LEVEL: usize = 512 << 10;

/// Whether two tiles of so many blocks are unpacked first.
///
/// Codes of four or eight bits without more to them take so few instructions that there is nothing to
/// win. With two scales a block a product in registers runs out of those: it is slower than one from
/// the second-level cache.
pub(super) const fn is_unpacked(g: &Geometry, blocks: usize) -> bool {
    let limit = if g.subs == 2 { SECOND_LEVEL } else { FIRST_LEVEL };
    let is_plain = !g.is_super() && g.high_bits == 0 && g.table.is_none();
    !is_plain && blocks * block_bytes(g) <= limit
}

/// Bytes of a block of both tiles.
const fn block_bytes(g: &Geometry) -> usize {
    let sub_vectors = if g.has_min { 2 } else { 1 };
    GROUP * (STEPS + g.subs * sub_vectors) * VECTOR
}

/// Where the codes of a step are within a block.
const fn codes_at(step: usize, tile: usize) -> usize {
    (step * GROUP + tile) * VECTOR
}

/// Where the scales of a sub-block are within a block.
const fn scales_at(sub: usize, tile: usize) -> usize {
    codes_at(STEPS + sub, tile)
}

/// Where the minima of a sub-block are within a block.
const fn mins_at(g: &Geometry, sub: usize, tile: usize) -> usize {
    codes_at(STEPS + g.subs + sub, tile)
}

/// Unpacks the two tiles from `w` on into `memory`, and fetches the two after them.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`]; `w` must be the start of two tiles
/// of the job's weights, which have format `P`.
#[cfg_attr(
    not(feature = "emulate-avx512"),
    target_feature(enable = "avx512bw,avx512vl,avx512vnni")
)]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn unpack_two<P: Packed>(
    w: *const u8,
    job: &Job<'_, '_>,
    memory: &mut AlignedBuf<u8>,
) -> *const u8 {
    let (g, tile_bytes) = (P::G, job.tile_bytes);
    memory.grow(job.blocks * block_bytes(&g));
    let start = memory.as_mut_ptr();
    for block in 0..job.blocks {
        // SAFETY: the tiles have the block, and `memory` has as many.
        unsafe {
            let (codes, out) = (w.add(g.codes_at(block)), start.add(block * block_bytes(&g)));
            weights::fetch::<P, GROUP>(codes, tile_bytes, GROUP * tile_bytes);
            // Written out, so that shifts are by constants whatever the optimizer decides.
            macro_rules! steps {
                ($($step:literal)*) => { $(
                    let two = weights::codes::<P, GROUP>(codes, tile_bytes, $step);
                    _mm512_storeu_si512(out.add(codes_at($step, 0)).cast(), two[0]);
                    _mm512_storeu_si512(out.add(codes_at($step, 1)).cast(), two[1]);
                )* };
            }
            steps!(0 1 2 3 4 5 6 7);
            for sub in 0..g.subs {
                for tile in 0..GROUP {
                    let w = w.add(tile * tile_bytes);
                    let d = weights::scales::<P>(w, block, sub);
                    _mm512_storeu_ps(out.add(scales_at(sub, tile)).cast(), d);
                    if g.has_min {
                        let m = weights::mins::<P>(w, block, sub);
                        _mm512_storeu_ps(out.add(mins_at(&g, sub, tile)).cast(), m);
                    }
                }
            }
        }
    }
    start
}

/// What [`unpack_two`] has made; `w` is the start of that.
pub(super) struct Unpacked<P>(PhantomData<P>);

impl<P: Packed> Read for Unpacked<P> {
    const G: Geometry = P::G;

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn codes<const MR: usize>(
        w: *const u8,
        _tile_bytes: usize,
        block: usize,
        step: usize,
    ) -> [__m512i; MR] {
        const { assert!(MR == GROUP) };
        let at = w.wrapping_add(block * block_bytes(&P::G));
        let mut codes = [_mm512_setzero_si512(); MR];
        for i in 0..MR {
            // SAFETY: promised by the caller.
            codes[i] = unsafe { _mm512_loadu_si512(at.add(codes_at(step, i)).cast()) };
        }
        codes
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn scales(
        w: *const u8,
        _tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512 {
        let at = block * block_bytes(&P::G) + scales_at(sub, tile);
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_ps(w.add(at).cast()) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn mins(
        w: *const u8,
        _tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512 {
        let at = block * block_bytes(&P::G) + mins_at(&P::G, sub, tile);
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_ps(w.add(at).cast()) }
    }

    /// Nothing: the next tiles were fetched when these were unpacked.
    #[inline]
    unsafe fn fetch<const MR: usize>(_: *const u8, _: usize, _: usize, _: usize) {}
}
