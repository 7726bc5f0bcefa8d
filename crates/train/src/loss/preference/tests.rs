use super::*;
use crate::error::TrainError;
use crate::loss::test_support::{
    GOLDEN_TOLERANCE, assert_close_to, assert_is_gradient, counts, golden, number, numbers,
};
use serde_json::Value;

/// TRL computes the alpha divergence in f32.
const F32_GOLDEN: f64 = 1e-5;

fn pairs() -> Vec<PairLogps> {
    let golden = golden("pairs");
    let [chosen, rejected, reference_chosen, reference_rejected] =
        ["chosen", "rejected", "reference_chosen", "reference_rejected"]
            .map(|name| numbers(&golden[name]));
    let [chosen_tokens, rejected_tokens] =
        ["chosen_tokens", "rejected_tokens"].map(|name| counts(&golden[name]));
    (0..chosen.len())
        .map(|i| PairLogps {
            chosen: chosen[i],
            rejected: rejected[i],
            chosen_tokens: chosen_tokens[i],
            rejected_tokens: rejected_tokens[i],
            reference: Some(ReferenceLogps {
                chosen: reference_chosen[i],
                rejected: reference_rejected[i],
            }),
        })
        .collect()
}

/// The cases of `make_losses.py`.
fn cases() -> Vec<(&'static str, PreferenceConfig)> {
    use PreferenceKind::{
        ApoDown, ApoZero, BcoPair, Discopop, ExoPair, Hinge, Ipo, NcaPair, Robust, Sigmoid,
        SigmoidNorm, SppoHard,
    };
    let dpo = |kind| PreferenceConfig::new(kind, 0.3);
    let bare =
        |kind, beta| PreferenceConfig { nll_weight: 0.0, ..PreferenceConfig::new(kind, beta) };
    let through =
        |kind, divergence| PreferenceConfig { divergence, ..PreferenceConfig::new(kind, 0.1) };
    let sigmoid = |label_smoothing| Sigmoid { label_smoothing };
    let simpo = |gamma, label_smoothing| PreferenceKind::SimPo { gamma, label_smoothing };
    vec![
        ("sigmoid", dpo(sigmoid(0.0))),
        ("conservative", dpo(sigmoid(0.1))),
        ("sigmoid_norm", dpo(SigmoidNorm)),
        ("hinge", dpo(Hinge)),
        ("ipo", dpo(Ipo)),
        ("nca_pair", dpo(NcaPair)),
        ("bco_pair", dpo(BcoPair)),
        ("sppo_hard", dpo(SppoHard)),
        ("apo_zero", dpo(ApoZero)),
        ("apo_down", dpo(ApoDown)),
        ("discopop", dpo(Discopop { tau: 0.05 })),
        ("exo_pair", dpo(ExoPair { label_smoothing: 0.01 })),
        ("robust", dpo(Robust { label_smoothing: 0.2 })),
        ("aot", dpo(PreferenceKind::Aot { label_smoothing: 0.1 })),
        ("aot_unpaired", dpo(PreferenceKind::AotUnpaired { label_smoothing: 0.1 })),
        ("sft", PreferenceConfig { terms: vec![], nll_weight: 1.0, ..dpo(sigmoid(0.0)) }),
        ("forward_kl", through(sigmoid(0.0), FDivergence::ForwardKl)),
        ("js_divergence", through(Ipo, FDivergence::JsDivergence)),
        (
            "alpha_divergence",
            through(Robust { label_smoothing: 0.1 }, FDivergence::AlphaDivergence { alpha: 0.6 }),
        ),
        ("cpo", bare(PreferenceKind::Cpo { label_smoothing: 0.05 }, 0.2)),
        ("simpo", bare(simpo(0.7, 0.0), 2.0)),
        ("simpo_smoothed", bare(simpo(0.5, 0.1), 2.5)),
        ("orpo", bare(PreferenceKind::Orpo, 0.1)),
    ]
}

fn grads(loss: &PreferenceLoss) -> Vec<f64> {
    let chosen = loss.outcomes.iter().map(|outcome| outcome.chosen_grad);
    chosen.chain(loss.outcomes.iter().map(|outcome| outcome.rejected_grad)).collect()
}

fn moved(pairs: &[PairLogps], logps: &[f64]) -> Vec<PairLogps> {
    let (chosen, rejected) = logps.split_at(pairs.len());
    let moved = |(i, pair): (usize, &PairLogps)| PairLogps {
        chosen: chosen[i],
        rejected: rejected[i],
        ..*pair
    };
    pairs.iter().enumerate().map(moved).collect()
}

fn logps(pairs: &[PairLogps]) -> Vec<f64> {
    let chosen = pairs.iter().map(|pair| pair.chosen);
    chosen.chain(pairs.iter().map(|pair| pair.rejected)).collect()
}

fn check(name: &str, config: &PreferenceConfig, golden: &Value) {
    config.validate().unwrap();
    let mut pairs = pairs();
    if !config.needs_reference() && !config.terms.is_empty() {
        for pair in &mut pairs {
            pair.reference = None;
        }
    }
    let found = preference_loss(config, &pairs, PreferenceTotals::of(&pairs));
    let tolerance = if name == "alpha_divergence" { F32_GOLDEN } else { GOLDEN_TOLERANCE };
    assert_close_to(name, &[found.loss], &[number(&golden["loss"])], tolerance);
    let expected = [numbers(&golden["chosen_grads"]), numbers(&golden["rejected_grads"])].concat();
    assert_close_to(name, &grads(&found), &expected, tolerance);
    if !config.terms.is_empty() {
        let count = pairs.len() as f64;
        let margin = found.outcomes.iter().map(PairOutcome::margin).sum::<f64>() / count;
        assert_close_to(name, &[margin], &[number(&golden["margin"])], tolerance);
        let accurate = found.outcomes.iter().filter(|outcome| outcome.is_accurate()).count();
        assert!((accurate as f64 / count - number(&golden["accuracy"])).abs() < 1e-6, "{name}");
    }
}

