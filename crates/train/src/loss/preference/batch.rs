//! The loss of the pairs of a micro-step.

use super::config::{PreferenceConfig, PreferenceKind};
use super::pair::{PairLogps, ReferenceLogps, Side, Term};
use super::{
    aot, apo, bco, cpo, discopop, exo, hinge, ipo, nca, orpo, robust, sigmoid, simpo, sppo,
};

/// What the means of a step divide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreferenceTotals {
    /// Pairs of the step.
    pub pairs: usize,
    /// Supervised tokens of its chosen completions.
    pub chosen_tokens: usize,
}

impl PreferenceTotals {
    /// The totals of these pairs.
    pub fn of(pairs: &[PairLogps]) -> Self {
        let chosen_tokens = pairs.iter().map(|pair| pair.chosen_tokens).sum();
        Self { pairs: pairs.len(), chosen_tokens }
    }
}

/// What a loss says about one pair.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairOutcome {
    /// Its share of the step's loss.
    pub loss: f64,
    /// Derivative of the step's loss by the chosen completion's log-probability.
    pub chosen_grad: f64,
    /// Derivative by the rejected one's.
    pub rejected_grad: f64,
    /// Implicit reward of the chosen completion: `beta r`, or `beta` times the log-probability when
    /// there is no reference, per token for the kinds that work per token.
    pub chosen_reward: f64,
    /// Implicit reward of the rejected completion.
    pub rejected_reward: f64,
}

impl PairOutcome {
    /// By how much the chosen completion is ahead.
    pub fn margin(&self) -> f64 {
        self.chosen_reward - self.rejected_reward
    }

    /// Whether the policy prefers the chosen completion.
    pub fn is_accurate(&self) -> bool {
        self.chosen_reward > self.rejected_reward
    }
}

/// What [`preference_loss`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct PreferenceLoss {
    /// The micro-step's share of the step's loss.
    pub loss: f64,
    /// One per pair.
    pub outcomes: Vec<PairOutcome>,
}

/// The loss of pairs and its derivatives by their log-probabilities.
///
/// # Panics
/// If a pair lacks the reference that a kind needs: a caller's bug.
pub fn preference_loss(
    config: &PreferenceConfig,
    pairs: &[PairLogps],
    totals: PreferenceTotals,
) -> PreferenceLoss {
    let sides: Vec<[Side; 2]> = pairs.iter().map(|pair| sides(config, pair)).collect();
    let mut outcomes: Vec<PairOutcome> = sides.iter().map(|pair| rewards(config, pair)).collect();
    for term in &config.terms {
        let share = term.weight / totals.pairs as f64;
        for (outcome, found) in outcomes.iter_mut().zip(terms(term.kind, config.beta, &sides)) {
            outcome.loss += share * found.loss;
            outcome.chosen_grad += share * found.chosen;
            outcome.rejected_grad += share * found.rejected;
        }
    }
    if config.nll_weight != 0.0 {
        let share = config.nll_weight / totals.chosen_tokens as f64;
        for (outcome, pair) in outcomes.iter_mut().zip(pairs) {
            outcome.loss -= share * pair.chosen;
            outcome.chosen_grad -= share;
        }
    }
    PreferenceLoss { loss: outcomes.iter().map(|outcome| outcome.loss).sum(), outcomes }
}

fn sides(config: &PreferenceConfig, pair: &PairLogps) -> [Side; 2] {
    let reference = match pair.reference {
        Some(reference) if config.needs_reference() => reference,
        None if config.needs_reference() => panic!("{:?} needs a reference", config.terms),
        _ => ReferenceLogps { chosen: 0.0, rejected: 0.0 },
    };
    let divergence = config.divergence;
    [
        Side::new(pair.chosen, pair.chosen_tokens, reference.chosen, divergence),
        Side::new(pair.rejected, pair.rejected_tokens, reference.rejected, divergence),
    ]
}

/// An outcome that only has its rewards yet.
fn rewards(config: &PreferenceConfig, [chosen, rejected]: &[Side; 2]) -> PairOutcome {
    let per_token = |term: &super::PreferenceTerm| {
        matches!(term.kind, PreferenceKind::SimPo { .. } | PreferenceKind::Orpo)
    };
    let averaged = !config.terms.is_empty() && config.terms.iter().all(per_token);
    let reward = |side: &Side| config.beta * side.ratio / if averaged { side.tokens } else { 1.0 };
    PairOutcome {
        chosen_reward: reward(chosen),
        rejected_reward: reward(rejected),
        ..PairOutcome::default()
    }
}

/// The terms of one kind, one per pair.
fn terms(kind: PreferenceKind, beta: f64, sides: &[[Side; 2]]) -> Vec<Term> {
    let each = |loss: &dyn Fn(&Side, &Side) -> Term| -> Vec<Term> {
        sides.iter().map(|[chosen, rejected]| loss(chosen, rejected)).collect()
    };
    match kind {
        PreferenceKind::Sigmoid { label_smoothing } => {
            each(&|w, l| sigmoid::sigmoid(beta, w, l, label_smoothing))
        }
        PreferenceKind::SigmoidNorm => each(&|w, l| sigmoid::sigmoid_norm(beta, w, l)),
        PreferenceKind::Hinge => each(&|w, l| hinge::hinge(beta, w, l)),
        PreferenceKind::Ipo => each(&|w, l| ipo::ipo(beta, w, l)),
        PreferenceKind::ExoPair { label_smoothing } => {
            each(&|w, l| exo::exo_pair(beta, w, l, label_smoothing))
        }
        PreferenceKind::NcaPair => each(&|w, l| nca::nca_pair(beta, w, l)),
        PreferenceKind::Robust { label_smoothing } => {
            each(&|w, l| robust::robust(beta, w, l, label_smoothing))
        }
        PreferenceKind::BcoPair => each(&|w, l| bco::bco_pair(beta, w, l)),
        PreferenceKind::SppoHard => each(&|w, l| sppo::sppo_hard(beta, w, l)),
        PreferenceKind::Aot { label_smoothing } => aot::aot(beta, sides, label_smoothing),
        PreferenceKind::AotUnpaired { label_smoothing } => {
            aot::aot_unpaired(beta, sides, label_smoothing)
        }
        PreferenceKind::ApoZero => each(&|w, l| apo::apo_zero(beta, w, l)),
        PreferenceKind::ApoDown => each(&|w, l| apo::apo_down(beta, w, l)),
        PreferenceKind::Discopop { tau } => each(&|w, l| discopop::discopop(beta, w, l, tau)),
        PreferenceKind::SimPo { gamma, label_smoothing } => {
            each(&|w, l| simpo::simpo(beta, w, l, gamma, label_smoothing))
        }
        PreferenceKind::Cpo { label_smoothing } => {
            each(&|w, l| cpo::cpo(beta, w, l, label_smoothing))
        }
        PreferenceKind::Orpo => each(&|w, l| orpo::orpo(beta, w, l)),
    }
}
