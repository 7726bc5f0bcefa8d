//! What kind of character a character is.

mod ranges;
mod space;
mod table;

pub(crate) use space::long_space_bytes;
pub(crate) use table::*;
