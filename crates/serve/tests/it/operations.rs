//! What those who run a server need: health, metrics, traces, names of requests.

use crate::collector::take;
use crate::support::{ANSWER, LONG, Start, start, start_gated, start_with, wait_for};
use catena_serve::{Observers, Settings, Traces};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CHAT: &str = "/v1/chat/completions";

fn chat() -> Value {
    json!({"model": "bank-model", "messages": [{"role": "user", "content": "x"}]})
}

#[test]
fn a_server_that_drains_is_alive_and_not_ready() {
    let mut server = start_gated(8, LONG);
    let mut body = chat();
    body["stream"] = json!(true);
    body["max_tokens"] = json!(2);
    let _stream = crate::support::open(&server, &body);
    server.step();
    wait_for("the start", || server.engine.stats().running == 1);
    let (live, ready) = (server.get("/livez"), server.get("/readyz"));
    assert_eq!((live.status, ready.status), (200, 200));
    let app = server.app.clone();
    app.begin_drain();
    assert_eq!(server.get("/livez").status, 200);
    let ready = server.get("/readyz");
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("draining")));
    let refused = server.post(CHAT, &chat());
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("shutting_down")));
    server.ask_to_end();
    server.step();
    server.join();
}

#[test]
fn an_engine_that_stopped_is_not_alive() {
    let server = start();
    server.engine.shutdown(true);
    assert_eq!((server.get("/livez").status, server.get("/readyz").status), (503, 503));
}

/// What the Gateway API's endpoint picker, KEDA and Grafana boards for vLLM ask for.
#[test]
fn vllms_families_are_there_with_its_edges() {
    let server = start();
    assert_eq!(server.post(CHAT, &chat()).status, 200);
    let page = server.get("/metrics").text;
    for (family, kind) in [
        ("num_requests_running", "gauge"),
        ("num_requests_waiting", "gauge"),
        ("num_requests_waiting_by_reason", "gauge"),
        ("kv_cache_usage_perc", "gauge"),
        ("gpu_cache_usage_perc", "gauge"),
        ("cache_config_info", "gauge"),
        ("iteration_tokens_total", "histogram"),
        ("external_prefix_cache_queries_total", "counter"),
        ("external_prefix_cache_hits_total", "counter"),
        ("prefix_cache_queries_total", "counter"),
        ("prefix_cache_hits_total", "counter"),
        ("num_preemptions_total", "counter"),
        ("prompt_tokens_total", "counter"),
        ("prompt_tokens_cached_total", "counter"),
        ("generation_tokens_total", "counter"),
        ("request_success_total", "counter"),
        ("spec_decode_num_drafts_total", "counter"),
        ("spec_decode_num_draft_tokens_total", "counter"),
        ("spec_decode_num_accepted_tokens_per_pos_total", "counter"),
        ("spec_decode_num_accepted_tokens_total", "counter"),
        ("time_to_first_token_seconds", "histogram"),
        ("inter_token_latency_seconds", "histogram"),
        ("time_per_output_token_seconds", "histogram"),
        ("e2e_request_latency_seconds", "histogram"),
        ("request_queue_time_seconds", "histogram"),
        ("request_prefill_time_seconds", "histogram"),
        ("request_inference_time_seconds", "histogram"),
        ("request_decode_time_seconds", "histogram"),
        ("request_prompt_tokens", "histogram"),
        ("request_generation_tokens", "histogram"),
        ("request_params_n", "histogram"),
        ("request_params_max_tokens", "histogram"),
    ] {
        assert!(page.contains(&format!("# TYPE vllm:{family} {kind}\n")), "{family}");
    }
    let edges = |family: &str| -> Vec<String> {
        let prefix = format!("vllm:{family}_bucket{{model_name=\"bank-model\",le=\"");
        let lines = page.lines().filter_map(|line| line.strip_prefix(prefix.as_str()));
        lines.map(|rest| rest.split('"').next().expect("an edge").to_owned()).collect()
    };
    let ttft = edges("time_to_first_token_seconds");
    assert_eq!(ttft[..4], ["0.001", "0.005", "0.01", "0.02"]);
    assert_eq!(ttft[19..], ["160", "640", "2560", "+Inf"]);
    assert_eq!(edges("inter_token_latency_seconds").len(), 20);
    assert_eq!(edges("e2e_request_latency_seconds")[..3], ["0.3", "0.5", "0.8"]);
    assert_eq!(edges("request_params_n"), ["1", "2", "5", "10", "20", "+Inf"]);
    let value = |prefix: &str| server.metric(prefix);
    assert_eq!(value("vllm:request_generation_tokens_sum{model_name=\"bank-model\""), 34.0);
    assert_eq!(value("vllm:request_params_n_sum{model_name=\"bank-model\""), 1.0);
    let step = "vllm:iteration_tokens_total_bucket{model_name=\"bank\",le=\"16384\"}";
    assert!(value(step) > 0.0);
}

