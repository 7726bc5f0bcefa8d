//! What a format is.

use super::fields::Fields;
use super::layout::{Layout, Peek};
use super::reason::DropReason;
use catena_protocol::TrainingSample;

/// A shape of rows: how it is recognised and how a row becomes a sample.
pub(crate) trait Format: Sync {
    /// Its name in settings and reports.
    fn name(&self) -> &'static str;

    /// The parts that may have columns, as settings name them.
    fn parts(&self) -> &'static [&'static str];

    /// Where the parts stand in rows such as these, and why they are taken for this format;
    /// none if they are not.
    fn detect(&self, peek: &Peek<'_>) -> Option<(Layout, String)>;

    /// Where the parts stand if nothing says otherwise.
    fn default_layout(&self) -> Layout;

    /// Reads one row.
    fn read(&self, row: RowView<'_>, layout: &Layout) -> Result<TrainingSample, DropReason>;
}

/// A row as formats see it.
pub(crate) type RowView<'r> = Fields<'r>;

/// What is learned from a conversation or an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Its answers.
    Learn,
    /// Which of two answers is better.
    Rank,
    /// Whether its last answer is wanted.
    Judge,
}
