//! IPO: a squared distance to a fixed margin, per token.

use super::pair::{Side, Term};

/// `(s_w / n_w - s_l / n_l - 1 / (2 beta))^2`.
///
/// # Source
/// Azar et al. 2023, arXiv:2310.12036, eq. 17, with means over tokens as `ipo` of TRL.
pub(super) fn ipo(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let margin = chosen.score / chosen.tokens - rejected.score / rejected.tokens;
    let error = margin - 1.0 / (2.0 * beta);
    Term {
        loss: error * error,
        chosen: 2.0 * error * chosen.score_slope / chosen.tokens,
        rejected: -2.0 * error * rejected.score_slope / rejected.tokens,
    }
}
