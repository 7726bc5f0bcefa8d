//! Losses of pairs: a chosen and a rejected completion of one prompt.
//!
//! A [`PreferenceConfig`] is a weighted sum of [`PreferenceKind`]s, one file each, and a share of
//! plain likelihood of the chosen completions. [`preference_loss`] turns the log-probabilities of a
//! micro-step into its loss and the derivative by each of them.
//!
//! In the formulas, `w` is the chosen and `l` the rejected completion; `logp` their log-probability
//! under the policy, summed over tokens; `n` their tokens; `r` the log-ratio of policy and
//! reference; `s` the score, which is `r` for reverse KL ([`FDivergence`]).

mod aot;
mod apo;
mod batch;
mod bco;
mod config;
mod cpo;
mod discopop;
mod divergence;
mod exo;
mod hinge;
mod ipo;
mod nca;
mod orpo;
mod pair;
mod robust;
mod sigmoid;
mod simpo;
mod sppo;
#[cfg(test)]
mod tests;

pub use batch::{PairOutcome, PreferenceLoss, PreferenceTotals, preference_loss};
pub use config::{PreferenceConfig, PreferenceKind, PreferenceTerm};
pub use divergence::FDivergence;
pub use pair::{PairLogps, ReferenceLogps};
