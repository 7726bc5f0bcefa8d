//! The account of a run: its sums, its card, its report, and the story of each document.

mod card;
mod command;
mod decisions;
mod explain;
mod histogram;
mod rejudge;
mod report;
mod summary;

pub(crate) use card::input_sets;
pub use card::{Card, CardInput, InputSet};
pub use command::{CommandCard, CommandFile};
pub use explain::{Explanation, Step, explain};
pub use histogram::Histogram;
pub use rejudge::{Rejudged, rejudge};
pub use summary::Summary;
