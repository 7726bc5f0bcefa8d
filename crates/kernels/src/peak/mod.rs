//! What this machine can do at most: the yardsticks that products and memory reads are held to.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod measure;
#[cfg(target_arch = "aarch64")]
mod neon;

pub use measure::{Peaks, measure_peaks, measure_read};
