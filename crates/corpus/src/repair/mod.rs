//! Text that was damaged on its way: put right where the damage can be undone, reported where not.
//!
//! Most damage is mojibake: the bytes of one encoding read as another, sometimes several times
//! over. A line that looks like it (a handful of character pairs that no language writes) is
//! turned back into bytes and read as UTF-8. Other repairs are of smaller things: HTML entities
//! in plain text, terminal escapes, control characters, ligatures, and on request wide forms and
//! curly quotes. White space and line ends are the business of [`crate::normalize`].
//!
//! **Invariant:** a text without damage comes back as it was, without a copy, and costs one scan
//! over its bytes.
//!
//! # Source
//! Speer 2019, ftfy, doi:10.5281/zenodo.2591652; version 6.3.1 for the order of the steps and
//! the classes of characters. The two repairs of Chinese (GBK) are ours.

mod badness;
mod bytes;
mod characters;
mod charsets;
mod encoding;
mod entities;
mod gbk;
mod options;
mod scan;
mod text;

pub use charsets::Charset;
pub use options::{RepairFix, RepairOptions, Repaired};
pub use text::repair;

#[cfg(test)]
mod tests;
