//! Registers of NEON.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vdivq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vmaxnmq_f32, vmulq_f32,
    vst1q_f32, vsubq_f32,
};

use super::{Vector, register_functions};

impl Vector for float32x4_t {
    const LANES: usize = 4;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(value: f32) -> Self {
        vdupq_n_f32(value)
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(at: *const f32) -> Self {
        // SAFETY: promised by the caller.
        unsafe { vld1q_f32(at) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(self, at: *mut f32) {
        // SAFETY: promised by the caller.
        unsafe { vst1q_f32(at, self) }
    }

    register_functions! {
        [#[target_feature(enable = "neon")]]
        add(a, b) = vaddq_f32(a, b);
        sub(a, b) = vsubq_f32(a, b);
        mul(a, b) = vmulq_f32(a, b);
        div(a, b) = vdivq_f32(a, b);
        max(a, b) = vmaxnmq_f32(a, b);
        mul_add(a, b, c) = vfmaq_f32(c, a, b);
    }
}
