//! Adam with decoupled weight decay, moments in 8 bits.

use super::adamw::AdamWFactors;
use super::dynamic_map::DynamicMap;
use super::split::split_rows;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level};

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
    moment1: Moment8bit<'_>,
    moment2: Moment8bit<'_>,
) {
    let len = values.len();
    assert_eq!(len, grads.len(), "values and gradients");
    for moment in [&moment1, &moment2] {
        assert_eq!(len, moment.codes.len(), "values and codes of a moment");
        assert_eq!(len.div_ceil(BLOCK_8BIT), moment.absmax.len(), "blocks and their scales");
    }
    let level = level();
    let (map1, map2) = (moment1.map, moment2.map);
    let (codes1, codes2) = (SharedMut::new(moment1.codes), SharedMut::new(moment2.codes));
    let (absmax2, values) = (SharedMut::new(moment2.absmax), SharedMut::new(values));
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
        let moment1 = Moment8bit { map: map1, codes: codes1, absmax: absmax1 };
        let moment2 = Moment8bit { map: map2, codes: codes2, absmax: absmax2 };
        update(level, *factors, values, &grads[part], moment1, moment2);
    });
}

leveled! {
    fn update(
        f: AdamWFactors,
        values: &mut [f32],
        grads: &[f32],
        moment1: Moment8bit<'_>,
        moment2: Moment8bit<'_>,
    ) {
        let mut blocks = values.chunks_mut(BLOCK_8BIT).zip(grads.chunks(BLOCK_8BIT));
        let mut codes1 = moment1.codes.chunks_mut(BLOCK_8BIT);
        let mut codes2 = moment2.codes.chunks_mut(BLOCK_8BIT);
        for (absmax1, absmax2) in moment1.absmax.iter_mut().zip(moment2.absmax) {
            let (Some((values, grads)), Some(codes1), Some(codes2)) =
                (blocks.next(), codes1.next(), codes2.next())
            else {
                return;
            };
            let (mut m, mut v) = ([0.0f32; BLOCK_8BIT], [0.0f32; BLOCK_8BIT]);
            let (mut largest1, mut largest2) = (0.0f32, 0.0f32);
            for i in 0..values.len() {
                let old1 = moment1.map.values()[usize::from(codes1[i])] * *absmax1;
                let old2 = moment2.map.values()[usize::from(codes2[i])] * *absmax2;
                (m[i], v[i]) = f.moments(grads[i], old1, old2);
                values[i] = f.value(values[i], m[i], v[i]);
                largest1 = largest1.max(m[i].abs());
                largest2 = largest2.max(v[i]);
            }
            *absmax1 = largest1;
            *absmax2 = largest2;
            round_block(moment1.map, &m, largest1, codes1, 0);
            round_block(moment2.map, &v, largest2, codes2, 1);
        }
    }
}

/// Codes of a block whose largest magnitude is `absmax`; of values above zero at least `lowest`.
#[inline(always)]
fn round_block(
    map: &DynamicMap,
    block: &[f32; BLOCK_8BIT],
    absmax: f32,
    codes: &mut [u8],
    lowest: u8,
) {
    // A block of zeros has any code times zero; the code of zero is as good as another.
    let inverse = if absmax > 0.0 { 1.0 / absmax } else { 0.0 };
    for (code, &value) in codes.iter_mut().zip(block) {
        let lowest = if value > 0.0 { lowest } else { 0 };
        *code = map.code(value * inverse).max(lowest);
    }
}
