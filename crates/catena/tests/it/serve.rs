//! Keys, and a server of a simulated model from its start to its end.

use crate::support::{catena, run};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

/// A running `catena serve`. Killed if a test fails.
struct Serving {
    child: Child,
    lines: BufReader<ChildStderr>,
    address: String,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let fast = ["--simulate", "sim", "--sim-step-ms", "5", "--sim-sequence-ms", "0.1"];
        Self::of(&[&fast[..], args].concat())
    }

    fn of(args: &[&str]) -> Self {
        let mut command = catena(&["serve", "--port", "0"]);
        let mut child = command.args(args).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it served");
            if let Some((_, rest)) = line.split_once("API: ") {
                break rest.split("/v1").next().unwrap().to_owned();
            }
        };
        Self { child, lines, address }
    }

    fn read_until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended before `{text}`");
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let done = std::process::Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(done.success());
    }

    fn ask(&self, key: &str, body: &Value) -> (u16, String) {
        self.post("/v1/chat/completions", key, body)
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_mins(1)))
            .build()
            .into();
        let url = format!("{}{path}", self.address);
        let request = agent.post(url).header("authorization", format!("Bearer {key}"));
        let mut answer = request.send_json(body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), text)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn chat(max_tokens: usize) -> Value {
    json!({"model": "sim", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "x"}]})
}

fn create(file: &Path, args: &[&str]) -> String {
    let file = file.to_str().unwrap();
    let done = run(&[&["keys", "create", "ann", "--file", file], args].concat());
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    done.stdout.trim().to_owned()
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let name = file.to_str().unwrap();
    let key = create(&file, &["--models", "a,b*", "--expires", "30d", "--max-concurrent", "4"]);
    assert!(key.starts_with("ck_") && !std::fs::read_to_string(&file).unwrap().contains(&key));
    let id = key.split('_').nth(1).unwrap();
    let listed = run(&["keys", "list", "--file", name]);
    for part in [id, "ann", "expires 20", "models a,b*", "4 at once"] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    let listed = run(&["keys", "list", "--json", "--file", name]);
    let value: Value = serde_json::from_str(listed.stdout.trim()).unwrap();
    assert_eq!((&value["id"], value.get("digest")), (&json!(id), None));
    assert_eq!(run(&["keys", "revoke", id, "--file", name]).code, Some(0));
    let again = run(&["keys", "revoke", id, "--file", name]);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(run(&["keys", "list", "--file", name]).stdout.is_empty());
}

#[test]
fn keys_without_a_project_or_a_file_say_what_to_give() {
    let dir = tempfile::tempdir().unwrap();
    let done = run(&["keys", "list", "--project", dir.path().to_str().unwrap()]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("--file FILE"), "{}", done.stderr);
}

/// Sockets of vLLM and SGLang that took pickles listened on every address.
#[test]
fn s10_an_address_for_others_needs_keys() {
    let done = run(&["serve", "--simulate", "sim", "--host", "0.0.0.0", "--port", "0"]);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains("there are no keys"), "{}", done.stderr);
    assert!(done.stderr.contains("catena keys create"), "{}", done.stderr);
    let missing = ["serve", "--simulate", "sim", "--port", "0", "--keys", "/nowhere/keys.json"];
    let done = run(&missing);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
}

