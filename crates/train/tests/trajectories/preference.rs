//! Preferences, with and without a reference model.

use catena_model::training::Task;
use catena_train::{Kto, KtoConfig, KtoKind, Preference, PreferenceConfig, PreferenceKind};

use crate::drive::Run;
use crate::samples::Golden;
use crate::{MAX_TOKENS, TARGETS, decoder, with_lora};

fn check(run: &Run, kind: PreferenceKind, beta: f64) {
    let samples = Golden::read().samples.pairs();
    let config = PreferenceConfig::new(kind, beta);
    let mut objective = Preference::new(&samples, config, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_lora", Task::LanguageModel);
    run.check(&mut model, &mut objective);
}

const SIGMOID: PreferenceKind = PreferenceKind::Sigmoid { label_smoothing: 0.0 };

#[test]
fn dpo_follows_trl() {
    check(&Run::new("dpo", 4, 1e-4), SIGMOID, 0.1);
}

#[test]
fn dpo_of_pairs_follows_trl_with_the_base_as_reference() {
    let samples = Golden::read().samples.pairs();
    let config = PreferenceConfig::new(SIGMOID, 0.1);
    let mut objective = Preference::new(&samples, config, MAX_TOKENS).unwrap();
    let mut model = with_lora("tiny_lora", &TARGETS);
    Run::new("dpo_lora", 4, 1e-3).check(&mut model, &mut objective);
}

#[test]
fn relatives_of_dpo_follow_trl() {
    for (name, kind) in [
        ("ipo", PreferenceKind::Ipo),
        ("hinge", PreferenceKind::Hinge),
        ("robust", PreferenceKind::Robust { label_smoothing: 0.1 }),
        ("apo_zero", PreferenceKind::ApoZero),
        ("apo_down", PreferenceKind::ApoDown),
        ("exo_pair", PreferenceKind::ExoPair { label_smoothing: 0.1 }),
        ("nca_pair", PreferenceKind::NcaPair),
        ("sppo_hard", PreferenceKind::SppoHard),
        ("discopop", PreferenceKind::Discopop { tau: 0.05 }),
    ] {
        check(&Run::new(name, 4, 1e-4), kind, 0.1);
    }
}

/// TRL's mean over tokens is of a micro-step, ours of the step: the golden has one in each.
#[test]
fn likelihoods_beside_preferences_follow_trl() {
    let samples = Golden::read().samples.pairs();
    let cpo = |label_smoothing| PreferenceConfig::new(PreferenceKind::Cpo { label_smoothing }, 0.1);
    let smoothed = PreferenceConfig { nll_weight: 0.0, ..cpo(0.1) };
    let dpo = PreferenceConfig { nll_weight: 0.5, ..PreferenceConfig::new(SIGMOID, 0.1) };
    for (name, config) in [("cpo", cpo(0.0)), ("cpo_smoothed", smoothed), ("dpo_nll", dpo)] {
        let mut objective = Preference::new(&samples, config, MAX_TOKENS).unwrap();
        let mut model = decoder("tiny_lora", Task::LanguageModel);
        Run::new(name, 4, 1e-4).check(&mut model, &mut objective);
    }
}

#[test]
fn simpo_follows_trl() {
    let kind = PreferenceKind::SimPo { gamma: 0.5, label_smoothing: 0.0 };
    check(&Run::new("simpo", 4, 5e-5), kind, 2.0);
}

/// TRL's likelihood goes over the prompt too, ours over the completion: the prompts have one token,
/// which nothing predicts.
#[test]
fn orpo_follows_trl() {
    let samples = Golden::read().samples.short_pairs();
    let config = PreferenceConfig::new(PreferenceKind::Orpo, 0.2);
    let mut objective = Preference::new(&samples, config, MAX_TOKENS).unwrap();
    let mut model = decoder("tiny_lora", Task::LanguageModel);
    Run::new("orpo", 4, 1e-3).check(&mut model, &mut objective);
}

#[test]
fn kto_and_its_relative_follow_trl() {
    let samples = Golden::read().samples.liked();
    for (name, kind) in [("kto", KtoKind::Kto), ("kto_apo", KtoKind::ApoZeroUnpaired)] {
        let config = KtoConfig { kind, undesirable_weight: 1.5, ..KtoConfig::default() };
        let mut objective = Kto::new(&samples, config, MAX_TOKENS).unwrap();
        let mut model = decoder("tiny_lora", Task::LanguageModel);
        Run::new(name, samples.len(), 2e-4).check(&mut model, &mut objective);
    }
}
