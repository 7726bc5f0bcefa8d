//! What a run would do, and why.

use crate::record::Record;
use crate::stage::Settings;

/// Whether a stage runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Its result is up to date.
    Cached,
    /// It runs; the reasons say why.
    Run,
    /// It goes on with what an interrupted run left.
    Resume,
}

/// One stage of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStage {
    /// The stage.
    pub name: &'static str,
    /// What happens to it.
    pub action: Action,
    /// Why, each reason a short phrase; empty for a cached stage.
    pub reasons: Vec<String>,
    /// Seconds and peak bytes of the last finished run, which predict the next one.
    pub last: Option<(f64, u64)>,
}

/// Why a stage with `settings` runs although `last` once finished: one phrase per difference.
pub(crate) fn reasons(
    last: Option<&Record>,
    version: u32,
    settings: &Settings,
    upstream_runs: &[&'static str],
) -> Vec<String> {
    let mut reasons: Vec<String> =
        upstream_runs.iter().map(|name| format!("`{name}` runs")).collect();
    let Some(last) = last else {
        reasons.insert(0, "no result yet".to_owned());
        return reasons;
    };
    if last.version != version {
        reasons.push(format!("stage version {} -> {version}", last.version));
    }
    for (key, value) in settings {
        match last.settings.get(key) {
            None => reasons.push(format!("{key} is new: {}", shorten(value))),
            Some(old) if old != value => {
                reasons.push(format!("{key} {} -> {}", shorten(old), shorten(value)));
            }
            Some(_) => {}
        }
    }
    for key in last.settings.keys().filter(|key| !settings.contains_key(*key)) {
        reasons.push(format!("{key} is gone"));
    }
    if reasons.is_empty() {
        reasons.push("its result was removed, or its inputs' results changed".to_owned());
    }
    reasons
}

/// A digest or a long text by its first characters.
fn shorten(value: &str) -> String {
    const MOST: usize = 24;
    if value.chars().count() <= MOST {
        return value.to_owned();
    }
    value.chars().take(12).chain("…".chars()).collect()
}
