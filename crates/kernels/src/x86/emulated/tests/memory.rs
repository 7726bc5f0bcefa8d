//! Loads and stores, which take places instead of vectors.

use super::agree::{Same, bits, rounds, take};

/// Defines what a load and a store, a masked store and a masked load leave in memory.
macro_rules! through_memory {
    ($feature:literal) => {
        #[target_feature(enable = $feature)]
        pub(super) fn moved(k: u16, from: [f32; 16], onto: [f32; 16]) -> Vec<[u8; 64]> {
            let (mut whole, mut masked, mut zeroed, mut integers) = (onto, onto, onto, onto);
            // SAFETY: each array has the 64 bytes.
            unsafe {
                let all = _mm512_loadu_ps(from.as_ptr());
                _mm512_storeu_ps(whole.as_mut_ptr(), all);
                _mm512_mask_storeu_ps(masked.as_mut_ptr(), k, all);
                _mm512_storeu_ps(zeroed.as_mut_ptr(), _mm512_maskz_loadu_ps(k, from.as_ptr()));
                let words = _mm512_loadu_si512(from.as_ptr().cast());
                _mm512_storeu_si512(integers.as_mut_ptr().cast(), words);
            }
            [whole, masked, zeroed, integers].map(bytemuck::cast).to_vec()
        }
    };
}

mod emulated {
    use crate::x86::emulated::*;
    through_memory!("avx2");
}

mod processor {
    use std::arch::x86_64::*;
    through_memory!("avx512f");
}

#[test]
fn memory_agrees() {
    let names = ["loadu and storeu", "mask_storeu", "maskz_loadu", "integers"]
        .map(|name| (name, bits as Same));
    let has_avx512 = std::is_x86_feature_detected!("avx512f");
    rounds(names, has_avx512, |x| {
        let (k, from, onto) = (take(&x.c, 0), take(&x.a, 0), take(&x.b, 0));
        // SAFETY: `rounds` calls this where AVX2 is, and AVX-512 was asked for.
        unsafe {
            let real = has_avx512.then(|| processor::moved(k, from, onto));
            (emulated::moved(k, from, onto), [vec![None; 4], vec![None; 4]], real)
        }
    });
}
