//! A run: parts are read and judged, repeats found and cut out, what stays written, all of it accounted for.
//!
//! ```text
//! inputs ──parts──► judge ──► attributes/ ─────────────────────────► card, report
//!                     └─────► .work/ (texts that stay) ──► repeats ──► passages ──► data/
//! ```
//!
//! Each part is done when its attributes have their name, so a killed run loses the parts that it
//! was at and no more.

mod curate;
mod duplicates;
mod judge;
mod part_files;
mod passages;
mod side_files;
mod splits;
mod texts;
mod threads;
mod work;
mod write;

pub use curate::{Curation, curate, read_card};
pub(crate) use duplicates::Repeats;
pub(crate) use part_files::{column, num_bad_rows, read_columns, read_table, write_atomically};
pub(crate) use passages::Cuts;
pub use side_files::SideFile;
pub(crate) use work::{Work, inputs_of};
pub use write::WrittenFile;
pub(crate) use write::digest;

#[cfg(test)]
mod tests;
