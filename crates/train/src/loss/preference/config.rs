//! Choosing a loss of pairs.

use super::divergence::FDivergence;
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// Which loss of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreferenceKind {
    /// DPO; conservative with smoothing.
    Sigmoid {
        /// Share of pairs that are thought to be labelled the wrong way round.
        label_smoothing: f64,
    },
    /// DPO with scores per token.
    SigmoidNorm,
    /// The hinge loss of DPO's margin.
    Hinge,
    /// IPO, per token.
    Ipo,
    /// EXO.
    ExoPair {
        /// Share of the rejected completion in the target, greater than 0.
        label_smoothing: f64,
    },
    /// NCA.
    NcaPair,
    /// Robust DPO.
    Robust {
        /// Share of flipped labels, below one half.
        label_smoothing: f64,
    },
    /// BCO on pairs.
    BcoPair,
    /// SPPO with hard labels.
    SppoHard,
    /// AOT of differences; compares the pairs of a micro-step with one another.
    Aot {
        /// As for `sigmoid`.
        label_smoothing: f64,
    },
    /// AOT of completions; compares the pairs of a micro-step with one another.
    AotUnpaired {
        /// As for `sigmoid`.
        label_smoothing: f64,
    },
    /// APO for chosen completions that are better than the model's.
    ApoZero,
    /// APO for chosen completions that are worse than the model's.
    ApoDown,
    /// DiscoPOP.
    Discopop {
        /// Temperature of the blend; 0.05 in the paper.
        tau: f64,
    },
    /// SimPO, without a reference model.
    SimPo {
        /// Margin between the rewards.
        gamma: f64,
        /// As for `sigmoid`.
        label_smoothing: f64,
    },
    /// CPO, without a reference model.
    Cpo {
        /// As for `sigmoid`.
        label_smoothing: f64,
    },
    /// ORPO, without a reference model.
    Orpo,
}

impl PreferenceKind {
    /// Whether the loss compares with a reference model.
    pub fn needs_reference(self) -> bool {
        !matches!(self, Self::SimPo { .. } | Self::Cpo { .. } | Self::Orpo)
    }

    /// Whether the loss is a function of scores, which a divergence may change.
    fn takes_divergence(self) -> bool {
        matches!(
            self,
            Self::Sigmoid { .. }
                | Self::SigmoidNorm
                | Self::Hinge
                | Self::Ipo
                | Self::ExoPair { .. }
                | Self::Robust { .. }
                | Self::Discopop { .. }
        )
    }

    fn validate(self) -> Result<(), TrainError> {
        match self {
            Self::Sigmoid { label_smoothing }
            | Self::Robust { label_smoothing }
            | Self::Aot { label_smoothing }
            | Self::AotUnpaired { label_smoothing }
            | Self::Cpo { label_smoothing } => check_smoothing(label_smoothing),
            Self::SimPo { gamma, label_smoothing } => {
                let holds = gamma.is_finite() && gamma >= 0.0;
                check("simpo_gamma", &gamma, holds, "0 or more")?;
                check_smoothing(label_smoothing)
            }
            Self::ExoPair { label_smoothing } => {
                let holds = label_smoothing > 0.0 && label_smoothing < 0.5;
                check("label_smoothing", &label_smoothing, holds, "greater than 0 and below 0.5")
            }
            Self::Discopop { tau } => check("discopop_tau", &tau, tau > 0.0, "greater than 0"),
            Self::SigmoidNorm
            | Self::Hinge
            | Self::Ipo
            | Self::NcaPair
            | Self::BcoPair
            | Self::SppoHard
            | Self::ApoZero
            | Self::ApoDown
            | Self::Orpo => Ok(()),
        }
    }
}

fn check_smoothing(share: f64) -> Result<(), TrainError> {
    check("label_smoothing", &share, (0.0..0.5).contains(&share), "0 or more and below 0.5")
}

/// One summand of a loss of pairs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreferenceTerm {
    /// The loss.
    pub kind: PreferenceKind,
    /// Its weight.
    pub weight: f64,
}

/// Hyper-parameters of [`super::preference_loss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreferenceConfig {
    /// What is summed; usually one kind of weight 1.
    pub terms: Vec<PreferenceTerm>,
    /// How strongly a preference pulls away from the reference.
    pub beta: f64,
    /// The divergence that scores are measured by.
    pub divergence: FDivergence,
    /// Weight of the mean negative log-likelihood of the chosen completions' tokens.
    pub nll_weight: f64,
}

impl PreferenceConfig {
    /// One kind, with the likelihood term that belongs to it: 1 for ORPO and CPO, 0 for others.
    pub fn new(kind: PreferenceKind, beta: f64) -> Self {
        let with_nll = matches!(kind, PreferenceKind::Cpo { .. } | PreferenceKind::Orpo);
        Self {
            terms: vec![PreferenceTerm { kind, weight: 1.0 }],
            beta,
            divergence: FDivergence::ReverseKl,
            nll_weight: if with_nll { 1.0 } else { 0.0 },
        }
    }

    /// Whether a reference model is needed.
    pub fn needs_reference(&self) -> bool {
        self.terms.iter().any(|term| term.kind.needs_reference())
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        check("beta", &self.beta, self.beta.is_finite() && self.beta > 0.0, "greater than 0")?;
        let holds = self.nll_weight.is_finite() && self.nll_weight >= 0.0;
        check("nll_weight", &self.nll_weight, holds, "0 or more")?;
        for term in &self.terms {
            term.kind.validate()?;
            check("weight", &term.weight, term.weight.is_finite(), "a number")?;
            if self.divergence != FDivergence::ReverseKl && !term.kind.takes_divergence() {
                return Err(TrainError::InvalidConfig {
                    key: "divergence",
                    value: format!("{:?}", self.divergence),
                    range: "reverse KL with this loss",
                });
            }
        }
        Ok(())
    }
}
