//! A run: parts are read and judged, repeats found, what stays written, all of it accounted for.
//!
//! ```text
//! inputs ──parts──► judge ──► attributes/ ─────────────────────────► card, report
//!                     └─────► .work/ (texts that stay) ──► repeats ──► data/
//! ```
//!
//! Each part is done when its attributes have their name, so a killed run loses the parts that it
//! was at and no more.

mod curate;
mod duplicates;
mod judge;
mod part_files;
mod threads;
mod work;
mod write;

pub use curate::{Curation, curate, read_card};
pub(crate) use duplicates::{Repeats, column};
pub(crate) use part_files::{num_bad_rows, read_table};
pub(crate) use work::Work;
pub use write::WrittenFile;

#[cfg(test)]
mod tests;
