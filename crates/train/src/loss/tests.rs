//! Unpaired preferences, rewards, and the functions of one number.

use super::scalar::{log_one_minus_exp, log_sigmoid, log_sum_exp, logistic, sigmoid};
use super::test_support::{assert_close, assert_is_gradient, golden, number, numbers, spread};
use super::*;

fn examples(section: &serde_json::Value) -> Vec<KtoExample> {
    let pairs = golden("pairs");
    let logps = numbers(&pairs["chosen"]).into_iter().zip(numbers(&pairs["reference_chosen"]));
    let labels = section["labels"].as_array().unwrap();
    logps
        .zip(labels)
        .map(|((logp, reference_logp), label)| KtoExample {
            logp,
            reference_logp,
            desirable: label.as_bool().unwrap(),
        })
        .collect()
}

#[test]
fn kto_follows_trl() {
    let golden = golden("kto");
    let cases = [
        (
            "kto",
            KtoConfig {
                kind: KtoKind::Kto,
                beta: 0.1,
                desirable_weight: 1.0,
                undesirable_weight: 1.33,
            },
        ),
        (
            "apo_zero_unpaired",
            KtoConfig {
                kind: KtoKind::ApoZeroUnpaired,
                beta: 0.2,
                desirable_weight: 1.5,
                undesirable_weight: 1.0,
            },
        ),
    ];
    for (name, config) in cases {
        let expected = &golden[name];
        let kl = kto_divergence(
            &numbers(&expected["kl_logps"]),
            &numbers(&expected["kl_reference_logps"]),
        );
        if config.kind == KtoKind::Kto {
            assert_close("divergence", &[kl], &[number(&expected["kl"])]);
        }
        let examples = examples(expected);
        let found = kto_loss(&config, &examples, kl, examples.len());
        assert_close(name, &[found.loss], &[number(&expected["loss"])]);
        let grads: Vec<f64> = found.outcomes.iter().map(|outcome| outcome.grad).collect();
        assert_close(name, &grads, &numbers(&expected["grads"]));
        let liked = found.outcomes.iter().zip(&examples).filter(|(_, e)| e.desirable);
        let rewards: Vec<f64> = liked.map(|(outcome, _)| outcome.reward).collect();
        let mean = rewards.iter().sum::<f64>() / rewards.len() as f64;
        assert_close(name, &[mean], &[number(&expected["chosen_reward"])]);

        let at: Vec<f64> = examples.iter().map(|example| example.logp).collect();
        assert_is_gradient(name, &at, &grads, |logps| {
            let moved: Vec<KtoExample> = examples
                .iter()
                .zip(logps)
                .map(|(example, &logp)| KtoExample { logp, ..*example })
                .collect();
            kto_loss(&config, &moved, kl, moved.len()).loss
        });
    }
}

#[test]
fn the_divergence_of_kto_is_never_negative() {
    assert_eq!(kto_divergence(&[-9.0, -8.0], &[-5.0, -5.0]), 0.0);
    assert_eq!(kto_divergence(&[-4.0, -5.0], &[-5.0, -5.0]), 0.5);
    assert_eq!(kto_divergence(&[], &[]), 0.0);
}

#[test]
fn the_reward_loss_follows_trl() {
    let golden = golden("reward");
    for (name, center_coefficient) in [("plain", 0.0), ("centered", 0.01)] {
        let expected = &golden[name];
        let (scores, margins) = (numbers(&expected["scores"]), numbers(&expected["margins"]));
        let config = RewardConfig { center_coefficient };
        let pairs = |scores: &[f64]| -> Vec<RewardPair> {
            let (chosen, rejected) = scores.split_at(margins.len());
            let sides = chosen.iter().zip(rejected).zip(&margins);
            sides
                .map(|((&chosen, &rejected), &margin)| RewardPair { chosen, rejected, margin })
                .collect()
        };
        let found = reward_loss(&config, &pairs(&scores), margins.len());
        let (chosen, rejected): (Vec<f64>, Vec<f64>) =
            found.grads.iter().map(|[chosen, rejected]| (*chosen, *rejected)).unzip();
        let grads = [chosen, rejected].concat();
        assert_close(name, &[found.loss], &[number(&expected["loss"])]);
        assert_close(name, &grads, &numbers(&expected["grads"]));
        let accuracy = found.num_accurate as f64 / margins.len() as f64;
        assert!((accuracy - number(&expected["accuracy"])).abs() < 1e-6);
        assert_is_gradient(name, &scores, &grads, |scores| {
            reward_loss(&config, &pairs(scores), margins.len()).loss
        });
    }
}

#[test]
fn micro_steps_add_up_to_the_step() {
    let pairs: Vec<RewardPair> = spread(12, 3)
        .chunks_exact(2)
        .map(|pair| RewardPair { chosen: pair[0], rejected: pair[1], margin: 0.0 })
        .collect();
    let config = RewardConfig { center_coefficient: 0.1 };
    let whole = reward_loss(&config, &pairs, 6);
    let parts = [&pairs[..2], &pairs[2..]].map(|part| reward_loss(&config, part, 6));
    assert!((parts[0].loss + parts[1].loss - whole.loss).abs() < 1e-15);
    assert_eq!([parts[0].grads.clone(), parts[1].grads.clone()].concat(), whole.grads);
}

#[test]
fn functions_of_one_number_hold_far_out() {
    for x in [-800.0, -30.0, -1.0, 0.0, 0.5, 30.0, 800.0] {
        assert!((sigmoid(x) + sigmoid(-x) - 1.0).abs() < 1e-15, "{x}");
        assert!((log_sigmoid(x) - log_sigmoid(-x) - x).abs() <= 1e-12 * x.abs(), "{x}");
        assert!(log_sigmoid(x).is_finite() && logistic(x, 0.1).0.is_finite(), "{x}");
    }
    assert!((log_sigmoid(-1.0) - sigmoid(-1.0f64).ln()).abs() < 1e-15);
    for x in [-1e-12, -1e-3, -0.5, -0.693, -0.694, -3.0] {
        let exact = (-f64::exp_m1(x)).ln();
        assert!((log_one_minus_exp(x) - exact).abs() < 1e-12 * exact.abs().max(1.0), "{x}");
    }
    assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - std::f64::consts::LN_2).abs() < 1e-12);
    assert_eq!(log_sum_exp(&[]), f64::NEG_INFINITY);
}
