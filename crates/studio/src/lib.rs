//! `studio`.