/// The parts of a request's time are the engine's, and steps are counted by what they run.
#[test]
fn times_and_steps_are_those_of_the_engine() {
    let server = start_gated(8, LONG);
    let mut body = chat();
    body["max_tokens"] = json!(3);
    let wait = Duration::from_millis(50);
    std::thread::scope(|scope| {
        let [first, second] = [(); 2].map(|()| scope.spawn(|| server.post(CHAT, &body).status));
        let running = "catena_generations_running{model_name=\"bank-model\"}";
        wait_for("both", || server.metric(running) == 2.0);
        let begun = std::time::Instant::now();
        while begun.elapsed() < wait {
            std::thread::yield_now();
        }
        for _ in 0..6 {
            server.step();
        }
        assert_eq!((first.join().expect("it ends"), second.join().expect("it ends")), (200, 200));
    });
    let value = |name: &str| server.metric(&format!("vllm:{name}{{model_name=\"bank\""));
    let of = |name: &str| server.metric(&format!("vllm:{name}{{model_name=\"bank-model\""));
    for part in ["queue", "prefill", "decode", "inference"] {
        assert_eq!(of(&format!("request_{part}_time_seconds_count")), 2.0, "{part}");
    }
    let sum = |part: &str| of(&format!("request_{part}_time_seconds_sum"));
    // One of them waited, while the other's first token did.
    assert!(sum("queue") >= wait.as_secs_f64() && sum("prefill") >= wait.as_secs_f64());
    assert!((sum("inference") - sum("prefill") - sum("decode")).abs() < 1e-6);
    assert_eq!(value("iteration_tokens_total_count"), 6.0);
    let tokens = server.metric("catena_engine_tokens_total{model_name=\"bank\"}");
    assert_eq!(value("iteration_tokens_total_sum"), tokens);
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let server = start();
    for _ in 0..3 {
        server.post(CHAT, &chat());
    }
    server.post(CHAT, &json!({}));
    server.get("/v1/models/none");
    server.get("/nothing");
    let count = |route: &str, method: &str, status: u16| {
        server.metric(&format!(
            "catena_http_requests_total{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}"
        ))
    };
    assert_eq!(count(CHAT, "POST", 200), 3.0);
    assert_eq!(count(CHAT, "POST", 400), 1.0);
    assert_eq!(count("/v1/models/{*name}", "GET", 404), 1.0);
    assert_eq!(count("(unknown)", "GET", 404), 1.0);
    let seconds = "catena_http_request_duration_seconds_count{route=\"/v1/chat/completions\"}";
    assert_eq!(server.metric(seconds), 4.0);
}

/// Takes messages of traces and answers them.
struct Collector {
    url: String,
    /// Whether all have come.
    has_come: Arc<AtomicBool>,
    /// The head and the body of the last one; the body has the spans of all.
    thread: std::thread::JoinHandle<(String, Value)>,
}

/// Takes messages until `count` spans have come.
fn collector(count: usize) -> Collector {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let has_come = Arc::new(AtomicBool::new(false));
    let come = has_come.clone();
    let thread = std::thread::spawn(move || {
        let mut spans: Vec<Value> = Vec::new();
        let mut last = None;
        while last.is_none() {
            take(&listener, |head, mut message| {
                let all = &mut message["resourceSpans"][0]["scopeSpans"][0]["spans"];
                spans.extend(all.as_array().expect("spans").iter().cloned());
                if spans.len() >= count {
                    *all = json!(spans);
                    come.store(true, Ordering::SeqCst);
                    last = Some((head, message));
                }
            });
        }
        last.expect("it came")
    });
    Collector { url, has_come, thread }
}

