//! Named, versioned sets of rules over a text's profile.
//!
//! Four tools ship four filters under the name "Gopher", each of which drops other texts. Here a
//! set's name says whose it is: `gopher@datatrove` decides as DataTrove does, `gopher@dolma` as
//! the documented thresholds over Dolma's attributes do. One file per set, one line in the
//! registry. A rule names a measure and a bound, so a threshold can be changed and a text judged
//! again from its profile alone.
//!
//! What a set does to the text it keeps (C4 drops lines, RefinedWeb edits them) is a function of
//! its own, applied after the verdict; the measures already say what it would leave.

mod c4_datatrove;
mod data_juicer;
mod edit_c4;
mod edit_refinedweb;
mod fineweb_datatrove;
mod gopher_datatrove;
mod gopher_dolma;
mod nemo_en;
mod refinedweb;
mod registry;
mod rule;
mod zh;

pub use edit_c4::{C4LineEnd, edit_c4};
pub use edit_refinedweb::edit_refinedweb;
pub use registry::{rule_set, rule_set_names};
pub use rule::{Bound, Failure, Rule, RuleSet};

#[cfg(test)]
mod tests;
