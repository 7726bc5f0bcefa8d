//! The tiles against the processor's, where it has them.

use crate::test_rng::Rng;
use crate::x86::emulated::amx as emulated;
use crate::x86::processor_amx as processor;
use crate::x86::shape::Shape;

/// Pairs of bf16 of moderate size; now and then a zero.
fn words(rng: &mut Rng) -> Vec<u32> {
    let mut half = || match rng.next_u64() {
        n if n.is_multiple_of(9) => 0,
        n => half::bf16::from_f32((n % 4001) as f32 / 1000.0 - 2.0).to_bits(),
    };
    (0..512).map(|_| u32::from(half()) | u32::from(half()) << 16).collect()
}

macro_rules! product {
    ($module:ident, $shape:expr, $a:expr, $b:expr) => {{
        let mut out = vec![0.5f32; 256];
        let at = out.as_mut_ptr().cast::<u8>();
        // SAFETY: tiles are at most 16 rows of 64 bytes, and the memory has as many.
        unsafe {
            $module::configure($shape);
            $module::zero::<2>();
            $module::load::<0>(at, 64);
            $module::load::<4>($a.as_ptr().cast(), 64);
            $module::load_passing::<6>($b.as_ptr().cast(), 128);
            $module::dot_bf16::<0, 4, 6>();
            $module::dot_bf16::<0, 4, 6>();
            $module::store::<0>(at, 64);
        }
        out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    }};
}

#[test]
fn products_of_tiles_have_the_processors_bits() {
    if !processor::is_available() {
        return;
    }
    let mut rng = Rng::new(7);
    for (rows, count) in [(16, 16), (1, 16), (16, 1), (5, 3), (9, 13)] {
        let shape = Shape { rows: [rows, 1], words: count };
        let (a, b) = (words(&mut rng), words(&mut rng));
        assert_eq!(product!(emulated, shape, a, b), product!(processor, shape, a, b));
    }
}

#[test]
fn a_product_of_tiles_is_its_sum() {
    let shape = Shape { rows: [2, 1], words: 3 };
    let (mut a, b) = (vec![0u32; 512], words(&mut Rng::new(3)));
    // One, in the upper element of the third pair of the second row.
    a[16 + 2] = 0x3f80_0000;
    let out = product!(emulated, shape, a, b);
    for col in 0..16 {
        assert_eq!(f32::from_bits(out[col]), 0.5);
        let value = f32::from_bits(b[2 * 32 + col] & 0xffff_0000);
        assert_eq!(f32::from_bits(out[16 + col]), 0.5 + value + value);
    }
}
