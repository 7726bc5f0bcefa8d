//! Results worked out by hand: what has no shorter twin, and the corners of definitions.

use std::array::from_fn;

use crate::x86::emulated::*;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// 0, 1, 2 and so on.
fn counted() -> __m512 {
    __m512(from_fn(|i| i as f32))
}

fn assert_lanes(found: __m512, expected: [f32; 16]) {
    assert_eq!(found.0.map(f32::to_bits), expected.map(f32::to_bits), "{found:?} {expected:?}");
}

/// A value in every bf16 lane of even number, another in those between.
fn pairs(low: f32, high: f32) -> __m512bh {
    let [low, high] = [low, high].map(|x| half::bf16::from_f32(x).to_bits());
    __m512bh(from_fn(|i| if i % 2 == 0 { low } else { high }))
}

#[test]
fn constants_are_in_every_lane() {
    assert_eq!(_mm512_set1_epi8(-2).0, [i32::from_ne_bytes([0xfe; 4]); 16]);
    assert_eq!(_mm512_set1_epi16(0x1234).0, [0x1234_1234; 16]);
    assert_eq!(_mm512_set1_epi32(-7).0, [-7; 16]);
    assert_lanes(_mm512_set1_ps(-0.0), [-0.0; 16]);
    assert_lanes(_mm512_setzero_ps(), [0.0; 16]);
    assert_eq!(_mm512_setzero_si512().0, [0; 16]);
}

#[test]
fn casts_keep_bits() {
    let v = counted();
    assert_eq!(_mm512_castps_si512(v).0, v.0.map(|x| x.to_bits().cast_signed()));
    assert_lanes(_mm512_castsi512_ps(_mm512_castps_si512(v)), v.0);
    let low: [f32; 4] = bytemuck::cast(_mm512_castps512_ps128(v));
    assert_eq!(low, [0.0, 1.0, 2.0, 3.0]);
    let low: [i32; 4] = bytemuck::cast(_mm512_castsi512_si128(__m512i(from_fn(|i| i as i32))));
    assert_eq!(low, [0, 1, 2, 3]);
}