#[test]
fn every_kind_follows_trl() {
    let golden = golden("preference");
    let cases = cases();
    assert_eq!(cases.len(), golden.as_object().unwrap().len());
    for (name, config) in cases {
        check(name, &config, &golden[name]);
    }
}

#[test]
fn every_gradient_is_the_derivative() {
    let pairs = pairs();
    let at = logps(&pairs);
    for (name, mut config) in cases() {
        config.nll_weight = 0.3;
        let loss = |pairs: &[PairLogps]| {
            preference_loss(&config, pairs, PreferenceTotals { pairs: 9, chosen_tokens: 50 })
        };
        assert_is_gradient(name, &at, &grads(&loss(&pairs)), |logps| {
            loss(&moved(&pairs, logps)).loss
        });
    }
}

#[test]
fn kinds_are_summed_by_weight() {
    let pairs = pairs();
    let totals = PreferenceTotals::of(&pairs);
    let one = |kind| preference_loss(&PreferenceConfig::new(kind, 0.3), &pairs, totals);
    let (sigmoid, bco) =
        (one(PreferenceKind::Sigmoid { label_smoothing: 0.0 }), one(PreferenceKind::BcoPair));
    let config = PreferenceConfig {
        terms: vec![
            PreferenceTerm { kind: PreferenceKind::Sigmoid { label_smoothing: 0.0 }, weight: 0.8 },
            PreferenceTerm { kind: PreferenceKind::BcoPair, weight: 0.2 },
        ],
        ..PreferenceConfig::new(PreferenceKind::BcoPair, 0.3)
    };
    let both = preference_loss(&config, &pairs, totals);
    assert!((both.loss - 0.8 * sigmoid.loss - 0.2 * bco.loss).abs() < 1e-12);
    let grads = grads(&sigmoid).into_iter().zip(grads(&bco));
    let expected: Vec<f64> = grads.map(|(a, b)| 0.8 * a + 0.2 * b).collect();
    assert_close_to("sum", &super::tests::grads(&both), &expected, 1e-12);
}

#[test]
fn micro_steps_add_up_to_the_step() {
    let pairs = pairs();
    let totals = PreferenceTotals::of(&pairs);
    for kind in [PreferenceKind::Ipo, PreferenceKind::Orpo] {
        let config = PreferenceConfig { nll_weight: 0.5, ..PreferenceConfig::new(kind, 0.2) };
        let whole = preference_loss(&config, &pairs, totals);
        let parts = [&pairs[..1], &pairs[1..4], &pairs[4..]]
            .map(|part| preference_loss(&config, part, totals));
        let outcomes: Vec<PairOutcome> = parts.iter().flat_map(|p| p.outcomes.clone()).collect();
        assert_eq!(outcomes, whole.outcomes);
        let sum: f64 = parts.iter().map(|part| part.loss).sum();
        assert!((sum - whole.loss).abs() < 1e-12);
    }
}

#[test]
fn a_certain_completion_has_finite_odds() {
    let pair = PairLogps {
        chosen: 0.0,
        rejected: -3.0,
        chosen_tokens: 2,
        rejected_tokens: 2,
        reference: None,
    };
    let config = PreferenceConfig::new(PreferenceKind::Orpo, 0.1);
    let found = preference_loss(&config, &[pair], PreferenceTotals::of(&[pair]));
    assert!(found.loss.is_finite() && grads(&found).iter().all(|x| x.is_finite()), "{found:?}");
}

#[test]
#[should_panic(expected = "needs a reference")]
fn a_missing_reference_is_a_bug() {
    let pair = PairLogps { reference: None, ..pairs()[0] };
    let config = PreferenceConfig::new(PreferenceKind::Ipo, 0.1);
    preference_loss(&config, &[pair], PreferenceTotals::of(&[pair]));
}

#[test]
fn parameters_out_of_range_are_errors() {
    let new = PreferenceConfig::new;
    let smoothed = |label_smoothing| PreferenceKind::Sigmoid { label_smoothing };
    let refused = [
        new(PreferenceKind::Ipo, 0.0),
        new(smoothed(0.5), 0.1),
        new(smoothed(f64::NAN), 0.1),
        new(PreferenceKind::ExoPair { label_smoothing: 0.0 }, 0.1),
        new(PreferenceKind::Discopop { tau: 0.0 }, 0.1),
        new(PreferenceKind::SimPo { gamma: -0.5, label_smoothing: 0.0 }, 2.0),
        PreferenceConfig { nll_weight: -1.0, ..new(PreferenceKind::Ipo, 0.1) },
        PreferenceConfig {
            divergence: FDivergence::ForwardKl,
            ..new(PreferenceKind::NcaPair, 0.1)
        },
    ];
    let messages: Vec<String> = refused
        .iter()
        .map(|config| {
            let error = config.validate().unwrap_err();
            assert!(matches!(error, TrainError::InvalidConfig { .. }));
            error.to_string()
        })
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}
