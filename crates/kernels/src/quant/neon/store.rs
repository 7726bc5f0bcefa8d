//! Writing what a product has computed.

use std::arch::aarch64::{float32x4_t, vaddq_f32, vld1q_f32, vst1q_f32};

use super::weights::LANES;
use crate::quant::job::Job;

/// Writes four outputs of a row from column `first` on; only those that exist.
///
/// # Safety
/// `job` must cover the row and the tile that the columns belong to.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn store(job: &Job<'_, '_>, mut sums: float32x4_t, row: usize, first: usize) {
    let lanes = job.target.n.saturating_sub(first).min(LANES);
    if lanes == 0 {
        return;
    }
    // SAFETY: this call alone writes these rows of this tile (see `Target`).
    let out = unsafe { job.target.lanes(row, first, lanes) };
    if lanes == LANES {
        // SAFETY: `out` is a register's worth.
        unsafe {
            if job.target.accumulate {
                sums = vaddq_f32(vld1q_f32(out.as_ptr()), sums);
            }
            vst1q_f32(out.as_mut_ptr(), sums);
        }
        return;
    }
    let mut values = [0.0f32; LANES];
    if job.target.accumulate {
        values[..lanes].copy_from_slice(out);
        // SAFETY: `values` is a register's worth.
        sums = vaddq_f32(unsafe { vld1q_f32(values.as_ptr()) }, sums);
    }
    // SAFETY: as above.
    unsafe { vst1q_f32(values.as_mut_ptr(), sums) };
    out.copy_from_slice(&values[..lanes]);
}
