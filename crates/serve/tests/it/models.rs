//! Models that come and go while the server runs.

use crate::support::{ANSWER, Answer, Server, open, read_until, scripted, start, wait_for};
use catena_engine::SchedulerLimits;
use catena_serve::{
    Library, LoadError, LoadedModel, ModelSource, ServeLimits, ServedModel, Settings,
};
use serde_json::{Value, json};
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

const CHAT: &str = "/v1/chat/completions";
/// What each source says that it takes.
const BYTES: u64 = 40;

/// A model that can be loaded as often as needed.
#[derive(Default)]
struct Source {
    loads: AtomicUsize,
    is_broken: AtomicBool,
    /// The steps of the next engine that is loaded.
    gate: Mutex<Option<mpsc::Receiver<()>>>,
    /// What the next load waits for.
    hold: Mutex<Option<mpsc::Receiver<()>>>,
}

impl ModelSource for Source {
    fn bytes(&self) -> u64 {
        BYTES
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let hold = self.hold.lock().expect("nobody panicked").take();
        if let Some(hold) = hold {
            hold.recv()?;
        }
        if self.is_broken.load(Ordering::SeqCst) {
            return Err("/models/secret.gguf ends too early".into());
        }
        let gate = self.gate.lock().expect("nobody panicked").take();
        let model = scripted(gate, SchedulerLimits::default(), 64);
        Ok(LoadedModel { model: ServedModel::Language(model), bytes: BYTES })
    }
}

/// A server that may load `a`, `b` and `c`, two of them at once.
fn with_sources() -> (Server, [Arc<Source>; 3]) {
    let server = start();
    server.app.set_memory(2 * BYTES + BYTES / 2);
    let sources = ["a", "b", "c"].map(|name| {
        let source = Arc::new(Source::default());
        server.app.declare(name, source.clone(), None, false);
        source
    });
    (server, sources)
}

fn ask(server: &Server, model: &str) -> Answer {
    let messages = json!([{"role": "user", "content": "What does a wire cost?"}]);
    server.post(CHAT, &json!({"model": model, "messages": messages}))
}

fn states(server: &Server) -> Vec<(String, String)> {
    let list = server.get("/admin/models").json();
    let all = list["data"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let state = |model: &Value| (text(&model["id"]), text(&model["state"]));
    all.map(state).filter(|(name, _)| name.len() == 1).collect()
}

fn in_memory(server: &Server) -> Vec<String> {
    let loaded = states(server).into_iter().filter(|(_, state)| state == "loaded");
    loaded.map(|(name, _)| name).collect()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().expect("a code").to_owned())
}

fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_model_is_loaded_when_a_request_names_it_and_once() {
    let (server, [a, ..]) = with_sources();
    assert_eq!(in_memory(&server), [""; 0]);
    let listed = server.get("/v1/models").json();
    let ids = listed["data"].as_array().expect("a list").iter().map(|model| &model["id"]);
    assert!(ids.into_iter().any(|id| id == "a"), "{listed}");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = ask(&server, "a");
                let said = &answer.json()["choices"][0]["message"]["content"];
                assert_eq!((answer.status, said), (200, &json!(ANSWER)));
            });
        }
    });
    assert_eq!(a.loads.load(Ordering::SeqCst), 1);
    assert_eq!(in_memory(&server), ["a"]);
    let memory = server.get("/admin/models").json()["memory"].clone();
    assert_eq!(memory, json!({"used_bytes": BYTES, "budget_bytes": 100}));
}

#[test]
fn the_model_whose_last_use_is_longest_ago_makes_room() {
    let (server, [a, b, _]) = with_sources();
    for model in ["a", "b", "a", "c"] {
        assert_eq!(ask(&server, model).status, 200, "{model}");
    }
    assert_eq!(in_memory(&server), ["a", "c"]);
    assert_eq!(ask(&server, "b").status, 200);
    assert_eq!(in_memory(&server), ["b", "c"]);
    assert_eq!([&a, &b].map(|source| source.loads.load(Ordering::SeqCst)), [1, 2]);
}

