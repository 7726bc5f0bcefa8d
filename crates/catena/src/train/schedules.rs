//! The schedule of a run.

use super::settings::{ScheduleName, TrainSettings};
use catena_train::{Schedule, WarmupStableDecay};

/// The schedule of a run of `total` steps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the steps is a number of steps, waves are few"
)]
pub(super) fn schedule(settings: &TrainSettings, total: u64) -> Schedule {
    let details = &settings.schedule_details;
    let (cycles, min_lr) = (details.schedule_num_cycles, details.schedule_min_lr_ratio);
    match settings.schedule {
        ScheduleName::Constant => Schedule::Constant,
        ScheduleName::Linear => Schedule::Linear,
        ScheduleName::Cosine => Schedule::Cosine,
        ScheduleName::CosineWithRestarts => {
            Schedule::CosineWithRestarts { num_cycles: cycles.unwrap_or(1.0) as u32 }
        }
        ScheduleName::CosineWithMinLr => Schedule::CosineWithMinLr {
            num_cycles: cycles.unwrap_or(0.5),
            min_lr_rate: min_lr.unwrap_or(0.1),
        },
        ScheduleName::InverseSqrt => {
            Schedule::InverseSqrt { timescale: details.schedule_timescale }
        }
        ScheduleName::Polynomial => {
            Schedule::Polynomial { power: details.schedule_power, lr_end: details.schedule_lr_end }
        }
        ScheduleName::WarmupStableDecay => {
            let share = (details.schedule_decay_ratio * total as f64).ceil() as u64;
            Schedule::WarmupStableDecay(WarmupStableDecay {
                stable_steps: details.schedule_stable_steps,
                warmup: details.schedule_warmup_type,
                decay: details.schedule_decay_type,
                min_lr_ratio: min_lr.unwrap_or(0.0),
                num_cycles: cycles.unwrap_or(0.5),
                ..WarmupStableDecay::new(details.schedule_decay_steps.unwrap_or(share))
            })
        }
    }
}

/// Refuses details out of range, whatever the number of steps.
///
/// # Errors
/// The first key out of range, with its value and the range.
pub(super) fn check(settings: &TrainSettings) -> Result<(), String> {
    let details = &settings.schedule_details;
    let (share, power, end) =
        (details.schedule_decay_ratio, details.schedule_power, details.schedule_lr_end);
    let min_lr = details.schedule_min_lr_ratio.unwrap_or(0.0);
    let cycles = details.schedule_num_cycles.unwrap_or(1.0);
    let whole = settings.schedule != ScheduleName::CosineWithRestarts || cycles.fract() == 0.0;
    let below = settings.schedule != ScheduleName::Polynomial || end < settings.learning_rate;
    let timescale = details.schedule_timescale.unwrap_or(1);
    let few = cycles > 0.0 && cycles <= f64::from(u32::MAX);
    let checks = [
        ("schedule_decay_ratio", share, (0.0..=1.0).contains(&share), "0 to 1"),
        ("schedule_min_lr_ratio", min_lr, (0.0..=1.0).contains(&min_lr), "0 to 1"),
        ("schedule_num_cycles", cycles, few, "greater than 0"),
        ("schedule_num_cycles", cycles, whole, "a whole number with restarts"),
        ("schedule_power", power, power.is_finite() && power > 0.0, "greater than 0"),
        ("schedule_lr_end", end, end >= 0.0 && below, "0 or more and below `learning_rate`"),
        ("schedule_timescale", timescale as f64, timescale > 0, "1 or more"),
    ];
    match checks.into_iter().find(|(_, _, holds, _)| !holds) {
        None => Ok(()),
        Some((key, value, _, range)) => Err(format!("`{key}` is {value}, it must be {range}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::{of_json, settings};
    use super::*;
    use serde_json::{Map, Value, json};

    /// Every key changes the rate of some step.
    #[test]
    fn every_detail_reaches_the_schedule() {
        for (name, key, value) in [
            ("cosine_with_restarts", "schedule_num_cycles", json!(3)),
            ("cosine_with_min_lr", "schedule_num_cycles", json!(1.5)),
            ("cosine_with_min_lr", "schedule_min_lr_ratio", json!(0.3)),
            ("inverse_sqrt", "schedule_timescale", json!(3)),
            ("polynomial", "schedule_power", json!(2)),
            ("polynomial", "schedule_lr_end", json!(1e-5)),
            ("warmup_stable_decay", "schedule_decay_ratio", json!(0.5)),
            ("warmup_stable_decay", "schedule_decay_steps", json!(3)),
            ("warmup_stable_decay", "schedule_stable_steps", json!(2)),
            ("warmup_stable_decay", "schedule_warmup_type", json!("cosine")),
            ("warmup_stable_decay", "schedule_decay_type", json!("1-sqrt")),
            ("warmup_stable_decay", "schedule_min_lr_ratio", json!(0.1)),
            ("warmup_stable_decay", "schedule_num_cycles", json!(1.0)),
        ] {
            let mut keys = Map::from_iter([("schedule".to_owned(), json!(name))]);
            keys.insert("schedule_decay_ratio".to_owned(), json!(0.4));
            let rates = |keys: &Map<String, Value>| -> Vec<f64> {
                let read = of_json(Value::Object(keys.clone()));
                check(&read).unwrap();
                let made = schedule(&read, 20);
                made.validate(read.learning_rate, 4, 20).unwrap();
                (0..20).map(|step| made.learning_rate(read.learning_rate, step, 4, 20)).collect()
            };
            let plain = rates(&keys);
            keys.insert(key.to_owned(), value);
            assert_ne!(rates(&keys), plain, "{name} {key}");
        }
    }

    #[test]
    fn details_out_of_range_are_named() {
        for (keys, said) in [
            (
                json!({"schedule_decay_ratio": 1.5}),
                "`schedule_decay_ratio` is 1.5, it must be 0 to 1",
            ),
            (json!({"schedule_min_lr_ratio": -0.1}), "`schedule_min_lr_ratio` is -0.1"),
            (json!({"schedule_num_cycles": 0}), "`schedule_num_cycles` is 0, it must be greater"),
            (
                json!({"schedule": "cosine_with_restarts", "schedule_num_cycles": 2.5}),
                "`schedule_num_cycles` is 2.5, it must be a whole number",
            ),
            (json!({"schedule_power": -1.0}), "`schedule_power` is -1"),
            (
                json!({"schedule": "polynomial", "schedule_lr_end": 1.0}),
                "`schedule_lr_end` is 1, it must be 0 or more and below `learning_rate`",
            ),
            (json!({"schedule_timescale": 0}), "`schedule_timescale` is 0, it must be 1 or more"),
        ] {
            let error = check(&of_json(keys)).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        let error = settings(Map::from_iter([("schedule_decay_type".to_owned(), json!("steep"))]));
        assert!(error.unwrap_err().contains("`1-sqrt`"));
    }
}
