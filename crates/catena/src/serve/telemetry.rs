//! OpenTelemetry's variables, for what neither `[serve]` nor a flag says.

use crate::progress::say;
use catena_serve::MetricsPush;
use std::time::Duration;

/// Longest time between two pushes of metrics: a day.
const LONGEST_INTERVAL_MS: u64 = 86_400_000;

/// Where a signal (`traces` or `metrics`) is sent: to what is given, else to the collector that a
/// variable names, of this signal or of all of them; `None` for nowhere.
pub(super) fn collector(given: &str, signal: &str) -> Option<String> {
    collector_of(given, signal, otel)
}

fn collector_of(
    given: &str,
    signal: &str,
    otel: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    if !given.is_empty() {
        return Some(given.to_owned());
    }
    let own = otel(&format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.to_uppercase()));
    own.or_else(|| {
        let base = otel("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/{signal}", base.trim_end_matches('/')))
    })
}

/// Headers for the collector of a signal.
pub(super) fn headers(signal: &str) -> String {
    let own = otel(&format!("OTEL_EXPORTER_OTLP_{}_HEADERS", signal.to_uppercase()));
    own.or_else(|| otel("OTEL_EXPORTER_OTLP_HEADERS")).unwrap_or_default()
}

/// How often metrics are pushed. What is no number of milliseconds is said and passed over, as
/// OpenTelemetry's specification has it.
pub(super) fn push_interval() -> Duration {
    const NAME: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    let Some(text) = otel(NAME) else { return MetricsPush::INTERVAL };
    let millis = text.trim().parse().ok().filter(|ms| (1..=LONGEST_INTERVAL_MS).contains(ms));
    if let Some(millis) = millis {
        return Duration::from_millis(millis);
    }
    let seconds = MetricsPush::INTERVAL.as_secs();
    say(&format!(
        "warning: {NAME} is `{text}`, which is not 1 to {LONGEST_INTERVAL_MS}; metrics are pushed \
         every {seconds} s"
    ));
    MetricsPush::INTERVAL
}

/// A variable of OpenTelemetry; an empty one counts as none, as its specification has it.
fn otel(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::collector_of;

    #[test]
    fn what_is_given_comes_before_the_signals_variable_and_that_before_the_one_of_all() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318/");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://own:4318");
        let found = |given: &str, set: &[(&str, &str)]| {
            let otel = |name: &str| {
                let pair = set.iter().find(|(found, _)| *found == name);
                pair.map(|(_, value)| (*value).to_owned())
            };
            collector_of(given, "traces", otel)
        };
        assert_eq!(found("http://given", &[all, own]).as_deref(), Some("http://given"));
        assert_eq!(found("", &[all, own]).as_deref(), Some("http://own:4318"));
        assert_eq!(found("", &[all]).as_deref(), Some("http://all:4318/v1/traces"));
        assert_eq!(found("", &[]), None);
    }
}
