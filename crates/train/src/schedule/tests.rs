use super::*;
use serde_json::Value;

const GOLDEN: &str = include_str!("../../tests/golden/schedules.json");
/// Both sides compute in f64; rates near zero are compared by size of the peak.
const F64_RATE: f64 = 1e-9;

fn wsd() -> WarmupStableDecay {
    WarmupStableDecay::new(10)
}

/// The cases of `make_schedules.py`: name, warm-up steps, schedule.
fn cases() -> Vec<(&'static str, u64, Schedule)> {
    use Schedule::{
        Constant, Cosine, CosineWithMinLr, CosineWithRestarts, InverseSqrt, Linear, Polynomial,
    };
    let (min_lr, waves) = (0.1, 0.2);
    let linear = WarmupStableDecay {
        warmup: WsdShape::Cosine,
        decay: WsdShape::Linear,
        min_lr_ratio: 0.1,
        ..wsd()
    };
    let sqrt = WarmupStableDecay {
        stable_steps: Some(12),
        warmup: WsdShape::OneMinusSqrt,
        decay: WsdShape::OneMinusSqrt,
        min_lr_ratio: 0.2,
        ..wsd()
    };
    let wsd_waves =
        WarmupStableDecay { decay_steps: 20, num_cycles: 1.2, min_lr_ratio: 0.05, ..wsd() };
    vec![
        ("constant", 0, Constant),
        ("constant_with_warmup", 5, Constant),
        ("linear", 5, Linear),
        ("linear_without_warmup", 0, Linear),
        ("cosine", 5, Cosine),
        ("restarts", 4, CosineWithRestarts { num_cycles: 3 }),
        ("restarts_once", 0, CosineWithRestarts { num_cycles: 1 }),
        ("min_lr", 5, CosineWithMinLr { num_cycles: 0.5, min_lr_rate: min_lr }),
        ("min_lr_waves", 3, CosineWithMinLr { num_cycles: 1.3, min_lr_rate: waves }),
        ("inverse_sqrt", 5, InverseSqrt { timescale: None }),
        ("inverse_sqrt_timescale", 4, InverseSqrt { timescale: Some(7) }),
        ("inverse_sqrt_without_warmup", 0, InverseSqrt { timescale: None }),
        ("polynomial", 5, Schedule::POLYNOMIAL),
        ("polynomial_power", 5, Polynomial { power: 2.5, lr_end: 2e-5 }),
        ("wsd", 5, Schedule::WarmupStableDecay(WarmupStableDecay::new(12))),
        ("wsd_linear", 6, Schedule::WarmupStableDecay(linear)),
        ("wsd_sqrt", 6, Schedule::WarmupStableDecay(sqrt)),
        ("wsd_waves", 4, Schedule::WarmupStableDecay(wsd_waves)),
    ]
}

#[test]
fn every_schedule_follows_transformers() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let (peak, total) = (golden["peak"].as_f64().unwrap(), golden["total"].as_u64().unwrap());
    let cases = cases();
    assert_eq!(cases.len(), golden["rates"].as_object().unwrap().len());
    for (name, warmup, schedule) in cases {
        schedule.validate(peak, warmup, total).unwrap();
        let rates = golden["rates"][name].as_array().unwrap();
        assert_eq!(rates.len() as u64, total + 1);
        for (step, expected) in rates.iter().enumerate() {
            let expected = expected.as_f64().unwrap();
            let found = schedule.learning_rate(peak, step as u64, warmup, total);
            let bound = F64_RATE * expected.abs().max(peak * 1e-6);
            assert!((found - expected).abs() <= bound, "{name} {step}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_rate_after_the_end_is_the_last_one() {
    for (name, warmup, schedule) in cases() {
        if matches!(schedule, Schedule::InverseSqrt { .. }) {
            continue;
        }
        let last = schedule.learning_rate(3e-4, 40, warmup, 40);
        assert_eq!(schedule.learning_rate(3e-4, 1000, warmup, 40), last, "{name}");
    }
}

#[test]
fn parameters_out_of_range_are_errors() {
    let refused = [
        Schedule::CosineWithRestarts { num_cycles: 0 },
        Schedule::CosineWithMinLr { num_cycles: 0.0, min_lr_rate: 0.1 },
        Schedule::CosineWithMinLr { num_cycles: 0.5, min_lr_rate: 1.1 },
        Schedule::InverseSqrt { timescale: Some(0) },
        Schedule::Polynomial { power: -1.0, lr_end: 0.0 },
        Schedule::Polynomial { power: 1.0, lr_end: 3e-4 },
        Schedule::WarmupStableDecay(WarmupStableDecay { min_lr_ratio: -0.1, ..wsd() }),
        Schedule::WarmupStableDecay(WarmupStableDecay { num_cycles: f64::NAN, ..wsd() }),
        Schedule::WarmupStableDecay(WarmupStableDecay { decay_steps: 36, ..wsd() }),
        Schedule::WarmupStableDecay(WarmupStableDecay { stable_steps: Some(26), ..wsd() }),
    ];
    let messages: Vec<String> = refused
        .iter()
        .map(|schedule| schedule.validate(3e-4, 5, 40).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn plain_names_are_what_they_were() {
    for (name, schedule) in [
        ("constant", Schedule::Constant),
        ("linear", Schedule::Linear),
        ("cosine", Schedule::Cosine),
    ] {
        assert_eq!(serde_json::to_string(&schedule).unwrap(), format!("\"{name}\""));
    }
    for (_, _, schedule) in cases() {
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), schedule, "{text}");
    }
    assert_eq!(
        serde_json::from_str::<Schedule>("\"constant_with_warmup\"").unwrap(),
        Schedule::Constant
    );
}
