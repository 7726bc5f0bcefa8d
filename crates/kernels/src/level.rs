//! Which SIMD instructions the kernels use; chosen once per process.

use std::sync::OnceLock;

use crate::KernelError;

/// A set of instructions that the kernels have versions for, plainest first.
///
/// Every op has a [`Level::Scalar`] version that reads like its formula and is the test oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Plain Rust on any processor.
    Scalar,
    /// Vectors of 128 bits on 64-bit Arm, with dot products of bytes (Neoverse N1, Cortex-A75, Apple M1
    /// and later); products of matrices of bytes (i8mm) are used where they exist.
    Neon,
    /// AVX2 with FMA and F16C (Haswell, Zen 1 and later); AVX-VNNI is used where it exists (Alder Lake and
    /// later).
    Avx2,
    /// AVX-512 F, BW, VL, DQ and VNNI (Cascade Lake, Ice Lake, Zen 4 and later); the BF16
    /// instructions are used where they exist.
    ///
    /// Ops without a version of their own use the one of [`Level::Avx2`].
    Avx512,
    /// AVX-512 with its BF16 instructions, and the matrix registers of Intel's servers (Sapphire Rapids
    /// and later): products of bf16 with many rows.
    ///
    /// Ops without a version of their own use the one of [`Level::Avx512`].
    Amx,
}

/// The level in use and why it was chosen, to be printed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelChoice {
    /// The level in use.
    pub level: Level,
    /// Why, in words.
    pub reason: String,
}

impl Level {
    /// All levels, plainest first.
    pub const ALL: [Level; 5] =
        [Level::Scalar, Level::Neon, Level::Avx2, Level::Avx512, Level::Amx];

    /// The name by which a user forces the level.
    pub fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Neon => "neon",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
            Level::Amx => "amx",
        }
    }

    /// The first processor feature that the level needs and this machine lacks.
    pub fn missing_feature(self) -> Option<&'static str> {
        match self {
            Level::Scalar => None,
            Level::Neon => missing_neon(),
            Level::Avx2 => missing_avx2(),
            Level::Avx512 => missing_avx512(),
            Level::Amx => missing_amx(),
        }
    }

    /// Whether processors of this architecture can have it.
    fn is_of_this_architecture(self) -> bool {
        match self {
            Level::Scalar => true,
            Level::Neon => cfg!(target_arch = "aarch64"),
            Level::Avx2 | Level::Avx512 | Level::Amx => cfg!(target_arch = "x86_64"),
        }
    }

    /// The levels that this machine can run, plainest first. Tests run them all.
    pub fn supported() -> Vec<Level> {
        Level::ALL.into_iter().filter(|level| level.missing_feature().is_none()).collect()
    }
}

/// The first of the features that this processor lacks.
#[cfg(target_arch = "x86_64")]
macro_rules! first_missing {
    ($($feature:tt),*) => {{
        $(if !std::is_x86_feature_detected!($feature) { return Some($feature); })*
        None
    }};
}

#[cfg(target_arch = "aarch64")]
fn missing_neon() -> Option<&'static str> {
    (!std::arch::is_aarch64_feature_detected!("dotprod")).then_some("dotprod")
}

#[cfg(not(target_arch = "aarch64"))]
#[expect(clippy::unnecessary_wraps, reason = "as where it exists")]
fn missing_neon() -> Option<&'static str> {
    Some("64-bit Arm instructions")
}

/// Whether [`Level::Neon`] has products of matrices of bytes, which not all its processors have.
#[cfg(target_arch = "aarch64")]
pub(crate) fn neon_has_i8mm() -> bool {
    std::arch::is_aarch64_feature_detected!("i8mm")
}

#[cfg(target_arch = "x86_64")]
fn missing_avx2() -> Option<&'static str> {
    first_missing!("avx2", "fma", "f16c")
}

#[cfg(all(target_arch = "x86_64", feature = "emulate-avx512"))]
fn missing_avx512() -> Option<&'static str> {
    missing_avx2()
}

#[cfg(all(target_arch = "x86_64", not(feature = "emulate-avx512")))]
fn missing_avx512() -> Option<&'static str> {
    missing_avx2()
        .or_else(|| first_missing!("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512vnni"))
}

#[cfg(target_arch = "x86_64")]
fn missing_amx() -> Option<&'static str> {
    missing_avx512().or_else(|| {
        if !avx512_has_bf16() {
            return Some("avx512bf16");
        }
        (!crate::x86::amx::is_available()).then_some("AMX with bf16")
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn missing_amx() -> Option<&'static str> {
    Some("AMX")
}

#[cfg(not(target_arch = "x86_64"))]
fn missing_avx2() -> Option<&'static str> {
    Some("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn missing_avx512() -> Option<&'static str> {
    Some("avx512f")
}

/// Whether [`Level::Avx512`] has the instructions for bf16, which not all its processors have.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx512_has_bf16() -> bool {
    cfg!(feature = "emulate-avx512") || std::is_x86_feature_detected!("avx512bf16")
}

