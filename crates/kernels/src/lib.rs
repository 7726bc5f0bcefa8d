//! `kernels`.
