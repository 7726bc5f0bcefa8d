//! The matrix registers of Intel's processors (AMX): eight tiles of at most 16 rows by 64 bytes.
//!
//! No compiled code uses them but what is here: the standard library's functions for them are not
//! stable, so the instructions stand in `asm!`, which knows them by name.

use std::arch::asm;
use std::cell::Cell;

pub(crate) use super::shape::{SIDE, Shape};

thread_local! {
    /// The shape that this thread's tiles have.
    static SHAPE: Cell<Option<Shape>> = const { Cell::new(None) };
}

/// Whether the processor has tiles and products of bf16, and the system lets this process use them.
pub(crate) fn is_available() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    const TILE_AND_BF16: u32 = 1 << 24 | 1 << 22;
    const OSXSAVE: u32 = 1 << 27;
    /// Bits of XCR0: the tiles' configuration and their data.
    const STATES: u64 = 1 << 17 | 1 << 18;
    #[target_feature(enable = "xsave")]
    fn enabled_states() -> u64 {
        // SAFETY: the caller has seen that the system enabled the instruction.
        unsafe { _xgetbv(0) }
    }
    if __cpuid(0).eax < 7 || __cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    // SAFETY: OSXSAVE says that the instruction may be used.
    let enabled = unsafe { enabled_states() };
    __cpuid_count(7, 0).edx & TILE_AND_BF16 == TILE_AND_BF16
        && enabled & STATES == STATES
        && is_permitted()
}

/// Asks Linux for the tiles' 8 KiB in every context switch. Granted once, for all threads.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: takes two numbers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// Gives this thread's tiles a shape; their contents are lost if they had another one.
///
/// # Safety
/// [`is_available`] must be true.
pub(crate) unsafe fn configure(shape: Shape) {
    if SHAPE.replace(Some(shape)) == Some(shape) {
        return;
    }
    // Palette 1; two bytes for the width of each tile from byte 16 on, one for its height from 48.
    let mut config = [0u8; 64];
    config[0] = 1;
    for tile in 0..8 {
        let (height, width) = shape.of(tile);
        debug_assert!((1..=SIDE).contains(&height) && (1..=SIDE).contains(&width));
        config[16 + 2 * usize::from(tile)] = 4 * width as u8;
        config[48 + usize::from(tile)] = height as u8;
    }
    // SAFETY: the instruction exists, as the caller promises, and reads these 64 bytes.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) config.as_ptr(), options(nostack, preserves_flags, readonly));
    }
}

/// Makes tile `T` zero.
///
/// # Safety
/// The tiles must be configured.
#[inline(always)]
pub(crate) unsafe fn zero<const T: u8>() {
    // SAFETY: nothing but this module uses tiles.
    unsafe { asm!("tilezero tmm{}", const T, options(nostack, preserves_flags, nomem)) }
}

/// Reads tile `T` from rows `stride` bytes apart.
///
/// # Safety
/// The tiles must be configured, and the tile's rows readable.
#[inline(always)]
pub(crate) unsafe fn load<const T: u8>(at: *const u8, stride: usize) {
    // SAFETY: the reads are promised by the caller; nothing but this module uses tiles.
    unsafe {
        asm!(
            "tileloadd tmm{}, [{} + {}]",
            const T, in(reg) at, in(reg) stride,
            options(nostack, preserves_flags, readonly)
        );
    }
}

/// As [`load`], for what is not read again soon: it does not displace the first-level cache.
///
/// # Safety
/// As [`load`].
#[inline(always)]
pub(crate) unsafe fn load_passing<const T: u8>(at: *const u8, stride: usize) {
    // SAFETY: the reads are promised by the caller; nothing but this module uses tiles.
    unsafe {
        asm!(
            "tileloaddt1 tmm{}, [{} + {}]",
            const T, in(reg) at, in(reg) stride,
            options(nostack, preserves_flags, readonly)
        );
    }
}

/// Writes tile `T` to rows `stride` bytes apart.
///
/// # Safety
/// The tiles must be configured, and the tile's rows writable.
#[inline(always)]
pub(crate) unsafe fn store<const T: u8>(at: *mut u8, stride: usize) {
    // SAFETY: the writes are promised by the caller; nothing but this module uses tiles.
    unsafe {
        asm!(
            "tilestored [{} + {}], tmm{}",
            in(reg) at, in(reg) stride, const T,
            options(nostack, preserves_flags)
        );
    }
}

/// Adds the product of tiles `A` and `B`, of pairs of bf16, to the sums in tile `C`.
///
/// For each sum: the products of the lower elements of the pairs in order and those of the upper
/// ones, each added up from zero, then both sums together to the element of `C`. Rounding is to
/// nearest even; subnormal numbers count as zero.
///
/// # Safety
/// The tiles must be configured.
#[inline(always)]
pub(crate) unsafe fn dot_bf16<const C: u8, const A: u8, const B: u8>() {
    // SAFETY: nothing but this module uses tiles.
    unsafe {
        asm!(
            "tdpbf16ps tmm{}, tmm{}, tmm{}",
            const C, const A, const B,
            options(nostack, preserves_flags, nomem)
        );
    }
}
