//! Who is let in, and what a key may do and see.

use crate::locked::{CHAT, chat, code, locked, locked_with, told};
use crate::support::{Server, Start, start, start_with};
use catena_serve::keys::NewKey;
use catena_serve::{Access, Observers, PUBLIC_PATHS, Settings};
use serde_json::{Value, json};

/// vLLM asks for its key below `/v1` only, so its other routes were open to everyone.
#[test]
fn s04_every_route_needs_a_key_unless_it_is_on_the_public_list() {
    let locked = locked(&[NewKey::default()]);
    let routes = catena_serve::paths();
    assert!(routes.len() >= 7, "{routes:?}");
    let unknown =
        ["/", "/nothing", "/admin/nothing", "/v1", "/v1/", "//livez", "/livez/", "/LIVEZ"];
    let concrete = routes.iter().map(|route| route.replace(['{', '}', '*'], ""));
    for path in concrete.chain(unknown.map(str::to_owned)) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] {
            let answer = locked.server.send(method, &path, &[], "");
            let is_open = PUBLIC_PATHS.contains(&path.as_str());
            assert_eq!(answer.status == 401, !is_open, "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(PUBLIC_PATHS, ["/livez", "/readyz", "/health"]);
}

/// Routers and autoscalers that can send no key read the metrics where that is wanted, and nothing else.
#[test]
fn s04_metrics_are_public_only_where_that_is_asked_for() {
    let access = Access { public_metrics: true, ..Access::default() };
    let settings = Settings { access, ..Settings::default() };
    let locked = locked_with(&[NewKey::default()], settings, Observers::default());
    let page = locked.server.get("/metrics");
    assert_eq!(page.status, 200);
    assert!(page.text.contains("vllm:num_requests_waiting{model_name=\"bank\"}"), "{}", page.text);
    for path in catena_serve::paths().into_iter().chain(["/metrics/", "//metrics", "/METRICS"]) {
        let path = path.replace(['{', '}', '*'], "");
        let is_open = path == "/metrics" || PUBLIC_PATHS.contains(&path.as_str());
        assert_eq!(locked.server.get(&path).status == 401, !is_open, "{path}");
    }
    locked.server.app.reload(Settings {
        access: Access { keys: Some(locked.ring.clone()), ..Access::default() },
        ..Settings::default()
    });
    assert_eq!(locked.server.get("/metrics").status, 401);
}

/// Time and depth of a prompt's cache told vLLM's clients what others had asked.
#[test]
fn s19_a_key_sees_nothing_of_what_another_asked() {
    let locked = locked(&[NewKey::default(), NewKey::default()]);
    let secret = "The merger with our competitor is announced on the first of May. ".repeat(4);
    let body = json!({"model": "bank-model", "messages": [{"role": "user", "content": secret}]});
    let cached = |key: usize| -> Value {
        let answer = locked.ask(&locked.keys[key], "POST", CHAT, &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"].clone()
    };
    assert_eq!(cached(0), 0);
    assert_eq!(cached(1), 0, "the other key's prompt was known");
    assert!(cached(0).as_u64().is_some_and(|tokens| tokens > 200), "its own is");
    // A salt of the client's choice would be a way into another's prompts: there is none.
    let mut salted = body.clone();
    salted["cache_salt"] = json!(locked.keys[0].split('_').nth(1).expect("an identity"));
    let answer = locked.ask(&locked.keys[1], "POST", CHAT, &salted.to_string());
    assert_eq!(answer.header("x-catena-ignored-fields"), Some("cache_salt"));
}

/// A page that has its own name resolve to this machine asked Ollama for everything.
#[test]
fn s26_a_name_of_others_for_this_machine_is_refused() {
    let access =
        Access { hosts: vec!["localhost".to_owned(), "127.0.0.1".to_owned()], ..Access::default() };
    let settings = Settings { access, ..Settings::default() };
    let server = start_with(Start { settings, ..Start::default() });
    assert_eq!(server.get("/v1/models").status, 200);
    for host in ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example"] {
        let answer = server.send("GET", "/v1/models", &[("host", host)], "");
        assert_eq!(code(&answer), told(403, "foreign_host"), "{host}");
    }
    assert_eq!(server.send("GET", "/v1/models", &[("host", "LOCALHOST:99")], "").status, 200);
}

/// llama.cpp told every page's origin that it may read with the user's credentials.
#[test]
fn s26_pages_of_other_hosts_are_kept_out_unless_allowed() {
    let server = start();
    let own = format!("http://{}", server.address);
    let ask = |server: &Server, origin: &str| {
        server.send("POST", CHAT, &[("origin", origin)], &chat("bank"))
    };
    assert_eq!(ask(&server, &own).status, 200);
    for foreign in ["https://evil.example", "null", "http://localhost:1"] {
        let answer = ask(&server, foreign);
        assert_eq!(code(&answer), told(403, "foreign_origin"), "{foreign}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let access = Access { origins: vec!["https://chat.example".to_owned()], ..Access::default() };
    let settings = Settings { access, ..Settings::default() };
    let server = start_with(Start { settings, ..Start::default() });
    let allowed = ask(&server, "https://chat.example");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://chat.example"));
    assert_eq!(allowed.header("vary"), Some("origin"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    assert_eq!(ask(&server, "https://chat.example.evil").status, 403);
    let headers = [
        ("origin", "https://chat.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let preflight = server.send("OPTIONS", CHAT, &headers, "");
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization"));
}

/// The key check of LiteLLM put what it was sent into SQL.
#[test]
fn s29_odd_texts_in_headers_are_only_texts() {
    let (open, locked) = (start(), locked(&[NewKey::default()]));
    let texts = [
        "' OR 1=1 --",
        "\"; DROP TABLE keys; --",
        "ck_' UNION SELECT * FROM keys --_x",
        "${jndi:ldap://x}",
        "%00",
        "..%2f..%2f",
        "*",
    ];
    for text in texts {
        let bearer = format!("Bearer {text}");
        let headers =
            [("authorization", bearer.as_str()), ("x-api-key", text), ("x-request-id", text)];
        let ask = |server: &Server| server.send("POST", CHAT, &headers, &chat("bank")).status;
        assert_eq!(ask(&open), 200, "{text}: without keys nobody is asked for one");
        assert_eq!(ask(&locked.server), 401, "{text}");
    }
}

/// Whoever could load an adapter in vLLM could ask which files are there.
#[test]
fn s34_adapters_are_loaded_by_admins_only() {
    let locked = locked(&[NewKey::default()]);
    for path in ["/etc/passwd", "/nothing/at/all"] {
        let body = json!({"lora_name": "x", "lora_path": path}).to_string();
        let answer = locked.ask(&locked.keys[0], "POST", "/v1/load_lora_adapter", &body);
        assert_eq!(code(&answer), told(403, "not_allowed"), "{path}");
        assert!(!answer.text.contains(path), "{}", answer.text);
    }
}

/// Anyone could stop vLLM, or give it other weights.
#[test]
fn s36_running_the_server_needs_an_admins_key() {
    let locked = locked(&[NewKey::default(), NewKey { admin: true, ..NewKey::default() }]);
    let [user, admin] = [0, 1].map(|idx| locked.keys[idx].as_str());
    let ours =
        ["/admin/models", "/admin/anything", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"];
    let theirs = [
        "/pause",
        "/resume",
        "/sleep",
        "/wake_up",
        "/update_weights",
        "/collective_rpc",
        "/abort_requests",
        "/scale_elastic_ep",
        "/reset_prefix_cache",
        "/server_info",
        "/slots/0?action=save",
        "/start_profile",
        "/shutdown",
    ];
    for path in ours {
        assert_eq!(locked.ask(user, "POST", path, "{}").status, 403, "{path}");
        assert_ne!(locked.ask(admin, "POST", path, "{}").status, 403, "{path}");
        assert_eq!(locked.server.send("POST", path, &[], "{}").status, 401, "{path}");
    }
    for path in theirs {
        assert_eq!(locked.server.send("POST", path, &[], "{}").status, 401, "{path}");
        assert_eq!(locked.ask(admin, "POST", path, "{}").status, 404, "{path}: there is no such");
    }
}
