//! One body, compiled once per SIMD level.

/// Defines a function whose plain body is compiled for every level and picked at run time.
///
/// The body is ordinary Rust over slices, written in lanes of 16 so that the compiler vectorizes
/// it. It uses separate multiplications and additions, never fused ones: all levels then give the
/// same bits.
/// The first parameter of the defined function is the [`crate::Level`] to run at.
macro_rules! leveled {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    ) => {
        $(#[$meta])*
        $vis fn $name(level: $crate::Level, $($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[cfg_attr(
                not(feature = "emulate-avx512"),
                target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")
            )]
            #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            match level {
                // 64-bit Arm has vectors everywhere.
                $crate::Level::Scalar | $crate::Level::Neon => body($($arg),*),
                // SAFETY: a level is only ever selected on a machine that has its features.
                #[cfg(target_arch = "x86_64")]
                $crate::Level::Avx2 => unsafe { avx2($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::Level::Avx512 | $crate::Level::Amx => unsafe { avx512($($arg),*) },
                #[cfg(not(target_arch = "x86_64"))]
                $crate::Level::Avx2 | $crate::Level::Avx512 | $crate::Level::Amx => body($($arg),*),
            }
        }
    };
}
pub(crate) use leveled;
