//! What the bytes of a text are, as bits, 64 bytes at a time.
//!
//! A loop over bytes that ends where a word does costs the processor one wrong guess a word. Bits
//! are walked without: where words begin and end falls out of shifts, and what a word is made of
//! out of masks.

mod ascii;
mod block;
mod kinds;
mod map;

pub(crate) use ascii::AsciiBits;
pub(crate) use kinds::Kinds;
pub(crate) use map::ByteMap;

#[cfg(test)]
mod tests;
