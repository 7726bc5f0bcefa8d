//! What kind of character a character is.

mod ranges;
mod table;

pub(crate) use table::*;
