//! Families as they are written.

use super::family::{Families, Family, Kind};
use super::histogram::Histogram;
use super::otlp::{Starts, metrics};
use super::page::page;
use serde_json::{Value, json};
use std::time::Duration;

const EDGES: &[f64] = &[0.5, 2.0];

fn families(waiting: f64, total: f64) -> Vec<Family> {
    let mut families = Families::default();
    families.add(["catena_waiting", "vllm:waiting"], Kind::Gauge, "Those that wait.", |points| {
        points.of_model("a\"b", &[("reason", "room")], waiting);
    });
    families.add(["catena_steps_total", ""], Kind::Counter, "Steps.", |points| {
        points.number(&[("model_name", "a")], total);
    });
    let mut histogram = Histogram::new(EDGES);
    for value in [0.25, 0.5, 1.0, 4.0] {
        histogram.observe(value);
    }
    families.add(["gen_ai.server.x", ""], Kind::Histogram, "Times.", |points| {
        points.sizes(&[("gen_ai.operation.name", "chat")], histogram);
    });
    families.add(["catena_none_total", ""], Kind::Counter, "Nothing.", |_| {});
    families.0
}

#[test]
fn prometheus_has_a_family_under_each_name_and_underscores_for_dots() {
    let expected = "\
# HELP catena_waiting Those that wait.
# TYPE catena_waiting gauge
catena_waiting{model_name=\"a\\\"b\",reason=\"room\"} 3
# HELP vllm:waiting Those that wait.
# TYPE vllm:waiting gauge
vllm:waiting{model_name=\"a\\\"b\",reason=\"room\"} 3
# HELP catena_steps_total Steps.
# TYPE catena_steps_total counter
catena_steps_total{model_name=\"a\"} 7
# HELP gen_ai_server_x_seconds Times.
# TYPE gen_ai_server_x_seconds histogram
gen_ai_server_x_seconds_bucket{gen_ai_operation_name=\"chat\",le=\"0.5\"} 2
gen_ai_server_x_seconds_bucket{gen_ai_operation_name=\"chat\",le=\"2\"} 3
gen_ai_server_x_seconds_bucket{gen_ai_operation_name=\"chat\",le=\"+Inf\"} 4
gen_ai_server_x_seconds_sum{gen_ai_operation_name=\"chat\"} 5.75
gen_ai_server_x_seconds_count{gen_ai_operation_name=\"chat\"} 4
# HELP catena_none_total Nothing.
# TYPE catena_none_total counter
";
    assert_eq!(page(&families(3.0, 7.0)), expected);
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[test]
fn otlp_has_the_same_values_in_its_own_form() {
    let mut starts = Starts::at(Duration::from_secs(10));
    let written = metrics(&families(3.0, 7.0), &mut starts, Duration::from_secs(70));
    let gauge = |name: &str| {
        json!({"name": name, "description": "Those that wait.", "gauge": {"dataPoints": [{
            "attributes": [attribute("model_name", "a\"b"), attribute("reason", "room")],
            "timeUnixNano": "70000000000", "asDouble": 3.0}]}})
    };
    let sum = json!({"name": "catena_steps_total", "description": "Steps.", "sum": {
        "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{
            "attributes": [attribute("model_name", "a")], "asDouble": 7.0,
            "startTimeUnixNano": "10000000000", "timeUnixNano": "70000000000"}]}});
    let histogram = json!({"name": "gen_ai.server.x", "description": "Times.", "unit": "s",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [{
            "attributes": [attribute("gen_ai.operation.name", "chat")],
            "startTimeUnixNano": "10000000000", "timeUnixNano": "70000000000",
            "count": "4", "sum": 5.75, "bucketCounts": ["2", "1", "1"],
            "explicitBounds": [0.5, 2.0]}]}});
    let expected = [gauge("catena_waiting"), gauge("vllm:waiting"), sum, histogram];
    assert_eq!(written, expected);
}

/// What is counted anew, because its engine was loaded again, says since when.
#[test]
fn a_count_that_falls_has_begun_anew() {
    let mut starts = Starts::at(Duration::from_secs(10));
    let mut start = |waiting: f64, total: f64, now: u64| {
        let written = metrics(&families(waiting, total), &mut starts, Duration::from_secs(now));
        let point = &written[2]["sum"]["dataPoints"][0];
        point["startTimeUnixNano"].as_str().expect("a time").to_owned()
    };
    assert_eq!(start(3.0, 7.0, 70), "10000000000");
    // What is no count may fall.
    assert_eq!(start(1.0, 9.0, 130), "10000000000");
    assert_eq!(start(1.0, 2.0, 190), "130000000000");
    assert_eq!(start(1.0, 4.0, 250), "130000000000");
}
