//! A run: parts are read and judged, repeats found and cut out, what stays written, all of it accounted for.
//!
//! ```text
//! inputs ──parts──► judge ──► attributes/ ─────────────────────────► card, report
//!                     └─────► .work/ (texts that stay) ──► repeats ──► passages ──► data/
//! ```
//!
//! Each part is done when its attributes have their name, so a killed run loses the parts that it
//! was at and no more. Unless it is asked to, a run does not wait until its files are on the disk;
//! the mark of its work tells in which start of the machine it was begun, and in another one only
//! a set that is done and whole is trusted.

mod curate;
mod duplicates;
mod judge;
mod names;
mod ordered;
mod part_files;
mod passages;
mod side_files;
mod splits;
mod spool;
mod table;
mod texts;
mod threads;
mod work;
mod write;

pub use curate::{Curation, curate, read_card};
pub(crate) use duplicates::Repeats;
pub(crate) use part_files::{num_bad_rows, write_whole};
pub(crate) use passages::Cuts;
pub use side_files::SideFile;
pub(crate) use table::{column, read_columns, read_table};
pub(crate) use work::{Work, inputs_of};
pub use write::WrittenFile;
pub(crate) use write::digest;

#[cfg(test)]
mod tests;