/// Whether [`Level::Avx2`] has an instruction that adds products of bytes in 32 bits (AVX-VNNI), which not
/// all its processors have.
#[cfg(target_arch = "x86_64")]
pub(crate) fn avx2_has_vnni() -> bool {
    #[cfg(test)]
    if WITHOUT_VNNI.get() {
        return false;
    }
    cfg!(feature = "emulate-avx512") || std::is_x86_feature_detected!("avxvnni")
}

#[cfg(all(test, target_arch = "x86_64"))]
thread_local! {
    static WITHOUT_VNNI: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `job` with this thread's products at [`Level::Avx2`] as on a processor without AVX-VNNI: tests
/// reach both ways on one machine.
#[cfg(all(test, target_arch = "x86_64"))]
pub(crate) fn without_avx_vnni<T>(job: impl FnOnce() -> T) -> T {
    let before = WITHOUT_VNNI.replace(true);
    let result = job();
    WITHOUT_VNNI.set(before);
    result
}

static CHOICE: OnceLock<LevelChoice> = OnceLock::new();

/// Fixes the level for the process: the forced one, or the best that the processor has.
///
/// Only the binary calls this, once, before any other work; without the call the best level is
/// taken at first use. Forcing a level that is already in use is accepted.
///
/// # Errors
/// Unknown name; level not supported here; another level already in use.
pub fn select_level(force: Option<&str>) -> Result<LevelChoice, KernelError> {
    let Some(name) = force else { return Ok(choice().clone()) };
    let level = parse(name)?;
    if let Some(missing) = level.missing_feature() {
        return Err(KernelError::LevelNotSupported { name: level.name(), missing });
    }
    let current = CHOICE.get_or_init(|| LevelChoice { level, reason: "forced".to_owned() });
    if current.level != level {
        let current = current.level.name();
        return Err(KernelError::LevelAlreadySelected { current, name: level.name() });
    }
    Ok(current.clone())
}

/// The level in use; detected now if nothing was selected before.
pub fn level() -> Level {
    #[cfg(test)]
    if let Some(level) = FORCED.get() {
        return level;
    }
    choice().level
}

#[cfg(test)]
thread_local! {
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// Runs `job` with the ops that this thread calls at `level`: tests reach every level in a process.
#[cfg(test)]
pub(crate) fn with_level<T>(level: Level, job: impl FnOnce() -> T) -> T {
    let before = FORCED.replace(Some(level));
    let result = job();
    FORCED.set(before);
    result
}

fn choice() -> &'static LevelChoice {
    CHOICE.get_or_init(detect)
}

fn parse(name: &str) -> Result<Level, KernelError> {
    Level::ALL.into_iter().find(|level| level.name() == name).ok_or_else(|| {
        let known: Vec<_> = Level::ALL.iter().map(|level| level.name()).collect();
        KernelError::UnknownLevel { name: name.to_owned(), known: known.join(", ") }
    })
}

fn detect() -> LevelChoice {
    let supported = Level::supported();
    let level = supported.iter().copied().rev().find(|level| passes_self_check(*level));
    let level = level.expect("the scalar level is what others are compared with");
    let mut levels = Level::ALL.into_iter().filter(|next| next.is_of_this_architecture());
    let reason = match levels.find(|next| *next > level) {
        None => "the processor has all it needs".to_owned(),
        Some(next) => match next.missing_feature() {
            Some(missing) => {
                format!("the best this processor has: {} needs {missing}", next.name())
            }
            None => format!("{} computed wrong products here", next.name()),
        },
    };
    LevelChoice { level, reason }
}

/// Whether the level's products are right on this processor; takes a few milliseconds.
///
/// A guard against what no test has seen: a processor, a hypervisor or a compiler that gets the
/// widest instructions wrong costs speed then, not answers.
fn passes_self_check(level: Level) -> bool {
    level == Level::Scalar || (crate::quant_agrees(level) && crate::dense_agrees(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_and_unknown_ones_list_the_known() {
        for level in Level::ALL {
            assert_eq!(parse(level.name()), Ok(level));
        }
        let message = parse("sse9").unwrap_err().to_string();
        assert!(
            message.contains("`sse9`") && message.contains("scalar, neon, avx2, avx512, amx"),
            "{message}"
        );
    }

    #[test]
    fn the_detected_level_is_supported_and_says_why() {
        let choice = detect();
        assert!(Level::supported().contains(&choice.level));
        assert_eq!(Some(&choice.level), Level::supported().last());
        assert!(Level::supported().into_iter().all(passes_self_check));
        assert!(!choice.reason.is_empty());
    }
}
