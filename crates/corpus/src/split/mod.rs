//! Dividing documents into parts, such as training, validation and test.
//!
//! Every document has a place that follows from a hash of its key and the seed, so a division
//! does not depend on the order of the documents and hardly moves when some are added.

mod divide;
mod grouped;
mod options;
mod report;
mod stable;
#[cfg(test)]
mod tests;

pub use divide::split;
pub use options::{SplitItem, SplitOptions, SplitPart};
pub use report::{SplitReport, SplitRow};
pub use stable::stable_split;
