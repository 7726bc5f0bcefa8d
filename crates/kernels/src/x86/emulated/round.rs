//! Rounding to binary places and scaling by powers of two.

use std::array::from_fn;

use super::types::__m512;

/// `a` rounded to `IMM8 >> 4` binary places, in the direction that its low three bits name.
#[inline(always)]
pub(crate) fn _mm512_roundscale_ps<const IMM8: i32>(a: __m512) -> __m512 {
    let scale = f64::from(1u32 << (IMM8 >> 4 & 15));
    // Exact before and after: f64 has room for the scale on both sides of every f32.
    __m512(a.0.map(|x| {
        let x = f64::from(x) * scale;
        let rounded = match IMM8 & 7 {
            1 => x.floor(),
            2 => x.ceil(),
            3 => x.trunc(),
            // To nearest, or as the processor is set, which in Rust is the same.
            _ => x.round_ties_even(),
        };
        (rounded / scale) as f32
    }))
}

/// What [`_mm512_roundscale_ps`] takes away from `a`, rounded in the same direction; nothing of
/// infinities.
#[inline(always)]
pub(crate) fn _mm512_reduce_ps<const IMM8: i32>(a: __m512) -> __m512 {
    let kept = _mm512_roundscale_ps::<IMM8>(a);
    __m512(from_fn(|i| {
        // Exact, but for what is too small beside what was kept.
        let exact = f64::from(a.0[i]) - f64::from(kept.0[i]);
        let nearest = exact as f32;
        match IMM8 & 7 {
            _ if a.0[i].is_infinite() => 0.0,
            1 if exact == 0.0 => -0.0,
            1 if f64::from(nearest) > exact || (a.0[i] < 0.0 && nearest >= 1.0) => {
                nearest.next_down()
            }
            _ => nearest,
        }
    }))
}

/// `a * 2^floor(b)`, rounded once.
///
/// Zero or infinity times an infinite power that leads away from it is NaN, but a quiet NaN times
/// an infinite power is that power.
#[inline(always)]
pub(crate) fn _mm512_scalef_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| {
        let (a, b) = (a.0[i], b.0[i]);
        let signals = a.is_nan() && a.to_bits() & 0x40_0000 == 0;
        if b.is_nan() || signals || (a.is_nan() && b.is_finite()) {
            return f32::NAN;
        }
        match (a.is_nan(), b == f32::INFINITY, b == f32::NEG_INFINITY) {
            (true, ..) => b.max(0.0),
            (_, true, _) => a * f32::INFINITY,
            (_, _, true) => a / f32::INFINITY,
            _ => {
                // Beyond 300 every nonzero `a` overflows, below -300 all vanish.
                let power = 2.0f64.powi(b.floor().clamp(-300.0, 300.0) as i32);
                (f64::from(a) * power) as f32
            }
        }
    }))
}