#[test]
fn a_request_is_traced_by_the_conventions() {
    let collector = collector(1);
    let traces = Traces::to(&collector.url, "bank").expect("an address");
    let observers = Observers { traces: Some(traces.clone()), ..Observers::default() };
    let aliases = BTreeMap::from([("fast".to_owned(), "bank-model".to_owned())]);
    let settings = Settings { aliases, ..Settings::default() };
    let server = start_with(Start { settings, observers, ..Start::default() });
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("traceparent", parent), ("x-request-id", "abc")];
    let mut asked = chat();
    for (field, value) in [
        ("model", json!("fast")),
        ("max_tokens", json!(60)),
        ("temperature", json!(0.7)),
        ("top_p", json!(0.9)),
        ("seed", json!(7)),
        ("n", json!(2)),
    ] {
        asked[field] = value;
    }
    let answer = server.send("POST", CHAT, &headers, &asked.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let unsampled = "00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00";
    server.send("GET", "/v1/models", &[("traceparent", unsampled)], "");
    let (head, message) = collector.thread.join().expect("it came");
    assert!(head.starts_with("post /v1/traces ") && head.contains("application/json"), "{head}");
    let spans = &message["resourceSpans"][0];
    let resource = &spans["resource"]["attributes"];
    assert_eq!(resource[0]["value"]["stringValue"], "bank");
    assert_eq!(resource[1]["key"], "service.version");
    let spans = spans["scopeSpans"][0]["spans"].as_array().expect("spans");
    assert_eq!(spans.len(), 1, "the other one was not to be traced");
    let span = &spans[0];
    assert_eq!(span["name"], "chat fast");
    assert_eq!(span["traceId"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span["parentSpanId"], "b7ad6b7169203331");
    assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
    assert_eq!(span["events"][0]["name"], "catena.first_token");
    let nanos =
        |field: &str| -> u64 { span[field].as_str().expect("a text").parse().expect("a number") };
    assert!(nanos("startTimeUnixNano") < nanos("endTimeUnixNano"));
    let attributes: BTreeMap<&str, &Value> = span["attributes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pair| (pair["key"].as_str().expect("a key"), &pair["value"]))
        .collect();
    for (key, value) in [
        ("gen_ai.operation.name", json!({"stringValue": "chat"})),
        ("gen_ai.request.model", json!({"stringValue": "fast"})),
        ("gen_ai.response.model", json!({"stringValue": "bank-model"})),
        ("gen_ai.request.max_tokens", json!({"intValue": "60"})),
        ("gen_ai.request.temperature", json!({"doubleValue": 0.7})),
        ("gen_ai.request.top_p", json!({"doubleValue": 0.9})),
        ("gen_ai.request.seed", json!({"intValue": "7"})),
        ("gen_ai.request.choice.count", json!({"intValue": "2"})),
        ("server.address", json!({"stringValue": "127.0.0.1"})),
        ("server.port", json!({"intValue": server.address.port().to_string()})),
        ("gen_ai.usage.output_tokens", json!({"intValue": (2 * (ANSWER.len() + 1)).to_string()})),
        ("http.response.status_code", json!({"intValue": "200"})),
        ("http.route", json!({"stringValue": CHAT})),
        ("catena.request_id", json!({"stringValue": "abc"})),
    ] {
        assert_eq!(attributes.get(key), Some(&&value), "{key}");
    }
    assert_eq!(attributes["gen_ai.response.id"]["stringValue"], answer.json()["id"]);
    let reasons = &attributes["gen_ai.response.finish_reasons"]["arrayValue"]["values"];
    assert_eq!(reasons, &json!([{"stringValue": "stop"}, {"stringValue": "stop"}]));
    assert_eq!(traces.lost(), 0);
}

/// What an attribute would say that is not so is not said.
#[test]
fn a_span_tells_what_its_request_asked_for_and_no_more() {
    let collector = collector(5);
    let traces = Traces::to(&collector.url, "bank").expect("an address");
    let observers = Observers { traces: Some(traces), ..Observers::default() };
    let mut server = start_with(Start { observers, ..Start::default() });
    let mut asked = chat();
    asked["stream"] = json!(true);
    asked["max_tokens"] = json!(8);
    assert_eq!(server.post(CHAT, &asked).status, 200);
    let embed = json!({"model": "bank-embedder", "input": "a fee", "dimensions": 2});
    assert_eq!(server.post("/v1/embeddings", &embed).status, 200);
    let mut asked = chat();
    asked["response_format"] = json!({"type": "json_object"});
    asked["max_tokens"] = json!(4);
    assert_eq!(server.post(CHAT, &asked).status, 200);
    asked["model"] = json!("none");
    assert_eq!(server.post(CHAT, &asked).status, 404);
    server.get("/nothing/at/all");
    server.ask_to_end();
    server.join();
    let (_, message) = collector.thread.join().expect("it came");
    let spans = message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans");
    let value = |span: usize, key: &str| -> Option<Value> {
        let attributes = spans[span]["attributes"].as_array().expect("a list");
        let found = attributes.iter().find(|attribute| attribute["key"] == key)?;
        found["value"].as_object().and_then(|value| value.values().next().cloned())
    };
    let names: Vec<&str> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!(
        names,
        ["chat bank-model", "embeddings bank-embedder", "chat bank-model", "chat none", "GET"]
    );
    assert_eq!(value(0, "gen_ai.request.stream"), Some(json!(true)));
    assert_eq!(value(0, "gen_ai.output.type"), None);
    assert_eq!(value(0, "gen_ai.usage.output_tokens"), Some(json!("8")));
    let wait = value(0, "gen_ai.response.time_to_first_chunk").expect("it streamed");
    assert!(wait.as_f64() > Some(0.0), "{wait}");
    for key in ["gen_ai.request.seed", "gen_ai.request.choice.count", "error.type"] {
        assert_eq!(value(0, key), None, "{key}");
    }
    assert_eq!(value(1, "gen_ai.embeddings.dimension.count"), Some(json!("2")));
    for key in ["gen_ai.usage.output_tokens", "gen_ai.request.stream", "gen_ai.response.id"] {
        assert_eq!(value(1, key), None, "{key}");
    }
    assert_eq!(value(2, "gen_ai.output.type"), Some(json!("json")));
    assert_eq!(value(2, "gen_ai.request.stream"), None);
    assert_eq!(value(3, "error.type"), Some(json!("model_not_found")));
    assert_eq!((value(3, "gen_ai.response.model"), value(4, "http.route")), (None, None));
    // What is wrong with a request is no error of the server's span.
    assert!(spans.iter().all(|span| span["status"] == json!({})), "{message}");
}

/// The measures that the conventions have for servers, as Prometheus names them.
#[test]
fn requests_are_measured_by_the_conventions() {
    let aliases = BTreeMap::from([("fast".to_owned(), "bank-model".to_owned())]);
    let server = start_with(Start {
        settings: Settings { aliases, ..Settings::default() },
        ..Start::default()
    });
    let mut asked = chat();
    asked["model"] = json!("fast");
    asked["stream"] = json!(true);
    asked["max_tokens"] = json!(8);
    assert_eq!(server.post(CHAT, &asked).status, 200);
    let embed = json!({"model": "bank-embedder", "input": "a fee"});
    assert_eq!(server.post("/v1/embeddings", &embed).status, 200);
    for invented in ["x", "y"] {
        asked["model"] = json!(invented);
        assert_eq!(server.post(CHAT, &asked).status, 404);
    }
    let work = |operation: &str| {
        format!("gen_ai_operation_name=\"{operation}\",gen_ai_provider_name=\"catena\"")
    };
    let of = |asked: &str, served: &str| {
        format!(",gen_ai_request_model=\"{asked}\",gen_ai_response_model=\"{served}\"")
    };
    let count = |family: &str, labels: &str| {
        server.metric(&format!("gen_ai_server_{family}_seconds_count{{{labels}}}"))
    };
    let streamed = work("chat") + &of("fast", "bank-model");
    for family in ["request_duration", "time_to_first_token", "time_per_output_token"] {
        assert_eq!(count(family, &streamed), 1.0, "{family}");
        let kind = format!("# TYPE gen_ai_server_{family}_seconds histogram\n");
        assert!(server.get("/metrics").text.contains(&kind), "{family}");
    }
    let embeddings = work("embeddings") + &of("bank-embedder", "bank-embedder");
    assert_eq!(count("request_duration", &embeddings), 1.0);
    let refused = work("chat") + ",error_type=\"model_not_found\"";
    assert_eq!(count("request_duration", &refused), 2.0, "names of no model are no labels");
    let text = server.get("/metrics").text;
    assert!(!text.contains("gen_ai_request_model=\"x\""), "{text}");
}

/// The last spans are sent before the server ends, with the headers that the collector wants.
#[test]
fn what_was_traced_is_sent_before_the_end() {
    let collector = collector(1);
    let traces = Traces::with_headers(&collector.url, "bank", "x-team=a%20b").expect("an address");
    let observers = Observers { traces: Some(traces), ..Observers::default() };
    let mut server = start_with(Start { observers, ..Start::default() });
    assert_eq!(server.post(CHAT, &chat()).status, 200);
    let begun = std::time::Instant::now();
    server.ask_to_end();
    server.join();
    assert!(collector.has_come.load(Ordering::SeqCst), "the server ended first");
    assert!(begun.elapsed() < Duration::from_secs(5));
    let (head, message) = collector.thread.join().expect("it came");
    assert!(head.contains("x-team: a b\r\n"), "{head}");
    let spans = &message["resourceSpans"][0]["scopeSpans"][0]["spans"];
    assert_eq!(spans[0]["name"], "chat bank-model");
}

#[test]
fn a_collector_that_is_gone_delays_nobody() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let traces = Traces::to(&format!("http://{gone}"), "bank").expect("an address");
    let observers = Observers { traces: Some(traces.clone()), ..Observers::default() };
    let server = start_with(Start { observers, ..Start::default() });
    let begun = std::time::Instant::now();
    assert_eq!(server.post(CHAT, &chat()).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    wait_for("the loss", || traces.lost() == 1);
    assert!(server.metric("catena_trace_spans_lost_total") >= 1.0);
}
