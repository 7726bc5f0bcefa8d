//! Overload, clients that go away, and shutting down.

use crate::support::{
    ANSWER, LONG, Start, open, read_until, start, start_gated, start_with, wait_for,
};
use catena_serve::{Ended, Settings};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn chat(max_tokens: usize) -> Value {
    json!({"model": "bank-model", "messages": [{"role": "user", "content": "x"}],
           "max_tokens": max_tokens, "ignore_eos": true, "stream": true})
}

#[test]
fn a_full_queue_is_an_answer() {
    let server = start_gated(0, LONG);
    let mut running = open(&server, &chat(50));
    read_until(&mut running, "\"role\":\"assistant\"");
    let answer = server.post("/v1/chat/completions", &chat(5));
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("rate_limit_error"), &json!("queue_full"))
    );
}

#[test]
fn a_client_that_goes_away_frees_its_blocks() {
    let server = start_gated(8, LONG);
    let mut stream = open(&server, &chat(400));
    server.step();
    read_until(&mut stream, "\"content\":\"A\"");
    assert!(server.engine.stats().used_blocks > 0);
    drop(stream);
    let aborted =
        "catena_request_success_total{model_name=\"bank-model\",finished_reason=\"abort\"}";
    wait_for("the abort", || server.metric(aborted) == 1.0);
    // The step that was under way, if one was, ends; the request is gone before the next one.
    wait_for("the cleanup", || {
        server.step_on();
        server.engine.stats().running == 0
    });
    let stats = server.engine.stats();
    assert_eq!((stats.used_blocks, stats.waiting), (0, 0));
    assert!(stats.steps <= 3, "{} steps", stats.steps);
}

#[test]
fn a_client_that_goes_away_while_waiting_for_a_whole_answer_is_noticed_too() {
    let server = start_gated(8, LONG);
    let mut body = chat(400);
    body["stream"] = json!(false);
    let stream = open(&server, &body);
    server.step();
    wait_for("the start", || server.engine.stats().running == 1);
    drop(stream);
    let aborted =
        "catena_request_success_total{model_name=\"bank-model\",finished_reason=\"abort\"}";
    wait_for("the abort", || server.metric(aborted) == 1.0);
    wait_for("the cleanup", || {
        server.step_on();
        server.engine.stats().running == 0
    });
    assert!(server.engine.stats().steps <= 3);
}

#[test]
fn shutting_down_lets_running_streams_end() {
    let mut server = start_gated(8, LONG);
    let mut stream = open(&server, &chat(12));
    server.step();
    read_until(&mut stream, "\"content\":\"A\"");
    let mut kept = TcpStream::connect(server.address).expect("a connection");
    server.ask_to_end();
    // The listener closes once the server has heard.
    wait_for("the end of listening", || TcpStream::connect(server.address).is_err());
    for _ in 0..11 {
        server.step();
    }
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("\"finish_reason\":\"length\"") && rest.contains("[DONE]"), "{rest}");
    let text: String = rest
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, ANSWER[1..12]);
    // A connection that asks for nothing does not keep the server.
    let _ = kept.write_all(b"");
    drop(kept);
    assert_eq!(server.join(), Ended::Drained);
}

/// Load balancers find out that they should look elsewhere while they still get answers.
#[test]
fn a_server_that_is_to_end_listens_until_others_know() {
    let mut settings = Settings::default();
    settings.shutdown.delay = LONG;
    let mut server = start_with(Start { settings, ..Start::default() });
    assert_eq!(server.get("/readyz").status, 200);
    server.ask_to_end();
    wait_for("the first that hear of it", || server.get("/readyz").status == 503);
    assert_eq!(server.get("/readyz").json()["status"], "draining");
    assert_eq!(server.get("/livez").status, 200);
    let refused = server.post("/v1/chat/completions", &chat(5));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (503, &json!("shutting_down")));
}

/// A response in the background has no connection that waits for it, and is waited for all the same.
#[test]
fn shutting_down_lets_responses_in_the_background_end() {
    let temporary = tempfile::TempDir::new().expect("a folder");
    let folder = camino::Utf8Path::from_path(temporary.path()).expect("UTF-8");
    let mut server = start_gated(8, LONG);
    server.app.keep_files(folder).expect("a folder");
    let body = json!({"model": "bank-model", "input": "x", "background": true});
    let made = server.post("/v1/responses", &body).json();
    let path = format!("/v1/responses/{}", made["id"].as_str().expect("an id"));
    server.step();
    wait_for("the start", || server.engine.stats().running == 1);
    server.ask_to_end();
    wait_for("the end of listening", || TcpStream::connect(server.address).is_err());
    let gate = server.gate.take().expect("gated");
    let stepper = std::thread::spawn(move || while gate.send(()).is_ok() {});
    assert_eq!(server.join(), Ended::Drained);
    drop(server);
    stepper.join().expect("it ends with the model");
    let again = start();
    again.app.keep_files(folder).expect("the folder");
    let kept = again.get(&path).json();
    assert_eq!(kept["status"], "completed", "{kept}");
    assert_eq!(kept["output"][0]["content"][0]["text"], ANSWER);
}

#[test]
fn a_stream_that_outlasts_the_drain_is_cut_off() {
    let mut server = start_gated(8, Duration::from_millis(50));
    let mut stream = open(&server, &chat(400));
    server.step();
    read_until(&mut stream, "\"content\":\"A\"");
    server.ask_to_end();
    assert_eq!(server.join(), Ended::CutOff);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("\"code\":\"shutting_down\"") && rest.contains("[DONE]"), "{rest}");
}

#[test]
fn an_engine_that_stops_tells_its_streams() {
    let server = start_gated(8, LONG);
    let mut stream = open(&server, &chat(400));
    server.step();
    read_until(&mut stream, "\"content\":\"A\"");
    let stopper = {
        let engine = server.engine.clone();
        std::thread::spawn(move || engine.shutdown(false))
    };
    while server.gate.as_ref().expect("gated").send(()).is_ok() {}
    stopper.join().expect("it stops");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the rest");
    assert!(rest.contains("\"code\":\"shutting_down\""), "{rest}");
    assert!(rest.contains("[DONE]"));
}
