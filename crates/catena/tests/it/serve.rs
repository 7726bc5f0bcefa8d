//! Keys, and a server of a simulated model from its start to its end.

use crate::support::{catena, done, run};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A running `catena serve`. Killed if a test fails.
struct Serving {
    child: Child,
    lines: Box<dyn BufRead + Send + Sync>,
    address: String,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let fast = ["--simulate", "sim", "--sim-step-ms", "5", "--sim-sequence-ms", "0.1"];
        Self::of(&[&fast[..], args].concat())
    }

    fn of(args: &[&str]) -> Self {
        let mut command = catena(&["serve", "--port", "0"]);
        command.args(args);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended before it served");
            if let Some((_, rest)) = line.split_once("API: ") {
                break rest.split("/v1").next().unwrap().to_owned();
            }
        };
        Self { child, lines: Box::new(lines), address }
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
        let done = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(done.success());
    }

    fn ask(&self, key: &str, body: &Value) -> (u16, String) {
        self.post("/v1/chat/completions", key, body)
    }

    fn get(&self, path: &str) -> String {
        let mut answer = ureq::get(format!("{}{path}", self.address)).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
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

#[test]
fn an_alias_of_nothing_is_refused_at_the_start() {
    for alias in ["gpt=smi", "sim=sim"] {
        let done = run(&["serve", "--simulate", "sim", "--port", "0", "--alias", alias]);
        assert_eq!(done.code, Some(2), "{}", done.stderr);
        assert!(done.stderr.contains("cannot use the alias"), "{}", done.stderr);
    }
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
    // What moves logs away does so before it tells.
    let moved = dir.path().join("audit.jsonl.old");
    std::fs::rename(&audit, &moved).unwrap();
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
    let [moved, audit] = [moved, audit].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(moved.lines().count() + audit.lines().count(), 7, "{moved}{audit}");
    assert!(audit.lines().count() >= 3, "{audit}");
}

/// The endpoint picker of the Gateway API and KEDA send no key.
#[test]
fn metrics_may_be_read_without_a_key_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    create(&file, &[]);
    let serving = Serving::start(&["--keys", file.to_str().unwrap(), "--public-metrics"]);
    assert!(serving.get("/metrics").contains("vllm:num_requests_waiting{model_name=\"sim\"} 0"));
    assert_eq!(serving.ask("x", &chat(1)).0, 401);
}

/// As every program does that OpenTelemetry's variables are set for.
#[test]
fn metrics_are_pushed_where_the_environment_says() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", collector.local_addr().unwrap());
    let mut command = catena(&["serve", "--port", "0", "--simulate", "sim"]);
    command
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &url)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "50");
    let _serving = Serving::run(command);
    let mut message = BufReader::new(collector.accept().unwrap().0);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(message.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("POST /v1/metrics HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("\r\nx-key: a b\r\n"), "{head}");
}

#[test]
fn where_metrics_cannot_be_pushed_is_said_at_the_start() {
    let mut command = catena(&["serve", "--simulate", "sim", "--port", "0", "--push-metrics", "x"]);
    // The flag comes first, and what is no number is passed over.
    command
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:1")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "soon");
    let done = done(command.output().unwrap());
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    for part in
        ["OTEL_METRIC_EXPORT_INTERVAL is `soon`", "cannot push metrics", "`x` is no address"]
    {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
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

/// A disk that is full takes no line of the log, and requests are answered as ever.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_log_loses_lines_and_nothing_else() {
    for format in ["text", "json"] {
        // What tells the address goes nowhere, so the port is chosen here.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let port = free.port().to_string();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let args = ["serve", "--port", &port, "--simulate", "sim", "--log", format];
        let child = catena(&args).stderr(Stdio::from(full)).spawn().unwrap();
        let address = format!("http://{free}");
        let mut serving = Serving { child, lines: Box::new(std::io::empty()), address };
        let begun = Instant::now();
        while ureq::get(format!("{}/livez", serving.address)).call().is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "it does not serve");
            std::thread::yield_now();
        }
        for _ in 0..3 {
            // A line of each kind that a request may leave.
            let mut unknown = chat(4);
            unknown["model"] = json!("none");
            assert_eq!(serving.ask("x", &unknown).0, 404);
            assert_eq!(serving.ask("x", &chat(4)).0, 200);
        }
        let is_counted = |page: &str, status: u16| {
            let labels = format!("method=\"POST\",status=\"{status}\"");
            page.lines().any(|line| line.contains(&labels) && line.ends_with(" 3"))
        };
        // The last answer is counted when its connection has taken it.
        let mut page = serving.get("/metrics");
        while !(is_counted(&page, 404) && is_counted(&page, 200)) {
            assert!(begun.elapsed() < Duration::from_mins(1), "{page}");
            page = serving.get("/metrics");
        }
        serving.signal("-TERM");
        assert!(serving.child.wait().unwrap().success());
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

/// A folder of `crates/model/tests/golden`, copied without its weights' expected outputs.
fn copied(name: &str, to: &Path) {
    let from = format!("{}/../model/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "forward.safetensors" && file.file_name() != "adapter.gguf" {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// A tiny Llama with a tokenizer of a word for each of its tokens.
fn tiny_llama(folder: &Path) {
    copied("tiny_llama", folder);
    let words: serde_json::Map<String, Value> =
        (0..96).map(|token| (format!("w{token}"), json!(token))).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "w0"},
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).unwrap();
}

fn continued(serving: &Serving, path: &str, model: &str) -> (u16, Value) {
    let prompt: Vec<u32> = (0..20).map(|idx| idx * 7 % 96).collect();
    let body = match path {
        "/generate" => json!({"inputs": "w5 w8 w13", "parameters": {
            "adapter_id": model, "max_new_tokens": 12}}),
        _ => json!({"model": model, "prompt": prompt, "max_tokens": 12, "temperature": 0,
                    "ignore_eos": true}),
    };
    let (status, text) = serving.post(path, "x", &body);
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// vLLM's metric by which a router sends a request to where its adapter is.
fn check_that_a_router_sees(serving: &Serving, adapter: &str, say: impl Fn(&str) -> String + Sync) {
    let is_seen = AtomicBool::new(false);
    let begun = Instant::now();
    let is_over = || begun.elapsed() > Duration::from_secs(30);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_seen.load(Ordering::Acquire) && !is_over() {
                say(adapter);
            }
        });
        let line = format!(
            "vllm:lora_requests_info{{model_name=\"tiny\",max_lora=\"64\",\
             running_lora_adapters=\"{adapter}\",waiting_lora_adapters=\"\"}} 1"
        );
        while !serving.get("/metrics").contains(&line) && !is_over() {}
        is_seen.store(true, Ordering::Release);
    });
    assert!(!is_over(), "{}", serving.get("/metrics"));
}

