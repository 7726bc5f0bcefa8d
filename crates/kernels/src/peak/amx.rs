//! Products of whole tiles, four sums being independent chains.

use crate::x86::amx::{self, SIDE, Shape};

/// `rounds` of products of tiles of bf16, sixteen in a round.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Amx`].
pub(super) unsafe fn bf16_ops(rounds: usize) -> f64 {
    const PRODUCTS: usize = 16;
    // SAFETY: promised by the caller; all eight tiles are configured and become zero.
    unsafe {
        amx::configure(Shape { rows: [SIDE as u8; 2], words: SIDE as u8 });
        amx::zero::<0>();
        amx::zero::<1>();
        amx::zero::<2>();
        amx::zero::<3>();
        amx::zero::<4>();
        amx::zero::<5>();
        amx::zero::<6>();
        amx::zero::<7>();
        for _ in 0..rounds * PRODUCTS / 4 {
            amx::dot_bf16::<0, 4, 6>();
            amx::dot_bf16::<1, 4, 7>();
            amx::dot_bf16::<2, 5, 6>();
            amx::dot_bf16::<3, 5, 7>();
        }
    }
    // A product is 16 by 16 sums of 32 multiplications.
    (rounds * PRODUCTS * SIDE * SIDE * 2 * SIDE * 2) as f64
}
