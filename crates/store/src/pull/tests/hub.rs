//! The hub.

use super::support::{Place, Reply, Server, assert_complete, contents, misses, remote};
use crate::StoreError;
use std::fs;
use std::net::TcpListener;

/// Ollama sent a registry's token to where another host pointed.
#[test]
fn s28_a_token_does_not_follow_a_redirect() {
    let server = Server::start(|request, _| match request.path.as_str() {
        "/owner/toy/resolve/abc123/Model-Q4.bin" => Reply::Redirect("/store/Model-Q4.bin".into()),
        path => Reply::File(remote(path)),
    });
    let mut place = Place::new();
    place.options.hub_offline = false;
    place.options.hub_endpoint = format!("{}/", server.url);
    place.options.hub_token = Some("hf_secret".to_owned());
    let pulled = place.pull().unwrap();
    assert_complete(&pulled);
    assert_eq!(pulled.source, "Hugging Face Hub (owner/toy)");
    let seen = server.seen();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/owner/toy/resolve/abc123/Model-Q4.bin",
            "/store/Model-Q4.bin",
            "/owner/toy/resolve/abc123/sub/config.json"
        ]
    );
    assert_eq!(seen[0].authorization.as_deref(), Some("Bearer hf_secret"));
    assert_eq!(seen[1].authorization, None, "a token must not follow a redirect");
}

/// A proxy of LiteLLM sent its provider's key to the address of a request.
#[test]
fn s28_a_token_is_not_sent_to_a_place_the_user_names() {
    let server = Server::with_files();
    let mut place = Place::from(&server.url);
    place.options.hub_token = Some("hf_secret".to_owned());
    place.pull().unwrap();
    assert!(server.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[test]
fn offline_skips_the_hub_but_not_its_cache() {
    let mut place = Place::new();
    let hub = place.dir.join("hub");
    place.options.hub_cache_dir = Some(hub.clone());
    let reasons = misses(place.pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::HubOffline), "{:?}", reasons[1]);

    let repo = hub.join("models--owner--toy");
    fs::create_dir_all(repo.join("refs")).unwrap();
    fs::write(repo.join("refs/abc123"), "abc123").unwrap();
    for (path, bytes) in contents() {
        let name = if path == "model.bin" { "Model-Q4.bin" } else { path };
        let target = repo.join("snapshots/abc123").join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
    assert_complete(&place.pull().unwrap());
}

#[test]
fn a_hub_that_cannot_be_reached_is_a_miss() {
    // A port that was free a moment ago refuses at once.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut place = Place::new();
    place.options.hub_offline = false;
    place.options.hub_endpoint = format!("http://127.0.0.1:{port}");
    let reasons = misses(place.pull().unwrap_err());
    assert!(matches!(reasons[1], StoreError::Unreachable { .. }), "{:?}", reasons[1]);
}
