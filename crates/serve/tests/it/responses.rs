//! Responses: made, streamed, remembered, cancelled, deleted.

use crate::support::{ANSWER, Answer, CONTEXT, Server, open_at, start, start_gated};
use camino::Utf8Path;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);

fn ask(change: Value) -> Value {
    let mut body = json!({"model": "bank-model", "input": "What does a wire cost?"});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

fn create(server: &Server, change: Value) -> Value {
    let answer = server.post("/v1/responses", &ask(change));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Events of a stream: the names as they are announced must be those that they have.
fn events(answer: &Answer) -> Vec<Value> {
    let mut names = answer.text.lines().filter_map(|line| line.strip_prefix("event: "));
    let data = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = data.map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["type"].as_str(), names.next(), "{event}");
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    events
}

#[test]
fn a_response_is_an_answer_that_can_be_asked_for_and_deleted() {
    let server = start();
    let made = create(&server, json!({"instructions": "Be brief.", "metadata": {"a": "b"}}));
    assert_eq!((&made["object"], &made["status"]), (&json!("response"), &json!("completed")));
    assert_eq!(made["output"][0]["content"][0]["text"], ANSWER);
    let prompt = "Be brief.\nWhat does a wire cost?\n".len() + 1;
    assert_eq!(made["usage"]["input_tokens"], prompt);
    assert_eq!(made["usage"]["output_tokens"], ANSWER.len() + 1);
    let path = format!("/v1/responses/{}", made["id"].as_str().expect("an id"));
    assert_eq!(server.get(&path).json(), made);
    let items = server.get(&format!("{path}/input_items")).json();
    assert_eq!(items["data"][0]["content"][0]["text"], "What does a wire cost?");
    assert_eq!(server.delete(&path).json()["deleted"], true);
    assert_eq!((server.get(&path).status, server.delete(&path).status), (404, 404));
    let forgotten = create(&server, json!({"store": false}));
    assert_eq!(
        server.get(&format!("/v1/responses/{}", forgotten["id"].as_str().unwrap())).status,
        404
    );
}

/// The engine has them, as it refuses what is out of its range, and the response repeats them.
#[test]
fn penalties_are_honoured_and_repeated() {
    let server = start();
    let plain = create(&server, json!({}));
    assert_eq!(
        (&plain["frequency_penalty"], &plain["presence_penalty"]),
        (&json!(0.0), &json!(0.0))
    );
    let made = create(&server, json!({"frequency_penalty": 1.5, "presence_penalty": -0.5}));
    assert_eq!(
        (&made["frequency_penalty"], &made["presence_penalty"]),
        (&json!(1.5), &json!(-0.5))
    );
    let refused = server.post("/v1/responses", &ask(json!({"frequency_penalty": 3})));
    assert_eq!(
        (refused.status, &refused.json()["error"]["param"]),
        (400, &json!("frequency_penalty"))
    );
}

#[test]
fn a_response_goes_on_from_another() {
    let server = start();
    let first = create(&server, json!({"instructions": "Be brief."}));
    let next = create(&server, json!({"input": "And?", "previous_response_id": first["id"]}));
    // Instructions are not carried over; what was asked and answered is.
    let prompt = format!("What does a wire cost?\n{ANSWER}\nAnd?\n").len() + 1;
    assert_eq!(next["usage"]["input_tokens"], prompt);
    assert_eq!(next["previous_response_id"], first["id"]);
    let lost = server.post("/v1/responses", &ask(json!({"previous_response_id": "resp_0"})));
    assert_eq!((lost.status, &lost.json()["error"]["code"]), (404, &json!("not_found")));
    let counted = server
        .post("/v1/responses/input_tokens", &ask(json!({"previous_response_id": next["id"]})));
    assert!(counted.json()["input_tokens"].as_u64().expect("a count") > prompt as u64);
}

#[test]
fn a_stream_tells_every_step() {
    let server = start();
    let answer = server.post("/v1/responses", &ask(json!({"stream": true})));
    let events = events(&answer);
    let mut kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let text: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(text, ANSWER);
    let last = &events.last().expect("events")["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], ANSWER);
    let path = format!("/v1/responses/{}", last["id"].as_str().expect("an id"));
    assert_eq!(&server.get(&path).json(), last);
}

#[test]
fn calls_are_items_whole_and_streamed() {
    let server = start();
    let tool = json!({"type": "function", "name": "fee", "parameters": {"type": "object",
        "properties": {"speed": {"enum": ["fast"]}}, "required": ["speed"]}});
    let change = json!({"tools": [tool], "tool_choice": {"type": "function", "name": "fee"}});
    let made = create(&server, change.clone());
    let call = &made["output"][0];
    assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("fee")));
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"speed": "fast"}));
    let further = create(
        &server,
        json!({"previous_response_id": made["id"],
        "input": [{"type": "function_call_output", "call_id": call["call_id"], "output": "25"}]}),
    );
    assert_eq!(further["output"][0]["content"][0]["text"], ANSWER);
    let mut streamed = change;
    streamed["stream"] = json!(true);
    let events = events(&server.post("/v1/responses", &ask(streamed)));
    let json: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), arguments);
    let done = events.iter().find(|e| e["type"] == "response.function_call_arguments.done");
    assert_eq!(done.expect("it is told")["arguments"], json);
}

