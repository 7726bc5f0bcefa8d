//! The families of encoders: one file maps a family's keys and names, one line of the list registers
//! it.

mod bert;
mod family;
mod gguf;
mod list;
mod modern_bert;
mod roberta;

pub use list::encoder_families;

pub(super) use family::{Family, Gguf};
pub(crate) use family::{HeadNames, Names, QkvNames};
pub(super) use list::{find, find_gguf};