/// From the first key to the last answer: requests in the log, keys read again at SIGHUP, and an
/// answer that ends while the server stops.
#[test]
fn a_server_lives_through_its_signals() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let name = file.to_str().unwrap();
    let audit = dir.path().join("audit.jsonl");
    let first = create(&file, &[]);
    let audit_name = audit.to_str().unwrap();
    let options = ["--keys", name, "--log", "json", "--audit-log", audit_name];
    let mut serving = Serving::start(&options);
    let (status, text) = serving.ask(&first, &chat(4));
    assert_eq!(status, 200, "{text}");
    let log: Value = serde_json::from_str(&serving.read_until("\"request\"")).unwrap();
    assert_eq!((&log["status"], &log["completion_tokens"]), (&json!(200), &json!(4)), "{log}");
    assert_eq!(serving.ask("ck_0_0", &chat(4)).0, 401);

    let second = create(&file, &[]);
    assert_eq!(
        run(&["keys", "revoke", first.split('_').nth(1).unwrap(), "--file", name]).code,
        Some(0)
    );
    assert_eq!(serving.ask(&first, &chat(4)).0, 200, "it has not read the file again");
    serving.signal("-HUP");
    serving.read_until("read again");
    assert_eq!(serving.ask(&first, &chat(4)).0, 401);
    assert_eq!(serving.ask(&second, &chat(4)).0, 200);

    // A file that is damaged changes nothing.
    std::fs::write(&file, "{").unwrap();
    serving.signal("-HUP");
    serving.read_until("nothing was changed");
    assert_eq!(serving.ask(&second, &chat(4)).0, 200);

    let begun = Instant::now();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| serving.ask(&second, &chat(150)));
        while begun.elapsed() < Duration::from_millis(200) {
            std::thread::yield_now();
        }
        serving.signal("-TERM");
        let (status, text) = long.join().unwrap();
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["usage"]["completion_tokens"], 150);
    });
    assert!(serving.child.wait().unwrap().success());
    let mut rest = String::new();
    serving.lines.read_to_string(&mut rest).unwrap();
    let audit = std::fs::read_to_string(audit).unwrap();
    assert_eq!(audit.lines().count(), 7, "{audit}");
}

/// Line ends in requests made lines in the logs of other servers, and their prompts stood there.
#[test]
fn s35_requests_make_no_lines_in_logs_and_their_texts_are_not_there() {
    for format in ["text", "json"] {
        let mut serving = Serving::start(&["--log", format]);
        let name = "sim\r\nforged\u{1b}[2J\u{0}\u{85}forged\u{2028}forged";
        let mut body = json!({"model": name, "messages":
            [{"role": "user", "content": "swordfish\r\nforged"}]});
        assert_eq!(serving.ask("x", &body).0, 404);
        body["model"] = json!("sim");
        body["max_tokens"] = json!(2);
        assert_eq!(serving.ask("x", &body).0, 200);
        let mut lines = Vec::new();
        while lines.len() < 2 {
            let mut line = String::new();
            assert!(serving.lines.read_line(&mut line).unwrap() > 0, "it ended");
            if line.trim_end().is_empty() || line.contains("Ctrl-C") {
                continue;
            }
            lines.push(line);
        }
        assert!(lines[0].contains("404") && lines[1].contains("200"), "{lines:?}");
        for line in &lines {
            let line = line.trim_end_matches('\n');
            let is_plain = |c: char| !c.is_control() && c != '\u{2028}';
            assert!(line.chars().all(is_plain), "{format}: {line:?}");
            assert!(!line.contains("swordfish"), "{format}: {line:?}");
        }
    }
}

/// A folder of `crates/model/tests/golden`.
fn encoder(name: &str) -> String {
    format!("{}/../model/tests/golden/encoders/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn models_are_served_as_what_their_files_say() {
    let [intents, rank, vectors] =
        ["bert_sequence", "bert_cross_encoder", "embed_mean"].map(encoder);
    let rank = format!("rank={rank}");
    let serving = Serving::of(&[&intents, &rank, &vectors]);
    let post = |path: &str, body: Value| serving.post(path, "x", &body);
    let (status, text) = post("/predict", json!({"inputs": "Where is my card?"}));
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("refund"), "{text}");
    let (status, text) =
        post("/v2/rerank", json!({"model": "rank", "query": "card", "documents": ["a", "b"]}));
    assert_eq!(status, 200, "{text}");
    let (status, text) = post("/embed_all", json!({"inputs": ["a card"]}));
    let tokens: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200, "{text}");
    assert!(tokens[0].as_array().is_some_and(|tokens| tokens.len() >= 4), "with special ones");
    assert_eq!(post("/embed", json!({"inputs": "a card"})).0, 200);
    let chat = json!({"model": "rank", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(post("/v1/chat/completions", chat).0, 400);
}

#[test]
fn a_model_that_nothing_is_asked_of_is_refused_unless_told_what_it_is() {
    let tokens = encoder("bert_tokens");
    let done = run(&["serve", &tokens, "--port", "0"]);
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    assert!(
        done.stderr.contains("labels tokens") && done.stderr.contains("--embedder"),
        "{}",
        done.stderr
    );
    let serving = Serving::of(&["--embedder", &tokens]);
    assert_eq!(serving.post("/embed", "x", &json!({"inputs": "a card"})).0, 200);
}