#[test]
fn the_limit_makes_a_response_incomplete_and_forms_hold() {
    let server = start();
    let made = create(&server, json!({"max_output_tokens": 4}));
    assert_eq!(
        (&made["status"], &made["incomplete_details"]["reason"]),
        (&json!("incomplete"), &json!("max_output_tokens"))
    );
    let format = json!({"type": "json_schema", "name": "x", "schema": {"enum": ["yes"]}});
    let made = create(&server, json!({"text": {"format": format}}));
    assert_eq!(made["output"][0]["content"][0]["text"], "\"yes\"");
}

fn wait_for(server: &Server, path: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let object = server.get(path).json();
        if object["status"] == status {
            return object;
        }
        assert!(begun.elapsed() < LONG, "{object}");
        std::thread::yield_now();
    }
}

#[test]
fn a_response_in_the_background_ends_by_itself() {
    let server = start();
    let made = create(&server, json!({"background": true}));
    assert_eq!(made["status"], "queued");
    let path = format!("/v1/responses/{}", made["id"].as_str().expect("an id"));
    assert_eq!(wait_for(&server, &path, "completed")["output"][0]["content"][0]["text"], ANSWER);
    // What has ended stays as it is.
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).json()["status"], "completed");
}

#[test]
fn a_cancelled_response_frees_the_engine() {
    let server = start_gated(8, LONG);
    let made = create(&server, json!({"background": true, "max_output_tokens": 20}));
    let path = format!("/v1/responses/{}", made["id"].as_str().expect("an id"));
    server.step();
    wait_for(&server, &path, "in_progress");
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).json()["status"], "cancelled");
    server.step();
    let begun = Instant::now();
    while server.engine.stats().running > 0 {
        assert!(begun.elapsed() < LONG, "it runs on");
        std::thread::yield_now();
    }
    assert_eq!(server.get(&path).json()["status"], "cancelled");
    assert!(server.engine.stats().steps <= 3);
}

/// The next event of a stream that is read by hand.
fn next_event(stream: &mut BufReader<TcpStream>) -> Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(stream.read_line(&mut line).expect("a line") > 0, "the stream ended early");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).expect("JSON");
        }
    }
}

/// Begins a stream in the background, and reads up to the first word; gives the response's path and the number of
/// the last event too.
fn begin_stream(server: &Server) -> (BufReader<TcpStream>, String, usize) {
    let body = ask(json!({"background": true, "stream": true, "max_output_tokens": 200}));
    let mut stream = open_at(server, "/v1/responses", &body);
    let begun = [(); 2].map(|()| next_event(&mut stream));
    assert_eq!(begun[0]["response"]["status"], "queued", "{}", begun[0]);
    assert_eq!(begun[1]["type"], "response.queued");
    let path = path(&begun[0]["response"]);
    server.step();
    loop {
        let event = next_event(&mut stream);
        if event["type"] == "response.output_text.delta" {
            let number = event["sequence_number"].as_u64().expect("a number");
            return (stream, path, usize::try_from(number).expect("there are few"));
        }
    }
}

fn said(events: &[Value]) -> String {
    events.iter().filter_map(|event| event["delta"].as_str()).collect()
}