#[test]
fn a_pinned_model_stays_and_what_finds_no_room_is_told_so() {
    let (server, _) = with_sources();
    let load = |model: &str, pinned: bool| {
        server.post("/admin/models/load", &json!({"model": model, "pinned": pinned}))
    };
    for model in ["a", "b"] {
        let answer = load(model, true);
        assert_eq!((answer.status, &answer.json()["pinned"]), (200, &json!(true)));
    }
    assert_eq!(code(&ask(&server, "c")), told(507, "no_room"));
    assert_eq!(load("a", false).status, 200);
    assert_eq!(ask(&server, "c").status, 200);
    assert_eq!(in_memory(&server), ["b", "c"]);
    assert_eq!(code(&load("bank", false)), told(400, "model_stays"));
    assert_eq!(code(&load("nothing", true)), told(404, "model_not_found"));
}

#[test]
fn what_is_unloaded_or_loaded_anew_finishes_its_requests() {
    let (server, [a, ..]) = with_sources();
    let (step, gate) = mpsc::sync_channel(0);
    *a.gate.lock().expect("nobody panicked") = Some(gate);
    let messages = json!([{"role": "user", "content": "x"}]);
    let body = json!({"model": "a", "messages": messages, "stream": true});
    let mut stream = open(&server, &body);
    step.send(()).expect("a step");
    step.send(()).expect("a step");
    read_until(&mut stream, "\"content\"");
    // A new engine takes over while the old one is in the middle of an answer.
    let reload = json!({"model": "a", "reload": true});
    assert_eq!(server.post("/admin/models/load", &reload).status, 200);
    assert_eq!(ask(&server, "a").status, 200);
    let unloaded = server.post("/admin/models/unload", &json!({"model": "a"}));
    assert_eq!((unloaded.status, &unloaded.json()["state"]), (200, &json!("unloaded")));
    while step.send(()).is_ok() {}
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the stream ends");
    assert!(rest.contains("\"finish_reason\":\"stop\"") && rest.contains("[DONE]"), "{rest}");
    assert_eq!(a.loads.load(Ordering::SeqCst), 2);
}

#[test]
fn a_model_that_answers_makes_room_only_when_it_is_done() {
    let (server, [a, ..]) = with_sources();
    let (step, gate) = mpsc::sync_channel(0);
    *a.gate.lock().expect("nobody panicked") = Some(gate);
    let messages = json!([{"role": "user", "content": "x"}]);
    let mut stream = open(&server, &json!({"model": "a", "messages": messages, "stream": true}));
    step.send(()).expect("a step");
    read_until(&mut stream, "\"role\"");
    let pin = json!({"model": "b", "pinned": true});
    assert_eq!(server.post("/admin/models/load", &pin).status, 200);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&server, "c"));
        wait_for("loading", || states(&server).contains(&("c".to_owned(), "loading".to_owned())));
        assert_eq!(in_memory(&server), ["a", "b"]);
        while step.send(()).is_ok() {}
        assert_eq!(asked.join().expect("it is asked").status, 200);
    });
    assert_eq!(in_memory(&server), ["b", "c"]);
}

