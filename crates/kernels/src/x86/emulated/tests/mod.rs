//! The emulation against the processor's vectors of 256 bits, against its own AVX-512 where it has
//! that, and against results worked out by hand.

mod agree;
mod by_hand;
mod cases;
mod inputs;
mod memory;
mod tiles;
mod twins;
