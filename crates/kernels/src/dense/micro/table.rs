//! Which micro-kernel works at which level and on which element type.

#[cfg(target_arch = "aarch64")]
use super::neon;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx2, avx512};
use super::{scalar, tile::Tile};
use crate::Level;
use crate::dense::convert::DenseType;

/// One entry of the table.
pub(in crate::dense) struct Kernel {
    /// Panels of a register tile: the unit by which threads split columns.
    pub(in crate::dense) panels: usize,
    /// Panels that one call takes at most.
    pub(in crate::dense) panels_at_once: usize,
    /// Rows per register tile: the unit by which threads split rows.
    pub(in crate::dense) rows: usize,
    /// Whether the steps of a row must stand next to each other.
    pub(in crate::dense) contiguous: bool,
    /// Computes `num_panels <= panels_at_once` panels for any number of rows.
    ///
    /// Safety: the operands cover the shape, the machine has the level, and the output is
    /// exclusive.
    pub(in crate::dense) run: unsafe fn(tile: &Tile, num_panels: usize, num_rows: usize),
}

/// The kernel of a level and element type.
pub(in crate::dense) fn kernel(level: Level, dtype: DenseType) -> &'static Kernel {
    match (level, dtype) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512 | Level::Amx, DenseType::F32) => &avx512::F32,
        #[cfg(target_arch = "x86_64")]
        (Level::Amx, DenseType::Bf16) if multiplies_bf16(level) => &amx::BF16,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DenseType::Bf16) if multiplies_bf16(level) => &avx512::BF16,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512 | Level::Amx, DenseType::Bf16) => &avx512::BF16_WIDENED,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DenseType::F32) => &avx2::F32,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DenseType::Bf16) => &avx2::BF16,
        #[cfg(target_arch = "aarch64")]
        (Level::Neon, DenseType::F32) => &neon::F32,
        #[cfg(target_arch = "aarch64")]
        (Level::Neon, DenseType::Bf16) => &neon::BF16,
        (_, DenseType::F32) => &scalar::F32,
        (_, DenseType::Bf16) => &scalar::BF16,
    }
}

/// The type in which weights that are unpacked for a product are multiplied: the fastest that keeps 8
/// bits of precision or more.
pub(crate) fn precise_type(level: Level) -> DenseType {
    if multiplies_bf16(level) { DenseType::Bf16 } else { DenseType::F32 }
}

/// Whether the level's products use an instruction that multiplies bf16.
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(unused_variables, reason = "no level of other processors uses one")
)]
pub(crate) fn multiplies_bf16(level: Level) -> bool {
    #[cfg(test)]
    if WIDENS.get() {
        return false;
    }
    #[cfg(target_arch = "x86_64")]
    return level >= Level::Avx512 && crate::level::avx512_has_bf16();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
thread_local! {
    static WIDENS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `job` with this thread's products widening bf16 even where an instruction multiplies it:
/// tests reach both kernels on one machine.
#[cfg(test)]
pub(crate) fn with_widened_bf16<T>(job: impl FnOnce() -> T) -> T {
    let before = WIDENS.replace(true);
    let result = job();
    WIDENS.set(before);
    result
}