#[test]
fn lanes_move_where_the_operands_say() {
    // Only the low four bits count.
    let backwards = __m512i(from_fn(|i| 31 - i as i32));
    assert_lanes(_mm512_permutexvar_ps(backwards, counted()), from_fn(|i| 15.0 - i as f32));
    let numbers = __m512i(from_fn(|i| 100 + i as i32));
    let other = __m512i(from_fn(|i| 200 + i as i32));
    let moved = _mm512_shuffle_i32x4::<0b01_00_11_10>(numbers, other).0;
    assert_eq!(moved.map(|x| x % 100 / 4), [2, 2, 2, 2, 3, 3, 3, 3, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert_eq!(moved.map(|x| x / 100), from_fn(|i| if i < 8 { 1 } else { 2 }));
    assert_eq!(moved.map(|x| x % 4), from_fn(|i| i as i32 % 4));
    let moved = _mm512_shuffle_i32x4::<0b10_11_00_01>(numbers, numbers).0;
    assert_eq!(moved, from_fn(|i| 100 + (i as i32 ^ 4)));
}

#[test]
fn masked_memory_is_left_alone() {
    let values: [f32; 20] = from_fn(|i| i as f32);
    // SAFETY: 16 values follow the third; nothing follows the last but one, and nothing is read.
    unsafe {
        let at = values.as_ptr();
        assert_lanes(_mm512_loadu_ps(at.add(3)), from_fn(|i| i as f32 + 3.0));
        assert_lanes(
            _mm512_castsi512_ps(_mm512_loadu_si512(at.add(1).cast())),
            from_fn(|i| i as f32 + 1.0),
        );
        let loaded = _mm512_maskz_loadu_ps(0b11, at.add(18));
        assert_lanes(loaded, from_fn(|i| if i < 2 { 18.0 + i as f32 } else { 0.0 }));
    }
    let mut out = [-1.0f32; 18];
    // SAFETY: as above.
    unsafe {
        _mm512_storeu_ps(out.as_mut_ptr().add(1), counted());
        assert_eq!(out, from_fn(|i| if (1..17).contains(&i) { i as f32 - 1.0 } else { -1.0 }));
        _mm512_mask_storeu_ps(out.as_mut_ptr().add(15), 0b101, _mm512_set1_ps(7.0));
    }
    assert_eq!(out[14..], [13.0, 7.0, 15.0, 7.0]);
}

#[test]
fn products_of_bytes_are_unsigned_by_signed_and_do_not_saturate() {
    let (a, b) = ([255u8, 1, 255, 2], [-128i8, 7, -128, -3]);
    let expected = 5 - 2 * 255 * 128 + 7 - 6;
    let wide =
        _mm512_dpbusd_epi32(__m512i([5; 16]), bytemuck::cast([a; 16]), bytemuck::cast([b; 16]));
    assert_eq!(wide.0, [expected; 16]);
    let operands = (bytemuck::cast([5; 8]), bytemuck::cast([a; 8]), bytemuck::cast([b; 8]));
    let half: [i32; 8] =
        bytemuck::cast(_mm256_dpbusd_avx_epi32(operands.0, operands.1, operands.2));
    assert_eq!(half, [expected; 8]);
}

#[test]
fn bf16_products_come_high_first_and_are_rounded_each() {
    let check = |sum: f32, a: (f32, f32), b: (f32, f32), expected: f32| {
        let found = _mm512_dpbf16_ps(_mm512_set1_ps(sum), pairs(a.0, a.1), pairs(b.0, b.1));
        assert_lanes(found, [expected; 16]);
    };
    check(1.0, (2.0, 3.0), (5.0, 7.0), 32.0);
    // The upper product cancels the sum before the lower one is lost in it, not after.
    check(1e30f32, (1.0, 0.0), (1.0, 0.0), 1e30);
    let big = half::bf16::from_f32(1e30).to_f32();
    check(-big, (1.0, big), (1.0, 1.0), 1.0);
    check(-big, (big, 1.0), (1.0, 1.0), 0.0);
    // 1 + 2^-24 is a tie that goes to 1, twice; together they would not.
    let tiny = 2.0f32.powi(-12);
    check(1.0, (tiny, tiny), (tiny, tiny), 1.0);
    // The product itself is not rounded: 1 - (1 + 2^-7)^2 = -(2^-6 + 2^-14).
    let x = 1.0 + 2.0f32.powi(-7);
    check(1.0, (0.0, -x), (0.0, x), -(2.0f32.powi(-6) + 2.0f32.powi(-14)));
}

#[test]
fn bf16_products_know_no_subnormal_numbers() {
    let min = f32::MIN_POSITIVE;
    let check = |sum: f32, a: f32, b: f32, expected: f32| {
        let found = _mm512_dpbf16_ps(_mm512_set1_ps(sum), pairs(0.0, a), pairs(0.0, b));
        // The lower product adds a zero, and the sum of zeros of both signs is positive.
        assert_lanes(found, [expected; 16]);
    };
    check(min, 0.0, 0.0, min);
    check(min / 2.0, 0.0, 0.0, 0.0);
    check(0.0, min / 2.0, 4.0, 0.0);
    check(min / 2.0, min, 1.0, min);
    check(0.0, min, 0.5, 0.0);
    check(min * 1.5, min, -1.0, 0.0);
    // A quarter of a subnormal's last bit below the smallest normal number still rounds to it, in
    // as many bits as a normal number has; more does not, though as a subnormal it would.
    let bit = 2.0f32.powi(-149);
    let shift = 2.0f32.powi(64);
    check(min, -bit * shift, 0.25 / shift, min);
    check(min, -bit * shift, 0.375 / shift, 0.0);
    check(min, -bit * shift, 0.5 / shift, 0.0);
    check(min, -bit * shift, 0.75 / shift, 0.0);
}

#[test]
fn scaling_is_by_the_power_below() {
    let check = |a: f32, b: f32, expected: f32| {
        let found = _mm512_scalef_ps(_mm512_set1_ps(a), _mm512_set1_ps(b)).0[7];
        assert!(
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
            "{a} {b}: {found}"
        );
    };
    check(3.0, 2.9, 12.0);
    check(3.0, -0.1, 1.5);
    check(3.0, -1e-45, 1.5);
    check(1e-45, 140.0, 1e-45 * 2.0f32.powi(70) * 2.0f32.powi(70));
    check(1.0, 128.0, INF);
    check(-1.0, 1e30, -INF);
    check(-1.0, -1e30, -0.0);
    // Rounded once, to even: 2^-150 is a tie that goes to 0, three times as much to 2 * 2^-149.
    check(1.0, -150.0, 0.0);
    check(3.0, -150.0, 2.0 * 1e-45);
    for (a, b, expected) in [
        (NAN, 1.0, NAN),
        (NAN, NAN, NAN),
        (NAN, INF, INF),
        (NAN, -INF, 0.0),
        (f32::from_bits(0x7f80_0001), INF, NAN),
        (INF, NAN, NAN),
        (-INF, INF, -INF),
        (INF, -INF, NAN),
        (-INF, -5.0, -INF),
        (0.0, NAN, NAN),
        (0.0, INF, NAN),
        (-0.0, -INF, -0.0),
        (-0.0, 9.0, -0.0),
        (2.0, NAN, NAN),
        (-2.0, INF, -INF),
        (-2.0, -INF, -0.0),
    ] {
        check(a, b, expected);
    }
}

#[test]
fn rounding_keeps_binary_places() {
    let round = |x: f32| {
        [
            _mm512_roundscale_ps::<0x18>(_mm512_set1_ps(x)).0[0],
            _mm512_roundscale_ps::<0x19>(_mm512_set1_ps(x)).0[0],
            _mm512_roundscale_ps::<0x1a>(_mm512_set1_ps(x)).0[0],
            _mm512_roundscale_ps::<0x1b>(_mm512_set1_ps(x)).0[0],
        ]
    };
    assert_eq!(round(1.25), [1.0, 1.0, 1.5, 1.0]);
    assert_eq!(round(-1.75), [-2.0, -2.0, -1.5, -1.5]);
    assert_eq!(round(3.3e38), [3.3e38; 4]);
    assert!(round(-0.2)[0].is_sign_negative());
    assert_eq!(round(INF), [INF; 4]);
    assert!(round(NAN).iter().all(|x| x.is_nan()));
}