/// A client that vanishes ends nothing that runs in the background, and reads on where it was once it
/// is back, while it runs and after its end.
#[test]
fn a_stream_in_the_background_is_left_and_read_on() {
    let mut server = start_gated(8, LONG);
    let (stream, path, last) = begin_stream(&server);
    drop(stream);
    for _ in 0..3 {
        server.step();
    }
    assert_eq!(server.get(&path).json()["status"], "in_progress");
    let gate = server.gate.take().expect("gated");
    let stepper = std::thread::spawn(move || while gate.send(()).is_ok() {});
    let on = |last: usize| server.get(&format!("{path}?stream=true&starting_after={last}"));
    let rest = on(last).events();
    for (event, number) in rest.iter().zip(last + 1..) {
        assert_eq!(event["sequence_number"], number, "{event}");
    }
    assert_eq!(said(&rest), ANSWER[1..]);
    let end = rest.last().expect("events");
    assert_eq!(end["type"], "response.completed");
    assert_eq!(end["response"], server.get(&path).json());
    // All of it, as often as it is wanted.
    let whole = events(&server.get(&format!("{path}?stream=true")));
    let kinds: Vec<&str> = whole.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(kinds[..3], ["response.created", "response.queued", "response.in_progress"]);
    assert_eq!((said(&whole).as_str(), &whole[last + 1..]), (ANSWER, &rest[..]));
    let end = whole.len() - 1;
    assert_eq!((on(end).text, on(end + 9).text), (String::new(), String::new()));
    let plain = server.get(&format!("{path}?starting_after=3"));
    assert_eq!(plain.header("x-catena-ignored-fields"), Some("?starting_after"));
    drop(server);
    stepper.join().expect("it ends with the model");
}

#[test]
fn a_stream_in_the_background_ends_with_its_response() {
    let server = start_gated(8, LONG);
    let (mut stream, path, _) = begin_stream(&server);
    assert_eq!(server.post(&format!("{path}/cancel"), &json!({})).json()["status"], "cancelled");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("it ends");
    assert!(rest.contains("event: response.cancelled\n"), "{rest}");
    server.step();
    let begun = Instant::now();
    while server.engine.stats().running > 0 {
        assert!(begun.elapsed() < LONG, "it runs on");
        std::thread::yield_now();
    }
    let events = events(&server.get(&format!("{path}?stream=true")));
    let last = events.last().expect("events");
    assert_eq!(
        (&last["type"], &last["response"]),
        (&json!("response.cancelled"), &server.get(&path).json())
    );
    // What is deleted ends without a word.
    let (mut stream, path, _) = begin_stream(&server);
    assert_eq!(server.delete(&path).status, 200);
    rest.clear();
    stream.read_to_string(&mut rest).expect("it ends");
    assert!(!rest.contains("event:"), "{rest}");
    assert_eq!(server.get(&format!("{path}?stream=true")).status, 404);
}

#[test]
fn a_stream_in_the_background_tells_failures_and_is_of_no_other() {
    let server = start();
    let input = "x".repeat(CONTEXT + 1);
    let body = ask(json!({"background": true, "stream": true, "input": input}));
    let told = events(&server.post("/v1/responses", &body));
    let last = told.last().expect("events");
    assert_eq!((told.len(), &last["type"]), (3, &json!("response.failed")));
    assert_eq!(last["response"]["error"]["code"], "context_length_exceeded");
    assert_eq!(server.get(&path(&last["response"])).json(), last["response"]);
    for change in [json!({}), json!({"stream": true}), json!({"background": true})] {
        let other = server.post("/v1/responses", &ask(change));
        let other = if other.text.starts_with("event:") {
            path(&events(&other)[0]["response"])
        } else {
            path(&other.json())
        };
        let refused = server.get(&format!("{other}?stream=true"));
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!("stream")));
    }
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let server = start();
    let mut told = String::new();
    for change in [
        json!({"input": []}),
        json!({"input": [{"role": "user"}]}),
        json!({"input": [{"type": "item_reference", "id": "x"}]}),
        json!({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}),
        json!({"background": true, "store": false}),
        json!({"truncation": "auto"}),
        json!({"conversation": "conv_1"}),
        json!({"include": ["file_search_call.results"]}),
        json!({"tools": [{"type": "web_search"}]}),
    ] {
        let answer = server.post("/v1/responses", &ask(change.clone()));
        told.push_str(&format!("{change}\n  {} {}\n", answer.status, answer.json()["error"]));
    }
    insta::assert_snapshot!(told);
}

fn keeping(temporary: &TempDir) -> Server {
    let server = start();
    server.app.keep_files(Utf8Path::from_path(temporary.path()).expect("UTF-8")).expect("a folder");
    server
}