/// Two models, and adapters as folders and as files, inside and outside the folders of the server.
fn models_and_adapters(dir: &Path) {
    tiny_llama(&dir.join("models/second"));
    tiny_llama(&dir.join("tiny"));
    copied("adapters/attention", &dir.join("adapters/formal"));
    copied("adapters/patterns", &dir.join("other"));
    // The same adapter as llama.cpp's script writes it.
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../model/tests/golden/adapters");
    let gguf = Path::new(golden).join("attention/adapter.gguf");
    for name in ["adapters/formal.gguf", "file.gguf"] {
        std::fs::copy(&gguf, dir.join(name)).unwrap();
    }
}

#[test]
fn models_and_adapters_come_and_go_and_requests_choose_among_them() {
    let dir = tempfile::tempdir().unwrap();
    models_and_adapters(dir.path());
    let text = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let adapter = format!("casual={}", text("other"));
    let in_file = format!("file={}", text("file.gguf"));
    let serving = Serving::of(&[
        &text("tiny"),
        "--models-folder",
        &text("models"),
        "--adapters-folder",
        &text("adapters"),
        "--adapter",
        &adapter,
        "--adapter",
        &in_file,
        "--cache-bytes",
        "4000000",
    ]);
    let said = |model: &str| {
        let (status, body) = continued(&serving, "/v1/completions", model);
        assert_eq!(status, 200, "{body}");
        body["choices"][0]["text"].as_str().unwrap().to_owned()
    };
    // The same weights under another name, loaded now.
    let plain = said("tiny");
    assert_eq!(said("second"), plain);
    // One that was declared, one that is loaded by its path below the folder.
    let casual = said("casual");
    let load = |name: &str, path: &str| {
        let body = json!({"lora_name": name, "lora_path": path});
        serving.post("/v1/load_lora_adapter", "x", &body)
    };
    for outside in ["other", "file.gguf"] {
        assert_eq!(load("formal", &text(outside)).0, 400);
    }
    assert_eq!(continued(&serving, "/v1/completions", "formal").0, 404);
    assert_eq!(load("formal", "formal").0, 200);
    assert_eq!(load("formal", "formal").0, 409);
    assert_eq!(load("loaded", "formal.gguf").0, 200);
    let formal = said("formal");
    assert_eq!([said("file"), said("loaded")], [formal.clone(), formal.clone()]);
    assert!(plain != casual && plain != formal && casual != formal, "{plain} {casual} {formal}");
    // The base is what it was, and all of them answer at once as they do alone.
    let said = &said;
    std::thread::scope(|scope| {
        for (model, alone) in [("tiny", &plain), ("casual", &casual), ("formal", &formal)] {
            for _ in 0..3 {
                scope.spawn(move || assert_eq!(&said(model), alone));
            }
        }
    });
    check_that_a_router_sees(&serving, "casual", said);
    let (status, body) = continued(&serving, "/generate", "formal");
    assert_eq!(status, 200, "{body}");
    assert_ne!(body, continued(&serving, "/generate", "tiny").1);
    let (status, _) = serving.post("/v1/unload_lora_adapter", "x", &json!({"lora_name": "formal"}));
    assert_eq!(status, 200);
    assert_eq!(continued(&serving, "/v1/completions", "formal").0, 404);
    // Adapters go with their model, and come back with it.
    let (status, text) = serving.post("/admin/models/unload", "x", &json!({"model": "tiny"}));
    assert_eq!(status, 200, "{text}");
    assert_eq!(said("casual"), casual);
}
