//! Metrics in OTLP's JSON form.
//!
//! # Source
//! OpenTelemetry protocol 1.x, JSON encoding; OpenTelemetry metrics data model, "Temporality" and "Resets
//! and gaps". Names with colons, which are vLLM's, are none that an instrument may have; collectors that
//! read them from Prometheus pass them on as they are, and so do we.

use super::family::{Family, Kind, Labels, Point, Reading};
use crate::otlp::{nanos, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;

/// `families` as the protocol has them at the time `now`, each under each of its names.
pub(super) fn metrics(families: &[Family], starts: &mut Starts, now: Duration) -> Vec<Value> {
    let mut metrics = Vec::new();
    for family in families.iter().filter(|family| !family.points.is_empty()) {
        let data = data(family, starts, now);
        metrics.extend(family.names().map(|name| metric(name, family, &data)));
    }
    starts.last_push = now;
    metrics
}

fn metric(name: &'static str, family: &Family, (kind, data): &(&'static str, Value)) -> Value {
    let mut metric = json!({"name": name, "description": family.help, *kind: data});
    // What has dots is measured in seconds, and of the others, what says so.
    if name.contains('.') || name.ends_with("_seconds") {
        metric["unit"] = json!("s");
    }
    metric
}

/// The values of a family, and what the protocol calls their kind.
fn data(family: &Family, starts: &mut Starts, now: Duration) -> (&'static str, Value) {
    let name = family.names().next().unwrap_or_default();
    let is_gauge = family.kind == Kind::Gauge;
    let point = |point: &Point| {
        let start = (!is_gauge).then(|| starts.of(name, point));
        point_at(point, start, now)
    };
    let points: Vec<Value> = family.points.iter().map(point).collect();
    match family.kind {
        Kind::Gauge => ("gauge", json!({"dataPoints": points})),
        Kind::Counter => {
            let sum = json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE,
                             "isMonotonic": true});
            ("sum", sum)
        }
        Kind::Histogram => {
            ("histogram", json!({"dataPoints": points, "aggregationTemporality": CUMULATIVE}))
        }
    }
}

fn point_at(point: &Point, start: Option<Duration>, now: Duration) -> Value {
    let attributes: Vec<Value> =
        point.labels.iter().map(|(name, value)| text(name, value)).collect();
    let mut written = json!({"attributes": attributes, "timeUnixNano": nanos(now)});
    if let Some(start) = start {
        written["startTimeUnixNano"] = json!(nanos(start));
    }
    match &point.value {
        Reading::Number(value) => written["asDouble"] = json!(value),
        Reading::Sizes(histogram) => {
            let counts: Vec<String> = histogram.counts.iter().map(ToString::to_string).collect();
            written["count"] = json!(histogram.total().to_string());
            written["sum"] = json!(histogram.sum);
            written["bucketCounts"] = json!(counts);
            written["explicitBounds"] = json!(histogram.edges);
        }
    }
    written
}

/// Since when values have come together. An engine that is loaded again counts anew: a value that is less
/// than before has begun after the push before.
pub(super) struct Starts {
    begin: Duration,
    last_push: Duration,
    /// The last value of each point, and since when it counts.
    known: BTreeMap<(&'static str, Labels), (f64, Duration)>,
}

impl Starts {
    /// What came together since `begin`, in time since 1970.
    pub(super) fn at(begin: Duration) -> Self {
        Self { begin, last_push: begin, known: BTreeMap::new() }
    }

    fn of(&mut self, name: &'static str, point: &Point) -> Duration {
        let total = match &point.value {
            Reading::Number(value) => *value,
            Reading::Sizes(histogram) => histogram.total() as f64,
        };
        let key = (name, point.labels.clone());
        let (last, start) = self.known.entry(key).or_insert((0.0, self.begin));
        if total < *last {
            *start = self.last_push;
        }
        *last = total;
        *start
    }
}
