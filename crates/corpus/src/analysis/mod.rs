//! One reading of a text: everything that rules ask about it.
//!
//! An [`Analyser`] turns a text into a [`TextProfile`] of counts, from which every [`Measure`] is
//! read by name. Measures come in families, one file each; a family is taken whole or not at all,
//! and what several of them look at (characters, lines, words) is found once. Rules over a
//! profile, and with them thresholds, can change without the text being read again.
//!
//! Different tools count different things under one name, so names here say what is counted:
//! `words.*` are spaCy's English words as DataTrove has them, `plain.*` words between white space
//! as Dolma, NeMo and DCLM have them.

mod analyser;
mod c4;
mod c4_line;
mod chain;
mod characters;
mod chinese;
mod juicer;
mod layout;
mod lines;
mod measure;
mod phrases;
mod plain_repetition;
mod plain_words;
mod profile;
mod python;
mod refined;
mod refined_kept;
mod refined_lines;
mod repetition;
mod sieve;
mod table;
mod windows;
mod words;

pub use analyser::{Analyser, MAX_TEXT_BYTES};
pub use measure::{Families, Family, Measure, measures};
pub use profile::TextProfile;
pub(crate) use {c4_line::*, phrases::*, python::*, refined_lines::edited_text};

#[cfg(test)]
mod tests;
