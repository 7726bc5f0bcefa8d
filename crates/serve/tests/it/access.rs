//! Keys, their limits, and who else is kept out.

use crate::locked::{CHAT, chat, code, locked, locked_with, told};
use crate::support::{Start, start, start_with, wait_for};
use axum::Router;
use axum::routing::get;
use camino::Utf8PathBuf;
use catena_knowledge::{Embedder, KnowledgeError};
use catena_serve::keys::{KeyLimits, NewKey};
use catena_serve::{
    Access, AuditLog, LoadError, LoadedModel, ModelSource, Observers, ServedModel, Settings,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

#[test]
fn keys_are_shown_in_three_ways() {
    let locked = locked(&[NewKey::default()]);
    let key = &locked.keys[0];
    let basic = format!("Basic {}", base64(&format!("anyone:{key}")));
    for headers in [
        [("authorization", format!("Bearer {key}"))],
        [("authorization", format!("bearer   {key} "))],
        [("x-api-key", key.clone())],
        [("authorization", basic)],
    ] {
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = locked.server.send("POST", CHAT, &headers, &chat("bank"));
        assert_eq!(answer.status, 200, "{headers:?} {}", answer.text);
    }
    for header in ["", "Bearer", "Bearer ", "Basic !", "Digest x", "Bearer ck_0_0", &key[3..]] {
        let answer = locked.server.send("POST", CHAT, &[("authorization", header)], &chat("bank"));
        assert_eq!(code(&answer), told(401, "invalid_api_key"), "{header}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let page = locked.server.send("GET", "/", &[("accept", "text/html,*/*")], "");
    assert_eq!(page.header("www-authenticate"), Some("Basic realm=\"catena\""));
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = (0..3).fold(0, |bits, idx| {
            bits << 8 | u32::from(group.get(idx).copied().unwrap_or_default())
        });
        for digit in 0..=group.len() {
            encoded.push(char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize]));
        }
        encoded.extend(std::iter::repeat_n('=', 3 - group.len()));
    }
    encoded
}

#[test]
fn scopes_and_times_are_kept() {
    let locked = locked(&[
        NewKey { models: vec!["bank".to_owned()], ..NewKey::default() },
        NewKey { routes: vec!["/v1/models*".to_owned()], ..NewKey::default() },
        NewKey { expires: Some(1), ..NewKey::default() },
    ]);
    let [models, routes, expired] = [0, 1, 2].map(|idx| locked.keys[idx].as_str());
    assert_eq!(locked.ask(models, "POST", CHAT, &chat("bank")).status, 200);
    let other = locked.ask(models, "POST", CHAT, &chat("bank-model"));
    assert_eq!(code(&other), told(403, "not_allowed"));
    let completion = json!({"model": "bank-model", "prompt": "x"}).to_string();
    let other = locked.ask(models, "POST", "/v1/completions", &completion);
    assert_eq!(code(&other), told(403, "not_allowed"));
    // What it is not for is not shown either.
    let shown = |key: &str, path: &str, list: &str, name: &str| -> Vec<String> {
        let listed = locked.ask(key, "GET", path, "").json();
        let models = listed[list].as_array().expect("a list").iter();
        models.map(|model| model[name].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(shown(models, "/v1/models", "data", "id"), ["bank"]);
    for path in ["/api/tags", "/api/ps"] {
        assert_eq!(shown(models, path, "models", "name"), ["bank"], "{path}");
    }
    assert!(shown(routes, "/v1/models", "data", "id").contains(&"bank-model".to_owned()));
    assert_eq!(locked.ask(models, "GET", "/v1/models/bank", "").status, 200);
    let other = locked.ask(models, "GET", "/v1/models/bank-model", "");
    assert_eq!(code(&other), told(403, "not_allowed"));
    assert_eq!(locked.ask(routes, "GET", "/v1/models/bank", "").status, 200);
    assert_eq!(code(&locked.ask(routes, "POST", CHAT, &chat("bank"))), told(403, "not_allowed"));
    let answer = locked.ask(expired, "GET", "/v1/models", "");
    assert_eq!(code(&answer), told(401, "invalid_api_key"));
    assert!(answer.text.contains("expired"));
}

/// A key is for names as they are asked for: one for an alias needs none for the model that it means.
#[test]
fn scopes_are_of_names_as_they_are_asked_for() {
    let aliases = [("prod", "bank-model"), ("next", "bank-model")];
    let aliases = aliases.map(|(alias, model)| (alias.to_owned(), model.to_owned())).into();
    let settings = Settings { aliases, ..Settings::default() };
    let key = NewKey { models: vec!["prod".to_owned()], ..NewKey::default() };
    let locked = locked_with(&[key], settings, Observers::default());
    let key = locked.keys[0].as_str();
    for (name, status) in [("prod", 200), ("next", 403), ("bank-model", 403), ("bank", 403)] {
        assert_eq!(locked.ask(key, "POST", CHAT, &chat(name)).status, status, "{name}");
        let one = locked.ask(key, "GET", &format!("/v1/models/{name}"), "");
        assert_eq!(one.status, status, "{name}");
        // Ollama's clients add a tag, which says nothing.
        for name in [name.to_owned(), format!("{name}:latest")] {
            let messages = json!([{"role": "user", "content": "x"}]);
            let body = json!({"model": name, "messages": messages, "stream": false}).to_string();
            let answer = locked.ask(key, "POST", "/api/chat", &body);
            assert_eq!(answer.status, status, "{name}: {}", answer.text);
        }
    }
    let listed = locked.ask(key, "GET", "/v1/models", "").json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    let one = &listed["data"][0];
    assert_eq!((&one["id"], &one["root"]), (&json!("prod"), &json!("prod")));
    for path in ["/api/tags", "/api/ps"] {
        let listed = locked.ask(key, "GET", path, "").json();
        let names = listed["models"].as_array().expect("a list").iter().map(|model| &model["name"]);
        assert_eq!(names.collect::<Vec<_>>(), [&json!("prod")], "{path}");
    }
}

#[test]
fn what_a_key_made_is_its_own() {
    let locked = locked(&[NewKey::default(), NewKey::default()]);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = camino::Utf8Path::from_path(temporary.path()).expect("UTF-8");
    locked.server.app.keep_files(folder).expect("a folder");
    let [mine, other] = [0, 1].map(|idx| locked.keys[idx].as_str());
    let body = json!({"model": "bank-model", "input": "What does a wire cost?"}).to_string();
    let made = locked.ask(mine, "POST", "/v1/responses", &body).json();
    let file = locked.upload(mine, "{}").json();
    let [response, file] = [&made, &file].map(|made| made["id"].as_str().expect("an id"));
    let go_on = json!({"model": "bank-model", "input": "And?", "previous_response_id": response});
    for (key, expected) in [(other, 404), (mine, 200)] {
        for path in [
            format!("/v1/responses/{response}"),
            format!("/v1/responses/{response}/input_items"),
            format!("/v1/files/{file}"),
            format!("/v1/files/{file}/content"),
        ] {
            assert_eq!(locked.ask(key, "GET", &path, "").status, expected, "{path}");
        }
        let next = locked.ask(key, "POST", "/v1/responses", &go_on.to_string());
        assert_eq!(next.status, expected, "{}", next.text);
        let listed = locked.ask(key, "GET", "/v1/files", "").json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(usize::from(expected == 200)));
        let deleted = locked.ask(key, "DELETE", &format!("/v1/files/{file}"), "");
        assert_eq!(deleted.status, expected);
    }
}

#[test]
fn a_revoked_key_is_refused_once_keys_are_read_again() {
    let locked = locked(&[NewKey::default()]);
    let key = &locked.keys[0];
    assert_eq!(locked.ask(key, "GET", "/v1/models", "").status, 200);
    let id = locked.file.read().expect("it reads").expect("keys")[0].id.clone();
    locked.file.revoke(&id).expect("it is written");
    locked.ring.replace(locked.file.read().expect("it reads").expect("keys"));
    // The last key is gone, and that opens nothing.
    assert_eq!(locked.ask(key, "GET", "/v1/models", "").status, 401);
    assert_eq!(locked.server.get("/v1/models").status, 401);
}

#[test]
fn limits_are_told_and_kept() {
    let limits = KeyLimits {
        requests_per_minute: Some(2),
        tokens_per_minute: Some(100_000),
        ..KeyLimits::default()
    };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }, NewKey::default()]);
    let key = &locked.keys[0];
    let first = locked.ask(key, "POST", CHAT, &chat("bank-model"));
    assert_eq!(first.header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("1"));
    assert!(first.header("x-ratelimit-reset-requests").is_some_and(|s| s.ends_with('s')));
    assert_eq!(first.header("x-ratelimit-limit-tokens"), Some("100000"));
    let second = locked.ask(key, "POST", CHAT, &chat("bank-model"));
    assert_eq!(second.status, 200);
    let third = locked.ask(key, "POST", CHAT, &chat("bank-model"));
    assert_eq!(code(&third), told(429, "rate_limit_exceeded"));
    assert_eq!(third.json()["error"]["type"], "rate_limit_error");
    let wait: u64 = third.header("retry-after").expect("a wait").parse().expect("seconds");
    assert!((1..=30).contains(&wait), "{wait}");
    // Another key has its own limits.
    let other = locked.ask(&locked.keys[1], "POST", CHAT, &chat("bank-model"));
    assert_eq!((other.status, other.header("x-ratelimit-limit-requests")), (200, None));
}

/// Its clients read names and points in time of its own.
#[test]
fn limits_are_told_as_anthropic_tells_them() {
    let limits = KeyLimits {
        requests_per_minute: Some(1),
        tokens_per_minute: Some(100_000),
        ..KeyLimits::default()
    };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
    let body = json!({"model": "bank-model", "max_tokens": 2,
        "messages": [{"role": "user", "content": "Hello"}]});
    let ask = || locked.ask(&locked.keys[0], "POST", "/v1/messages", &body.to_string());
    let first = ask();
    assert_eq!((first.status, first.header("x-ratelimit-limit-requests")), (200, Some("1")));
    assert_eq!(first.header("anthropic-ratelimit-requests-limit"), Some("1"));
    assert_eq!(first.header("anthropic-ratelimit-requests-remaining"), Some("0"));
    assert_eq!(first.header("anthropic-ratelimit-tokens-limit"), Some("100000"));
    for what in ["requests", "tokens"] {
        let name = format!("anthropic-ratelimit-{what}-reset");
        let reset = first.header(&name).expect("told");
        // 2026-01-31T12:34:56Z
        assert_eq!((reset.len(), &reset[10..11], &reset[19..]), (20, "T", "Z"), "{reset}");
    }
    let refused = ask();
    assert_eq!(
        (refused.status, &refused.json()["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );
    assert!(refused.header("retry-after").is_some());
    let other = locked.ask(&locked.keys[0], "POST", CHAT, &chat("bank-model"));
    assert_eq!(other.header("anthropic-ratelimit-requests-limit"), None);
}

#[test]
fn tokens_are_counted_as_they_were_used() {
    let limits = KeyLimits { tokens_per_minute: Some(600), ..KeyLimits::default() };
    let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
    let key = &locked.keys[0];
    let first = locked.ask(key, "POST", CHAT, &chat("bank-model"));
    let used = first.json()["usage"]["total_tokens"].as_u64().expect("a count");
    let list = locked.ask(key, "GET", "/v1/models", "");
    let left = list.header("x-ratelimit-remaining-tokens").expect("told");
    let left: u64 = left.parse().expect("a number");
    // A few come back while the test runs.
    assert!((600 - used..=600).contains(&left), "{left} of 600 after {used}");
    let embed = json!({"model": "bank-embedder", "input": vec!["a b c d e f g h"; 60]});
    assert_eq!(locked.ask(key, "POST", "/v1/embeddings", &embed.to_string()).status, 200);
    let refused = locked.ask(key, "POST", CHAT, &chat("bank-model"));
    assert_eq!(code(&refused), told(429, "rate_limit_exceeded"));
    assert!(refused.text.contains("600 tokens per minute"), "{}", refused.text);
}

/// What reads texts and writes none is within the limit too: refused before it computes, and free
/// where it fails.
#[test]
fn texts_that_are_only_read_are_within_the_limit_on_tokens() {
    let texts = || vec!["a b c d e f g h"; 70];
    let pairs = || vec![["a b c d", "e f g h"]; 70];
    for (path, body) in [
        ("/v1/embeddings", json!({"model": "bank-embedder", "input": texts()})),
        ("/embed", json!({"inputs": texts()})),
        ("/embed_all", json!({"inputs": texts()})),
        ("/api/embed", json!({"model": "bank-embedder", "input": texts()})),
        ("/similarity", json!({"inputs": {"source_sentence": "a b", "sentences": texts()}})),
        ("/predict", json!({"inputs": pairs()})),
        ("/rerank", json!({"query": "a b c d", "texts": vec!["e f g h"; 70]})),
        (
            "/v2/rerank",
            json!({"model": "bank-reranker", "query": "a b", "documents": vec!["c d e f g h"; 70]}),
        ),
    ] {
        let limits = KeyLimits { tokens_per_minute: Some(600), ..KeyLimits::default() };
        let locked = locked(&[NewKey { limits, ..NewKey::default() }]);
        let key = &locked.keys[0];
        let ask = |body: &Value| locked.ask(key, "POST", path, &body.to_string());
        let left = || {
            let answer = locked.ask(key, "GET", "/v1/models", "");
            let left = answer.header("x-ratelimit-remaining-tokens").expect("told");
            left.parse::<u64>().expect("a number")
        };
        let first = ask(&body);
        assert_eq!(first.status, 200, "{path}: {}", first.text);
        let before = left();
        // At 10 tokens a second 560 are not there again so soon.
        assert!((30..=300).contains(&before), "{path}: {before} of 600");
        let second = ask(&body);
        assert_eq!(second.status, 429, "{path}: {}", second.text);
        assert!(second.text.contains("600 tokens per minute"), "{path}: {}", second.text);
        let wait = second.header("retry-after").expect("a wait").parse::<u64>().expect("seconds");
        assert!((1..=60).contains(&wait), "{path}: {wait}");
        assert!(left() >= before, "{path}: a refusal costs nothing");
    }
}

#[test]
fn requests_have_names() {
    let server = start();
    let ours = server.get("/v1/models");
    assert!(ours.header("x-request-id").is_some_and(|id| id.starts_with("req-")));
    let theirs = server.send("GET", "/health", &[("x-request-id", "abc-123")], "");
    assert_eq!(theirs.header("x-request-id"), Some("abc-123"));
    // Where Anthropic's clients look for it.
    let message = server.send("POST", "/v1/messages", &[("x-request-id", "abc-123")], "{}");
    assert_eq!((message.status, message.header("request-id")), (400, Some("abc-123")));
    assert_eq!(message.json()["request_id"], "abc-123");
    assert_eq!(theirs.header("request-id"), None);
    for odd in ["a b", "a\tb", &"x".repeat(129)] {
        let answer = server.send("GET", "/v1/models", &[("x-request-id", odd)], "");
        assert!(answer.header("x-request-id").is_some_and(|id| id.starts_with("req-")), "{odd}");
    }
}

/// What is said of a fault, in a handler or where it computes, can be found by the request's name.
#[test]
fn a_requests_name_is_known_wherever_it_is_worked_on() {
    async fn name() -> String {
        let computed = tokio::task::spawn_blocking(catena_serve::request_id).await;
        format!("{:?} {:?}", catena_serve::request_id(), computed.expect("it computes"))
    }
    let more = Router::new().route("/name", get(name));
    let server = start_with(Start { more, ..Start::default() });
    let names = Arc::new(Names::default());
    let model = ServedModel::Embedder(names.clone());
    server.app.declare("names", names.clone(), Some(LoadedModel { model, bytes: 0 }), true);
    let headers = [("x-request-id", "abc-123"), ("content-type", "application/json")];
    let ask = |method: &str, path: &str, body: &str| server.send(method, path, &headers, body);
    // A thread of somebody else's is not told.
    assert_eq!(ask("GET", "/name", "").text, "Some(\"abc-123\") None");
    let body = json!({"model": "names", "input": "x"}).to_string();
    assert_eq!(ask("POST", "/v1/embeddings", &body).status, 200);
    let unload = json!({"model": "names"}).to_string();
    assert_eq!(ask("POST", "/admin/models/unload", &unload).status, 200);
    assert_eq!(ask("POST", "/v1/embeddings", &body).status, 500, "it cannot be loaded");
    let names = names.0.lock().expect("nobody panicked").clone();
    assert_eq!(
        names,
        [("embed", Some("abc-123".to_owned())), ("load", Some("abc-123".to_owned()))]
    );
}

/// Notes for whom it computes and is loaded.
#[derive(Default)]
struct Names(Mutex<Vec<(&'static str, Option<String>)>>);

impl Names {
    fn note(&self, work: &'static str) {
        self.0.lock().expect("nobody panicked").push((work, catena_serve::request_id()));
    }
}

impl ModelSource for Names {
    fn bytes(&self) -> u64 {
        0
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        self.note("load");
        Err("it is gone".into())
    }
}

impl Embedder for Names {
    fn identity(&self) -> &'static str {
        "names"
    }

    fn dim(&self) -> usize {
        1
    }

    fn max_tokens(&self) -> usize {
        8
    }

    fn count_tokens(&self, _text: &str) -> usize {
        1
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        self.note("embed");
        Ok(vec![vec![1.0]; texts.len()])
    }

    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        self.embed(texts)
    }

    fn embed_tokens(&self, _texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError> {
        Ok(Vec::new())
    }
}

/// Who comes under a foreign name or from a foreign page is refused before anything else, and told of
/// as everybody is.
#[test]
fn refusals_of_hosts_and_origins_are_logged_and_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().join("audit.jsonl")).expect("plain");
    let audit = AuditLog::open(&path).expect("it opens");
    let observers = Observers { audit: Some(audit), ..Observers::default() };
    let access = Access { hosts: vec!["127.0.0.1".to_owned()], ..Access::default() };
    let settings = Settings { access, ..Settings::default() };
    let server = start_with(Start { settings, observers, ..Start::default() });
    let named = |id: &'static str, header| [("x-request-id", id), header];
    let host = named("a", ("host", "evil.example"));
    let origin = named("b", ("origin", "https://evil.example"));
    assert_eq!(code(&server.send("GET", "/livez", &host, "")), told(403, "foreign_host"));
    assert_eq!(code(&server.send("POST", CHAT, &origin, "")), told(403, "foreign_origin"));
    let lines = || std::fs::read_to_string(&path).expect("a log");
    wait_for("two lines", || lines().lines().count() == 2);
    let lines = lines();
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    for (id, route, error) in [("a", "/livez", "foreign_host"), ("b", CHAT, "foreign_origin")] {
        let line = lines.next().expect("a line");
        let told = [&line["request_id"], &line["route"], &line["error"], &line["status"]];
        assert_eq!(told, [&json!(id), &json!(route), &json!(error), &json!(403)]);
        let counted = format!("catena_http_errors_total{{code=\"{error}\"}}");
        assert_eq!(server.metric(&counted), 1.0);
        let counted = format!("catena_http_requests_total{{route=\"{route}\"");
        assert_eq!(server.metric(&counted), 1.0);
    }
}

/// A log that was moved away is begun anew when that is told, and no line is lost.
#[test]
fn an_audit_log_follows_its_name() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().join("audit.jsonl")).expect("plain");
    let moved = path.with_extension("old");
    let audit = AuditLog::open(&path).expect("it opens");
    let observers = Observers { audit: Some(audit.clone()), ..Observers::default() };
    let server = start_with(Start { observers, ..Start::default() });
    let lines =
        |path: &Utf8PathBuf| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    server.get("/v1/models");
    wait_for("the first", || lines(&path) == 1);
    std::fs::rename(&path, &moved).expect("it is moved");
    server.get("/v1/models");
    wait_for("the second", || lines(&moved) == 2);
    audit.reopen();
    server.get("/v1/models");
    wait_for("the third", || lines(&path) == 1);
    assert_eq!((lines(&moved), audit.lost()), (2, 0));
}

#[test]
fn s35_the_audit_log_says_who_and_how_much_but_no_text() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().join("logs/audit.jsonl")).expect("plain");
    let audit = AuditLog::open(&path).expect("it opens");
    let observers = Observers { audit: Some(audit.clone()), ..Observers::default() };
    let new = NewKey { name: "ann".to_owned(), ..NewKey::default() };
    let locked = locked_with(&[new], Settings::default(), observers);
    let key = &locked.keys[0];
    let secret_text = json!({"model": "bank-model", "stream": true, "messages":
        [{"role": "user", "content": "my password is\r\n{\"status\": 200} swordfish"}]});
    let used = locked.ask(key, "POST", CHAT, &secret_text.to_string());
    assert_eq!(used.chunks().last().expect("chunks")["choices"][0]["finish_reason"], "stop");
    locked.server.send("POST", CHAT, &[("x-request-id", "no-key")], &chat("bank"));
    let lines = || std::fs::read_to_string(&path).expect("a log");
    wait_for("two lines", || lines().lines().count() == 2);
    let text = lines();
    assert!(!text.contains("swordfish") && !text.contains(key.rsplit('_').next().expect("a part")));
    let [first, second]: [Value; 2] = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect::<Vec<_>>()
        .try_into()
        .expect("two");
    for (field, value) in [
        ("name", json!("name ann")),
        ("address", json!("127.0.0.1")),
        ("method", json!("POST")),
        ("route", json!(CHAT)),
        ("model", json!("bank-model")),
        ("status", json!(200)),
        ("complete", json!(true)),
        ("completion_tokens", json!(34)),
        ("finish_reason", json!("stop")),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    assert!(first["prompt_tokens"].as_u64().is_some_and(|tokens| tokens > 20));
    assert!(key.contains(first["key"].as_str().expect("an id")));
    assert_eq!((&second["status"], &second["key"]), (&json!(401), &Value::Null));
    assert_eq!(
        (&second["request_id"], &second["address"]),
        (&json!("no-key"), &json!("127.0.0.1"))
    );
    assert_eq!(audit.lost(), 0);
}
