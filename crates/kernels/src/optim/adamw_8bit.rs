//! Adam with decoupled weight decay, moments in 8 bits.

use super::adamw::AdamWFactors;
use super::dynamic_map::DynamicMap;
use super::split::split_rows;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Level, Pool, level};

/// Values that share one scale.
pub const BLOCK_8BIT: usize = 256;

/// A moment in 8 bits: the value of code `i` is `map[codes[i]] * absmax[i / BLOCK_8BIT]`.
pub struct Moment8bit<'a> {
    /// What the codes mean, as fractions of the largest magnitude of their block.
    pub map: &'a DynamicMap,
    /// One code per value.
    pub codes: &'a mut [u8],
    /// Largest magnitude of each block; the last block may be short.
    pub absmax: &'a mut [f32],
}

/// One step of [`super::adamw_update`] with block-wise quantized moments.
///
/// The step itself uses the new moments before they are rounded again, as bitsandbytes does. Unlike
/// there, a second moment above zero never rounds to zero: its root divides the first moment, which
/// is not as small, and values whose gradients are a thousandth of their block's would run away.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
///
/// # Source
/// Dettmers et al. 2022, arXiv:2110.02861; `optimizer_update_8bit_blockwise` of bitsandbytes for
/// the CPU, rounding to the nearest code (see [`DynamicMap`]).
pub fn adamw_update_8bit(
    pool: &Pool,
    factors: &AdamWFactors,
    values: &mut [f32],
    grads: &[f32],
    moment1: &mut Moment8bit<'_>,
    moment2: &mut Moment8bit<'_>,
) {
    let len = values.len();
    assert_eq!(len, grads.len(), "values and gradients");
    for moment in [&*moment1, &*moment2] {
        assert_eq!(len, moment.codes.len(), "values and codes of a moment");
        assert_eq!(len.div_ceil(BLOCK_8BIT), moment.absmax.len(), "blocks and their scales");
    }
    let level = level();
    let (map1, map2) = (moment1.map, moment2.map);
    let (codes1, codes2) =
        (SharedMut::new(&mut *moment1.codes), SharedMut::new(&mut *moment2.codes));
    let (absmax2, values) = (SharedMut::new(&mut *moment2.absmax), SharedMut::new(values));
    split_rows(pool, len, moment1.absmax, 1, &|blocks, absmax1| {
        let part = blocks.start * BLOCK_8BIT..len.min(blocks.end * BLOCK_8BIT);
        // SAFETY: different threads have different blocks, and so different values of them.
        let (codes1, codes2, absmax2, values) = unsafe {
            (
                codes1.range(part.clone()),
                codes2.range(part.clone()),
                absmax2.range(blocks),
                values.range(part.clone()),
            )
        };
        let mut moment1 = Moment8bit { map: map1, codes: codes1, absmax: absmax1 };
        let mut moment2 = Moment8bit { map: map2, codes: codes2, absmax: absmax2 };
        update(level, *factors, values, &grads[part], &mut moment1, &mut moment2);
    });
}

/// The blocks of one thread, of which the last may be short.
fn update(
    level: Level,
    f: AdamWFactors,
    values: &mut [f32],
    grads: &[f32],
    moment1: &mut Moment8bit<'_>,
    moment2: &mut Moment8bit<'_>,
) {
    let (value_blocks, value_rest) = values.as_chunks_mut::<BLOCK_8BIT>();
    let (grad_blocks, grad_rest) = grads.as_chunks::<BLOCK_8BIT>();
    let (code1_blocks, code1_rest) = moment1.codes.as_chunks_mut::<BLOCK_8BIT>();
    let (code2_blocks, code2_rest) = moment2.codes.as_chunks_mut::<BLOCK_8BIT>();
    let maps = (moment1.map, moment2.map);
    let mut scales = moment1.absmax.iter_mut().zip(moment2.absmax.iter_mut());
    let blocks = value_blocks.iter_mut().zip(grad_blocks);
    let blocks = blocks.zip(code1_blocks.iter_mut().zip(code2_blocks));
    for (((values, grads), (codes1, codes2)), scales) in blocks.zip(&mut scales) {
        update_block(level, f, maps, values, grads, (codes1, codes2), scales);
    }
    let Some(scales) = scales.next() else { return };
    // Behind a short block stand values, gradients and moments of zero, which do not change its
    // scales.
    let mut values = padded(value_rest, 0.0);
    let grads = padded(grad_rest, 0.0);
    let mut codes1 = padded(code1_rest, maps.0.code(0.0));
    let mut codes2 = padded(code2_rest, maps.1.code(0.0));
    update_block(level, f, maps, &mut values, &grads, (&mut codes1, &mut codes2), scales);
    value_rest.copy_from_slice(&values[..value_rest.len()]);
    code1_rest.copy_from_slice(&codes1[..code1_rest.len()]);
    code2_rest.copy_from_slice(&codes2[..code2_rest.len()]);
}

fn padded<T: Copy>(rest: &[T], fill: T) -> [T; BLOCK_8BIT] {
    let mut block = [fill; BLOCK_8BIT];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// One block: decode, step, encode, in loops that vectorize but for the looking up in tables.
fn update_block(
    level: Level,
    f: AdamWFactors,
    (map1, map2): (&DynamicMap, &DynamicMap),
    values: &mut [f32; BLOCK_8BIT],
    grads: &[f32; BLOCK_8BIT],
    (codes1, codes2): (&mut [u8; BLOCK_8BIT], &mut [u8; BLOCK_8BIT]),
    (absmax1, absmax2): (&mut f32, &mut f32),
) {
    let (mut m, mut v) = ([0.0; BLOCK_8BIT], [0.0; BLOCK_8BIT]);
    map1.decode(codes1, &mut m);
    map2.decode(codes2, &mut v);
    step_block(level, f, values, grads, &mut m, absmax1, &mut v, absmax2);
    map1.encode(level, &m, (*absmax1, 0), codes1);
    map2.encode(level, &v, (*absmax2, 1), codes2);
}

leveled! {
    /// Moves values along their moments, which come as fractions of their largest magnitudes; leaves
    /// the new ones and their largest magnitudes.
    fn step_block(
        f: AdamWFactors,
        values: &mut [f32; BLOCK_8BIT],
        grads: &[f32; BLOCK_8BIT],
        m: &mut [f32; BLOCK_8BIT],
        absmax1: &mut f32,
        v: &mut [f32; BLOCK_8BIT],
        absmax2: &mut f32,
    ) {
        let (mut largest1, mut largest2) = ([0.0f32; 16], [0.0f32; 16]);
        for i in (0..BLOCK_8BIT).step_by(16) {
            for lane in 0..16 {
                let at = i + lane;
                (m[at], v[at]) = f.moments(grads[at], m[at] * *absmax1, v[at] * *absmax2);
                values[at] = f.value(values[at], m[at], v[at]);
                largest1[lane] = larger(largest1[lane], m[at].abs());
                largest2[lane] = larger(largest2[lane], v[at]);
            }
        }
        *absmax1 = largest1.into_iter().fold(0.0, larger);
        *absmax2 = largest2.into_iter().fold(0.0, larger);
    }
}

/// The larger one, or the first if the second is not a number.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}
