//! 64-bit Arm without such a machine: the kernels' tests, built for it and run in an emulator.
//!
//! Rust's own builds have one standard library each, and whoever has no rustup, or one that reaches
//! no server, cannot add another. Debian's rustc has it as a package for every architecture; it is
//! unpacked into the cache beside the libraries it was built for, and nothing of the system changes.

mod emulated;
mod packages;
mod rustc;
mod version;

pub(crate) use emulated::arm;