/// A client that goes away while a model is loaded for it leaves nothing behind: the load goes on for
/// those who still wait, no second one begins beside it, and others wait their turn.
#[test]
fn a_load_outlives_the_client_that_asked_for_it() {
    let (server, [a, b, _]) = with_sources();
    let (let_go, hold) = mpsc::sync_channel(0);
    *a.hold.lock().expect("nobody panicked") = Some(hold);
    let messages = json!([{"role": "user", "content": "x"}]);
    let gone = open(&server, &json!({"model": "a", "messages": messages}));
    wait_for("the load", || a.loads.load(Ordering::SeqCst) == 1);
    drop(gone);
    let cancelled = "catena_http_requests_total{route=\"/v1/chat/completions\",method=\"POST\",\
                     status=\"499\"}";
    wait_for("its end", || server.get("/metrics").text.contains(cancelled));
    assert_eq!(states(&server)[0], ("a".to_owned(), "loading".to_owned()));
    // Who has no time to wait is told so at once.
    let limits = ServeLimits { max_wait: Duration::ZERO, ..ServeLimits::default() };
    server.app.reload(Settings { limits, ..Settings::default() });
    for model in ["a", "b"] {
        let answer = ask(&server, model);
        assert_eq!(code(&answer), told(503, "overloaded"), "{model}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    server.app.reload(Settings::default());
    std::thread::scope(|scope| {
        let server = &server;
        let waiting = ["a", "b"].map(|model| scope.spawn(move || ask(server, model).status));
        let_go.send(()).expect("it waits");
        assert_eq!(waiting.map(|one| one.join().expect("it is asked")), [200, 200]);
    });
    assert_eq!([&a, &b].map(|source| source.loads.load(Ordering::SeqCst)), [1, 1]);
    assert_eq!(in_memory(&server), ["a", "b"]);
}

/// A panic in one model's engine ends its own requests; another's stream goes on, the server is alive,
/// and the next request has the model loaded again.
#[test]
fn a_model_whose_engine_panicked_is_loaded_again() {
    let (server, [a, b, _]) = with_sources();
    let (step, gate) = mpsc::sync_channel(0);
    *a.gate.lock().expect("nobody panicked") = Some(gate);
    let messages = json!([{"role": "user", "content": "x"}]);
    let mut stream = open(&server, &json!({"model": "a", "messages": messages, "stream": true}));
    step.send(()).expect("a step");
    read_until(&mut stream, "\"content\":\"A\"");
    let fatal = json!([{"role": "user", "content": "\u{0}"}]);
    for loads in 1..=2 {
        let answer = server.post(CHAT, &json!({"model": "b", "messages": fatal}));
        assert_eq!(code(&answer), told(503, "engine_stopped"));
        assert_eq!(b.loads.load(Ordering::SeqCst), loads);
        assert_eq!([server.get("/livez").status, server.get("/readyz").status], [200, 200]);
    }
    assert_eq!(ask(&server, "b").json()["choices"][0]["message"]["content"], json!(ANSWER));
    assert_eq!(b.loads.load(Ordering::SeqCst), 3);
    let stepper = std::thread::spawn(move || while step.send(()).is_ok() {});
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the stream ends");
    assert!(rest.contains("\"finish_reason\":\"stop\"") && rest.contains("[DONE]"), "{rest}");
    assert_eq!(a.loads.load(Ordering::SeqCst), 1);
    assert_eq!(server.post("/admin/models/unload", &json!({"model": "a"})).status, 200);
    stepper.join().expect("it ends with the model");
    // What was given without its files is gone for good, and that is for those who start servers.
    let answer = server.post(CHAT, &json!({"model": "bank-model", "messages": fatal}));
    assert_eq!(code(&answer), told(503, "engine_stopped"));
    let health = server.get("/livez");
    assert_eq!((health.status, &health.json()["stopped"]), (503, &json!(["bank"])));
}

/// What a server was started with comes back too where it is said from where, once for all names that
/// share an engine.
#[test]
fn what_was_there_from_the_start_may_be_had_again() {
    let server = start();
    let source = Arc::new(Source::default());
    for name in ["bank", "bank-model"] {
        server.app.revive_with(name, source.clone());
    }
    let fatal = json!([{"role": "user", "content": "\u{0}"}]);
    let answer = server.post(CHAT, &json!({"model": "bank-model", "messages": fatal}));
    assert_eq!(code(&answer), told(503, "engine_stopped"));
    assert_eq!([server.get("/livez").status, server.get("/readyz").status], [200, 200]);
    // Who names no model has it loaded too.
    assert_eq!(server.post("/generate", &json!({"inputs": "x"})).status, 200);
    for model in ["bank-model", "bank-model", "bank"] {
        assert_eq!(ask(&server, model).status, 200, "{model}");
    }
    assert_eq!(source.loads.load(Ordering::SeqCst), 2, "once for each name");
    // It stays as before.
    let unload = server.post("/admin/models/unload", &json!({"model": "bank"}));
    assert_eq!(code(&unload), told(400, "model_stays"));
    let reload = server.post("/admin/models/load", &json!({"model": "bank", "reload": true}));
    assert_eq!(code(&reload), told(400, "model_stays"));
}

/// A folder that is slow, and a model in it that is not to be looked at.
#[derive(Default)]
struct SlowLibrary {
    lists: AtomicUsize,
    go_on: AtomicBool,
}

impl Library for SlowLibrary {
    fn names(&self) -> Vec<String> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        wait_for("the end of the wait", || self.go_on.load(Ordering::SeqCst));
        vec!["on-disk".to_owned()]
    }

    fn model(&self, name: &str) -> Option<Arc<dyn ModelSource>> {
        let source = (name == "on-disk").then(|| Arc::new(Unread) as Arc<dyn ModelSource>);
        source.filter(|_| self.go_on.load(Ordering::SeqCst))
    }

    fn adapter(&self, _path: &str) -> Option<String> {
        None
    }
}

/// Files that nobody may look at.
struct Unread;

impl ModelSource for Unread {
    fn bytes(&self) -> u64 {
        panic!("its files are looked at")
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        Err("it is loaded".into())
    }
}

/// What waits for the disk holds up nobody else, a list reads no file, and metrics look at none.
#[test]
fn a_slow_folder_of_models_holds_up_nobody() {
    let server = start();
    let library = Arc::new(SlowLibrary::default());
    server.app.set_library(library.clone());
    assert_eq!(server.get("/metrics").status, 200);
    assert_eq!(library.lists.load(Ordering::SeqCst), 0);
    let paths = ["/v1/models", "/api/tags", "/v1/models/none", "/v1/models"];
    std::thread::scope(|scope| {
        // More than there are threads for HTTP.
        let server = &server;
        let asked = paths.map(|path| scope.spawn(move || server.get(path)));
        wait_for("the lists", || library.lists.load(Ordering::SeqCst) == paths.len());
        assert_eq!((server.get("/livez").status, ask(server, "bank-model").status), (200, 200));
        library.go_on.store(true, Ordering::SeqCst);
        for answer in asked.map(|one| one.join().expect("it is asked")) {
            assert!(answer.text.contains("on-disk"), "{}", answer.text);
        }
    });
}

#[test]
fn an_alias_is_swapped_between_two_requests() {
    let (server, _) = with_sources();
    let swap = |alias: &str, model: &str, unload: bool| {
        let body = json!({"alias": alias, "model": model, "unload": unload});
        server.post("/admin/models/swap", &body)
    };
    assert_eq!(ask(&server, "prod").status, 404);
    assert_eq!(swap("prod", "a", false).json()["before"], Value::Null);
    assert_eq!(ask(&server, "prod").status, 200);
    assert_eq!(swap("prod", "b", true).json()["before"], json!("a"));
    assert_eq!(ask(&server, "prod").json()["model"], json!("prod"));
    assert_eq!(in_memory(&server), ["b"]);
    assert_eq!(swap("next", "prod", false).json()["before"], Value::Null);
    assert_eq!(server.get("/admin/models").json()["aliases"], json!({"next": "b", "prod": "b"}));
    assert_eq!(code(&swap("a", "b", false)), told(409, "model_exists"));
    assert_eq!(code(&swap("prod", "none", false)), told(404, "model_not_found"));
}

/// Names that requests make are listed and logged, and never forgotten: they have limits.
#[test]
fn names_that_requests_make_are_short_plain_and_few() {
    let (server, _) = with_sources();
    let swap =
        |alias: &str| server.post("/admin/models/swap", &json!({"alias": alias, "model": "a"}));
    let long = "x".repeat(257);
    for name in ["", "a\nb", "\u{1b}[2J", &long] {
        assert_eq!(code(&swap(name)), told(400, "invalid_value"), "{name:?}");
        let adapter = json!({"lora_name": name, "lora_path": "x"});
        let answer = server.post("/v1/load_lora_adapter", &adapter);
        assert_eq!(answer.json()["error"]["param"], "lora_name", "{}", answer.text);
    }
    for idx in 0..1000 {
        assert_eq!(swap(&format!("alias-{idx}")).status, 200, "{idx}");
    }
    let more = swap("one-more");
    assert_eq!(code(&more), told(400, "invalid_value"));
    assert!(more.text.contains("1000"), "{}", more.text);
    // Those that are there can still be given another meaning.
    assert_eq!(swap("alias-7").status, 200);
}

/// A model has one account, whichever of its names was asked for, and all of them are told.
#[test]
fn an_alias_is_a_name_as_good_as_the_models_own() {
    let (server, [a, ..]) = with_sources();
    let body = json!({"alias": "prod", "model": "a"});
    assert_eq!(server.post("/admin/models/swap", &body).status, 200);
    assert_eq!((ask(&server, "prod").status, ask(&server, "a").status), (200, 200));
    assert_eq!(server.metric("vllm:request_params_n_count{model_name=\"a\"}"), 2.0);
    assert!(!server.get("/metrics").text.contains("model_name=\"prod\""));

    let listed = |path: &str, list: &str, name: &str| -> Vec<Value> {
        let all = server.get(path).json()[list].as_array().expect("a list").clone();
        all.into_iter().filter(|one| one[name] == "a" || one[name] == "prod").collect()
    };
    let models = listed("/v1/models", "data", "id");
    assert_eq!(models.len(), 2);
    assert_eq!((&models[1]["id"], &models[1]["root"]), (&json!("prod"), &json!("a")));
    assert_eq!(server.get("/v1/models/prod").json(), models[1]);
    let tags = listed("/api/tags", "models", "name");
    assert_eq!((tags.len(), &tags[0]["digest"]), (2, &tags[1]["digest"]));
    assert_eq!(listed("/api/ps", "models", "name").len(), 1, "it is in memory once");

    // What is wrong with it is told by the name that was asked for.
    let unload = json!({"model": "prod:latest", "keep_alive": 0});
    assert_eq!(server.post("/api/generate", &unload).json()["done_reason"], json!("unload"));
    assert_eq!(in_memory(&server), [""; 0]);
    a.is_broken.store(true, Ordering::SeqCst);
    let broken = ask(&server, "prod");
    assert_eq!(code(&broken), told(500, "model_not_loadable"));
    assert!(broken.text.contains("`prod`") && !broken.text.contains("`a`"), "{}", broken.text);
    a.is_broken.store(false, Ordering::SeqCst);
    let load = server.post("/admin/models/load", &json!({"model": "prod"}));
    assert_eq!((load.status, &load.json()["id"]), (200, &json!("a")));
    let unknown = ask(&server, "none");
    assert!(unknown.text.contains("prod"), "{}", unknown.text);
}

#[test]
fn s32_what_is_wrong_with_files_is_for_those_who_run_the_server() {
    let (server, [a, ..]) = with_sources();
    a.is_broken.store(true, Ordering::SeqCst);
    let answer = ask(&server, "a");
    assert_eq!(code(&answer), told(500, "model_not_loadable"));
    assert!(!answer.text.contains("secret"), "{}", answer.text);
    let answer = server.post("/admin/models/load", &json!({"model": "a"}));
    assert!(answer.text.contains("secret.gguf ends too early"), "{}", answer.text);
    assert_eq!(states(&server)[0], ("a".to_owned(), "unloaded".to_owned()));
    a.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(ask(&server, "a").status, 200);
}

#[test]
fn a_client_of_ollama_takes_a_model_out_of_memory() {
    let (server, _) = with_sources();
    let keep = |path: &str, model: &str, keep_alive: Value| {
        server.post(path, &json!({"model": model, "keep_alive": keep_alive}))
    };
    let loaded = keep("/api/generate", "a", json!("5m"));
    assert_eq!(loaded.json()["done_reason"], json!("load"));
    assert_eq!(loaded.header("x-catena-ignored-fields"), Some("keep_alive"));
    assert_eq!(in_memory(&server), ["a"]);
    for (path, member) in [("/api/generate", "response"), ("/api/chat", "message")] {
        let unloaded = keep(path, "a", json!(0));
        let body = unloaded.json();
        assert_eq!((&body["done_reason"], &body["done"]), (&json!("unload"), &json!(true)));
        assert!(body.get(member).is_some(), "{body}");
        assert_eq!(unloaded.header("x-catena-ignored-fields"), None);
    }
    assert_eq!(in_memory(&server), [""; 0]);
    let stays = keep("/api/generate", "bank", json!(0));
    assert_eq!(stays.json()["done_reason"], json!("load"));
    assert_eq!(stays.header("x-catena-ignored-fields"), Some("keep_alive"));
}

#[test]
fn s34_adapters_come_from_the_servers_folder_only() {
    let (server, _) = with_sources();
    let body = json!({"lora_name": "x", "lora_path": "/etc/passwd"});
    let answer = server.post("/v1/load_lora_adapter", &body);
    assert_eq!(code(&answer), told(400, "invalid_value"));
    assert!(answer.text.contains("--adapters-folder"), "{}", answer.text);
    let answer = server.post("/v1/unload_lora_adapter", &json!({"lora_name": "a"}));
    assert_eq!(code(&answer), told(404, "model_not_found"));
}
