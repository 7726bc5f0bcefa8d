//! Where a product reads the weights of its tiles.

use std::marker::PhantomData;

use super::weights;
use crate::quant::geometry::{Geometry, Packed};
use crate::x86::{__m512, __m512i};

/// Weights of one or two tiles that begin at some place.
///
/// # Safety
/// All functions need the features of [`crate::Level::Avx512`], and `w` must be that place and have the
/// tiles and the block.
pub(super) trait Read {
    /// What the codes mean.
    const G: Geometry;

    /// The unsigned codes of a step in each of `MR` tiles.
    unsafe fn codes<const MR: usize>(
        w: *const u8,
        tile_bytes: usize,
        block: usize,
        step: usize,
    ) -> [__m512i; MR];

    /// The 16 scales of a sub-block of a tile.
    unsafe fn scales(
        w: *const u8,
        tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512;

    /// Its 16 minima; only for formats with minima.
    unsafe fn mins(
        w: *const u8,
        tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512;

    /// Prefetches what stands `ahead` bytes after the codes of the block in each of `MR` tiles.
    unsafe fn fetch<const MR: usize>(w: *const u8, tile_bytes: usize, block: usize, ahead: usize);
}

/// Tiles as they are kept, unpacked in registers; `w` is the start of the first.
pub(super) struct InPlace<P>(PhantomData<P>);

impl<P: Packed> Read for InPlace<P> {
    const G: Geometry = P::G;

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn codes<const MR: usize>(
        w: *const u8,
        tile_bytes: usize,
        block: usize,
        step: usize,
    ) -> [__m512i; MR] {
        // SAFETY: promised by the caller.
        unsafe { weights::codes::<P, MR>(w.add(P::G.codes_at(block)), tile_bytes, step) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn scales(
        w: *const u8,
        tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512 {
        // SAFETY: promised by the caller.
        unsafe { weights::scales::<P>(w.add(tile * tile_bytes), block, sub) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn mins(
        w: *const u8,
        tile_bytes: usize,
        tile: usize,
        block: usize,
        sub: usize,
    ) -> __m512 {
        // SAFETY: promised by the caller.
        unsafe { weights::mins::<P>(w.add(tile * tile_bytes), block, sub) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn fetch<const MR: usize>(w: *const u8, tile_bytes: usize, block: usize, ahead: usize) {
        weights::fetch::<P, MR>(w.wrapping_add(P::G.codes_at(block)), tile_bytes, ahead);
    }
}
