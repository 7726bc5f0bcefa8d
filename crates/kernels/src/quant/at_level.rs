//! Which version of a function computes at a level.

/// Calls `$scalar`, or the function `$name` in the module of a level that has one. That needs the
/// processor features of the level, so it is unsafe.
macro_rules! at_level {
    ($level:expr, $scalar:path, $name:ident $(::<$packed:ident>)?, ($($arg:expr),* $(,)?)) => {
        match $level {
            $crate::Level::Scalar => $scalar($($arg),*),
            #[cfg(target_arch = "aarch64")]
            $crate::Level::Neon => $crate::quant::neon::$name$(::<$packed>)?($($arg),*),
            #[cfg(not(target_arch = "aarch64"))]
            $crate::Level::Neon => $scalar($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::Level::Avx2 => $crate::quant::avx2::$name$(::<$packed>)?($($arg),*),
            #[cfg(target_arch = "x86_64")]
            $crate::Level::Avx512 | $crate::Level::Amx => {
                $crate::quant::avx512::$name$(::<$packed>)?($($arg),*)
            }
            #[cfg(not(target_arch = "x86_64"))]
            $crate::Level::Avx2 | $crate::Level::Avx512 | $crate::Level::Amx => {
                $scalar($($arg),*)
            }
        }
    };
}
pub(super) use at_level;
