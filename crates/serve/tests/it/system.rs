//! Models, health and metrics.

use crate::support::start;
use serde_json::json;

#[test]
fn models_are_listed_and_described() {
    let server = start();
    let list = server.get("/v1/models").json();
    let ids: Vec<&str> =
        list["data"].as_array().expect("a list").iter().filter_map(|m| m["id"].as_str()).collect();
    assert_eq!(ids, ["bank", "bank-model", "bank-embedder", "bank-reranker", "bank-classifier"]);
    let one = server.get("/v1/models/bank-model").json();
    assert_eq!((&one["object"], &one["max_model_len"]), (&json!("model"), &json!(1024)));
    let none = server.get("/v1/models/other");
    assert_eq!((none.status, &none.json()["error"]["code"]), (404, &json!("model_not_found")));
}

#[test]
fn health_is_ok_until_the_engine_ends() {
    let server = start();
    assert_eq!(server.get("/health").status, 200);
    server.engine.shutdown(true);
    let answer = server.get("/health");
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["status"], "engine_stopped");
    let body = json!({"model": "bank", "messages": [{"role": "user", "content": "x"}]});
    let answer = server.post("/v1/chat/completions", &body);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (503, &json!("engine_stopped")));
}

#[test]
fn metrics_count_under_both_names() {
    let server = start();
    let body = json!({"model": "bank", "messages": [{"role": "user", "content": "x"}]});
    for _ in 0..2 {
        assert_eq!(server.post("/v1/chat/completions", &body).status, 200);
    }
    let embed = json!({"model": "bank-embedder", "input": "a b c"});
    assert_eq!(server.post("/v1/embeddings", &embed).status, 200);
    for family in ["catena_", "vllm:"] {
        let value = |name: &str| server.metric(&format!("{family}{name}"));
        assert_eq!(value("num_requests_running{model_name=\"bank\"}"), 0.0);
        assert_eq!(value("num_requests_waiting{model_name=\"bank\"}"), 0.0);
        assert_eq!(value("kv_cache_usage_perc{model_name=\"bank\"}"), 0.0);
        let labels = "{model_name=\"bank\",finished_reason=\"stop\"}";
        assert_eq!(value(&format!("request_success_total{labels}")), 2.0);
        assert_eq!(value("generation_tokens_total{model_name=\"bank\"}"), 68.0);
        assert_eq!(value("prompt_tokens_total{model_name=\"bank-embedder\"}"), 3.0);
        assert_eq!(value("time_to_first_token_seconds_count{model_name=\"bank\"}"), 2.0);
        let infinite = "{model_name=\"bank\",le=\"+Inf\"}";
        assert_eq!(value(&format!("e2e_request_latency_seconds_bucket{infinite}")), 2.0);
        assert_eq!(value("inter_token_latency_seconds_count{model_name=\"bank\"}"), 64.0);
        assert_eq!(value("num_preemptions_total{model_name=\"bank\"}"), 0.0);
    }
}

#[test]
fn the_page_is_well_formed() {
    let server = start();
    let page = server.get("/metrics");
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    let mut typed: Vec<String> = Vec::new();
    for line in page.text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            typed.push(rest.split(' ').next().expect("a name").to_owned());
        } else if !line.starts_with("# HELP ") {
            let name = line.split('{').next().expect("a name");
            let base = typed.last().expect("a type before its samples");
            assert!(name.starts_with(base.as_str()), "{name} under {base}");
            let value = line.rsplit(' ').next().expect("a value");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    let mut distinct = typed.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), typed.len(), "a family is there twice");
}

#[test]
fn a_path_with_nothing_behind_it_is_told_in_the_protocols_form() {
    let server = start();
    let answer = server.post("/v1/none", &json!({}));
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("no_such_route")));
    let answer = server.get("/api/none");
    assert_eq!(answer.status, 404);
    assert!(answer.json()["error"].as_str().is_some_and(|text| text.contains("/api/none")));
}
