//! Metrics that are pushed to a collector.

use crate::collector::take;
use crate::support::{LONG, Server, Start, start_with, wait_for};
use catena_serve::{MetricsPush, Observers};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const CHAT: &str = "/v1/chat/completions";
/// Longer than any test.
const HOUR: Duration = Duration::from_hours(1);

/// A collector, and what comes to it.
fn collector() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, messages) = channel();
    std::thread::spawn(move || {
        let mut is_heard = true;
        while is_heard {
            take(&listener, |head, message| is_heard = sender.send((head, message)).is_ok());
        }
    });
    (url, messages)
}

fn pushing(url: &str, interval: Duration) -> (Server, MetricsPush) {
    let push = MetricsPush::to(url, "bank", "x-team=a%20b", interval).expect("an address");
    let observers = Observers { metrics: Some(push.clone()), ..Observers::default() };
    (start_with(Start { observers, ..Start::default() }), push)
}

fn chat(server: &Server) {
    let body = json!({"model": "bank-model", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(server.post(CHAT, &body).status, 200);
}

fn metric<'a>(message: &'a Value, name: &str) -> &'a Value {
    let metrics = message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array();
    let metrics = metrics.expect("metrics");
    metrics.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn attributes(point: &Value) -> BTreeMap<&str, &str> {
    let pairs = point["attributes"].as_array().expect("a list").iter();
    pairs
        .filter_map(|pair| Some((pair["key"].as_str()?, pair["value"]["stringValue"].as_str()?)))
        .collect()
}

/// The point of `kind` that has these attributes.
fn point<'a>(message: &'a Value, name: &str, kind: &str, wanted: &[(&str, &str)]) -> &'a Value {
    let points = metric(message, name)[kind]["dataPoints"].as_array().expect("points");
    let wanted: BTreeMap<&str, &str> = wanted.iter().copied().collect();
    let found = points.iter().find(|point| attributes(point) == wanted);
    found.unwrap_or_else(|| panic!("none of {name} has {wanted:?}"))
}

fn nanos(point: &Value, field: &str) -> u128 {
    point[field].as_str().expect("a text").parse().expect("a number")
}

#[test]
fn what_prometheus_reads_is_pushed_too() {
    let (url, messages) = collector();
    let (server, push) = pushing(&url, Duration::from_millis(50));
    chat(&server);
    let written = |message: &Value| {
        let labels = [("model_name", "bank-model")];
        point(message, "vllm:generation_tokens_total", "sum", &labels)["asDouble"].as_f64()
    };
    let begun = Instant::now();
    let (head, message) = loop {
        let (head, message) = messages.recv_timeout(LONG).expect("a push");
        if written(&message) == Some(34.0) {
            break (head, message);
        }
        assert!(begun.elapsed() < LONG, "{message}");
    };
    assert!(head.starts_with("post /v1/metrics ") && head.contains("application/json"), "{head}");
    assert!(head.contains("x-team: a b\r\n"), "{head}");
    let resource = attributes(&message["resourceMetrics"][0]["resource"]);
    assert_eq!(resource["service.name"], "bank");
    assert_eq!(resource["service.instance.id"].len(), 36);
    let sum = metric(&message, "vllm:generation_tokens_total");
    assert_eq!(
        (&sum["sum"]["aggregationTemporality"], &sum["sum"]["isMonotonic"]),
        (&json!(2), &json!(true))
    );
    // Ours, vLLM's and those of the conventions.
    let labels = [("model_name", "bank")];
    for name in ["catena_kv_cache_usage_perc", "vllm:kv_cache_usage_perc"] {
        assert_eq!(point(&message, name, "gauge", &labels)["asDouble"], 0.0, "{name}");
    }
    let labels = [("model_name", "bank-model")];
    let first = point(&message, "vllm:time_to_first_token_seconds", "histogram", &labels);
    let counts = first["bucketCounts"].as_array().expect("counts");
    let edges = first["explicitBounds"].as_array().expect("edges");
    assert_eq!((counts.len(), &first["count"]), (edges.len() + 1, &json!("1")));
    let total: u64 = counts
        .iter()
        .map(|count| count.as_str().expect("a text").parse::<u64>().expect("a number"))
        .sum();
    assert_eq!(total, 1);
    assert!(nanos(first, "startTimeUnixNano") < nanos(first, "timeUnixNano"));
    let work = [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "catena"),
        ("gen_ai.request.model", "bank-model"),
        ("gen_ai.response.model", "bank-model"),
    ];
    let name = "gen_ai.server.request.duration";
    assert_eq!(point(&message, name, "histogram", &work)["count"], "1");
    assert_eq!(metric(&message, name)["unit"], "s");
    assert_eq!(push.lost(), 0);
}

/// The last values are pushed before the server ends, however long the next push would take to come.
#[test]
fn what_was_measured_is_pushed_before_the_end() {
    let (url, messages) = collector();
    let (mut server, _) = pushing(&url, HOUR);
    chat(&server);
    server.ask_to_end();
    server.join();
    let (_, message) = messages.try_recv().expect("the server ended first");
    let labels = [("model_name", "bank-model"), ("finished_reason", "stop")];
    let ended = point(&message, "catena_request_success_total", "sum", &labels);
    assert_eq!(ended["asDouble"], 1.0);
    assert!(messages.try_recv().is_err(), "it came once");
}

#[test]
fn a_collector_of_metrics_that_is_gone_delays_nobody() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let (server, push) = pushing(&format!("http://{gone}"), Duration::from_millis(20));
    let begun = Instant::now();
    chat(&server);
    assert!(begun.elapsed() < Duration::from_secs(5));
    wait_for("the loss", || push.lost() >= 2);
    assert!(server.metric("catena_metric_pushes_lost_total") >= 1.0);
}
