//! Overload, clients that go away, and shutting down.

use crate::support::{ANSWER, LONG, open, read_until, start_gated, wait_for};
use catena_serve::Ended;
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
    // The step that was under way ends; the request is gone before the next one.
    server.step();
    wait_for("the cleanup", || server.engine.stats().running == 0);
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
    server.step();
    wait_for("the cleanup", || server.engine.stats().running == 0);
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
