//! One list of instructions, compared with two kinds of hardware.

use super::inputs::Inputs;
use crate::Level;
use crate::test_rng::Rng;

/// Rounds of random operands for every list.
const ROUNDS: usize = 20_000;

/// Defines a test of a list of `(operands) instruction = twin;`.
///
/// The twin, which can be left out, gets the `half`th part of each operand and gives that part of
/// the result. The instruction itself is tried where the processor has the features named.
macro_rules! agree {
    (
        $test:ident needs [$($feature:tt),+]
        $($same:ident $operands:tt $name:path $(= $twin:path)?;)+
    ) => {
        #[test]
        fn $test() {
            #[target_feature(enable = "avx2,fma,f16c")]
            fn emulated(x: &Inputs) -> Vec<[u8; 64]> {
                use crate::x86::emulated::*;
                vec![$(bytes(&call!($name, x, 0, $operands))),+]
            }

            #[target_feature($(enable = $feature),+)]
            fn processor(x: &Inputs) -> Vec<[u8; 64]> {
                vec![$(bytes(&call!($name, x, 0, $operands))),+]
            }

            #[target_feature(enable = "avx2,fma,f16c")]
            fn twins(x: &Inputs, half: usize) -> Vec<Twin> {
                let _ = (x, half);
                vec![$(None $(.or(Some(sized(&call!($twin, x, half, $operands)))))?),+]
            }

            let names = [$((stringify!($name), $same as Same)),+];
            let has_avx512 = true $(&& std::is_x86_feature_detected!($feature))+;
            // SAFETY: `rounds` calls this where AVX2 is, and AVX-512 was asked for.
            rounds(names, has_avx512, |x| unsafe {
                let real = has_avx512.then(|| processor(x));
                (emulated(x), [twins(x, 0), twins(x, 1)], real)
            });
        }
    };
}
pub(super) use agree;

/// Calls a function with the given part of each operand.
macro_rules! call {
    ($function:path, $x:ident, $part:expr, ($($operand:ident),+)) => {
        $function($(take(&$x.$operand, $part)),+)
    };
}
pub(super) use call;

/// Whether two 32-bit lanes of results are the same.
pub(super) type Same = fn(u32, u32) -> bool;

/// The same bits.
pub(super) fn bits(a: u32, b: u32) -> bool {
    a == b
}

/// The same bits, or both some NaN.
pub(super) fn float(a: u32, b: u32) -> bool {
    a == b || (f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan())
}

/// The result of a twin, if there is one, and its size.
pub(super) type Twin = Option<(usize, [u8; 64])>;

/// Results of the emulation, of the twins on each half, and of the processor.
type Results = (Vec<[u8; 64]>, [Vec<Twin>; 2], Option<Vec<[u8; 64]>>);

/// Compares the results of many random operands.
pub(super) fn rounds<const N: usize>(
    names: [(&str, Same); N],
    has_avx512: bool,
    results: impl Fn(&Inputs) -> Results,
) {
    assert_eq!(Level::Avx2.missing_feature(), None);
    if !has_avx512 {
        println!("not compared with AVX-512 itself, which this processor lacks");
    }
    let mut rng = Rng::new(11);
    for round in 0..ROUNDS {
        let x = Inputs::new(&mut rng);
        let (ours, twins, real) = results(&x);
        for (i, (name, same)) in names.into_iter().enumerate() {
            for (half, twins) in twins.iter().enumerate() {
                if let Some((size, twin)) = twins[i] {
                    let mut part = [0; 64];
                    part[..size].copy_from_slice(&ours[i][half * size..][..size]);
                    check(&format!("{name}, half {half}, round {round}"), same, &part, &twin);
                }
            }
            if let Some(real) = &real {
                check(&format!("{name}, round {round}"), same, &ours[i], &real[i]);
            }
        }
    }
}

fn check(what: &str, same: Same, ours: &[u8; 64], hardware: &[u8; 64]) {
    let (ours, hardware): ([u32; 16], [u32; 16]) =
        (bytemuck::cast(*ours), bytemuck::cast(*hardware));
    for (lane, (ours, hardware)) in ours.into_iter().zip(hardware).enumerate() {
        assert!(same(ours, hardware), "{what}, lane {lane}: {ours:#x} instead of {hardware:#x}");
    }
}

/// The part of a vector that fills a `T`, a vector or a mask of numbers.
pub(super) fn take<T: Copy>(from: &[u8; 64], part: usize) -> T {
    assert!((part + 1) * size_of::<T>() <= 64);
    // SAFETY: in bounds, and every bit pattern is a valid vector or mask.
    unsafe { from.as_ptr().add(part * size_of::<T>()).cast::<T>().read_unaligned() }
}

/// The bytes of a vector, a mask or a number, then zeros.
pub(super) fn bytes<T: Copy>(value: &T) -> [u8; 64] {
    let mut bytes = [0; 64];
    assert!(size_of::<T>() <= 64);
    // SAFETY: the sizes were compared, and none of these types has padding.
    unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(*value) };
    bytes
}

/// The size of a twin's result, and its bytes.
pub(super) fn sized<T: Copy>(value: &T) -> (usize, [u8; 64]) {
    (size_of::<T>(), bytes(value))
}
