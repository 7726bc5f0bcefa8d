//! ORPO: the odds of the chosen against the rejected completion, beside its likelihood.

use super::pair::{Side, Term};
use crate::loss::scalar::{log_one_minus_exp, logistic};

/// Log-probabilities per token closer to zero count as this: at zero the odds are infinite.
const NEAREST_TO_CERTAIN: f64 = -1e-9;

/// `-beta ln sigmoid(ln(odds_w / odds_l))` with `odds = p / (1 - p)` and `ln p = logp / n`; the
/// likelihood is [`super::PreferenceConfig::nll_weight`].
///
/// # Source
/// Hong et al. 2024, arXiv:2403.07691, eqs. 4 and 7; `odds_ratio_loss` of TRL, which has no bound
/// for certain completions.
pub(super) fn orpo(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let mean = |side: &Side| (side.logp / side.tokens).min(NEAREST_TO_CERTAIN);
    let (w, l) = (mean(chosen), mean(rejected));
    let log_odds = (w - l) - (log_one_minus_exp(w) - log_one_minus_exp(l));
    let (loss, slope) = logistic(log_odds, 0.0);
    // The log-odds of p rise with ln p by 1 / (1 - p).
    let by_logp = |mean: f64, side: &Side| beta * slope / (-mean.exp_m1() * side.tokens);
    Term { loss: beta * loss, chosen: by_logp(w, chosen), rejected: -by_logp(l, rejected) }
}