/// What is on disk now: what a server that is killed leaves.
fn copy(temporary: &TempDir) -> TempDir {
    let copy = TempDir::new().expect("a folder");
    let target = copy.path().join("responses");
    std::fs::create_dir(&target).expect("a folder");
    for entry in std::fs::read_dir(temporary.path().join("responses")).expect("a folder") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), target.join(entry.file_name())).expect("it is copied");
    }
    copy
}

fn path(object: &Value) -> String {
    format!("/v1/responses/{}", object["id"].as_str().expect("an id"))
}

#[test]
fn what_was_answered_is_there_after_a_kill() {
    let temporary = TempDir::new().expect("a folder");
    let server = keeping(&temporary);
    let made = create(&server, json!({}));
    let streamed = events(&server.post("/v1/responses", &ask(json!({"stream": true}))));
    let streamed = streamed.last().expect("events")["response"].clone();
    let later = create(&server, json!({"background": true}));
    let later = wait_for(&server, &path(&later), "completed");
    let deleted = create(&server, json!({}));
    assert_eq!(server.delete(&path(&deleted)).status, 200);
    let forgotten = create(&server, json!({"store": false}));
    let again = keeping(&copy(&temporary));
    for kept in [&made, &streamed, &later] {
        assert_eq!(&again.get(&path(kept)).json(), kept);
    }
    for gone in [&deleted, &forgotten] {
        assert_eq!(again.get(&path(gone)).status, 404);
    }
    // Events are not kept on disk.
    assert_eq!(again.get(&format!("{}?stream=true", path(&later))).status, 400);
    let items = again.get(&format!("{}/input_items", path(&made))).json();
    assert_eq!(items["data"][0]["content"][0]["text"], "What does a wire cost?");
    let next = create(&again, json!({"input": "And?", "previous_response_id": streamed["id"]}));
    let prompt = format!("What does a wire cost?\n{ANSWER}\nAnd?\n").len() + 1;
    assert_eq!(next["usage"]["input_tokens"], prompt);
}

#[test]
fn what_ran_when_the_server_was_killed_has_failed() {
    let temporary = TempDir::new().expect("a folder");
    let server = start_gated(8, LONG);
    server.app.keep_files(Utf8Path::from_path(temporary.path()).expect("UTF-8")).expect("a folder");
    let runs = create(&server, json!({"background": true, "max_output_tokens": 20}));
    server.step();
    wait_for(&server, &path(&runs), "in_progress");
    let failed = keeping(&copy(&temporary)).get(&path(&runs)).json();
    assert_eq!(
        (&failed["status"], &failed["error"]["code"]),
        (&json!("failed"), &json!("server_error"))
    );
    server.post(&format!("{}/cancel", path(&runs)), &json!({}));
    let cancelled = keeping(&copy(&temporary)).get(&path(&runs)).json();
    assert_eq!(cancelled["status"], "cancelled");
}

#[test]
fn a_response_that_the_disk_does_not_take_says_so() {
    let temporary = TempDir::new().expect("a folder");
    let server = keeping(&temporary);
    let folder = temporary.path().join("responses");
    std::fs::remove_dir_all(&folder).expect("it is there");
    std::fs::write(&folder, "no folder").expect("it is written");
    let made = create(&server, json!({}));
    assert_eq!((&made["status"], &made["store"]), (&json!("completed"), &json!(false)));
    assert_eq!(server.get(&path(&made)).status, 404);
    let refused = server.post("/v1/responses", &ask(json!({"background": true})));
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (500, &json!("storage_failed")));
}

#[test]
fn an_assistant_cites_what_it_retrieved() {
    let server = start();
    let body = |stream: bool| json!({"model": "bank", "input": "What does a wire cost?", "stream": stream});
    let annotation =
        json!({"type": "file_citation", "file_id": "fees", "filename": "About fees", "index": 16});
    let part = |response: &Value| response["output"][0]["content"][0].clone();
    let whole = part(&server.post("/v1/responses", &body(false)).json());
    assert_eq!((&whole["text"], &whole["annotations"]), (&json!(ANSWER), &json!([annotation])));
    let answer = server.post("/v1/responses", &body(true));
    let events = answer.named();
    let added = events.iter().find(|(name, _)| *name == "response.output_text.annotation.added");
    let added = &added.expect("an annotation").1;
    assert_eq!((&added["annotation"], &added["annotation_index"]), (&annotation, &json!(0)));
    assert_eq!(
        part(&events.last().expect("events").1["response"])["annotations"],
        json!([annotation])
    );
}
