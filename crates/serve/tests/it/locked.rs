//! A server with keys.

use crate::support::{Answer, Server, Start, start_with};
use camino::Utf8PathBuf;
use catena_serve::keys::{KeyFile, Keyring, NewKey};
use catena_serve::{Access, Observers, Settings};
use serde_json::json;
use std::sync::Arc;

pub(crate) const CHAT: &str = "/v1/chat/completions";

pub(crate) fn chat(model: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": "x"}]}).to_string()
}

/// A server with keys, and the keys' texts.
pub(crate) struct Locked {
    pub(crate) server: Server,
    pub(crate) ring: Arc<Keyring>,
    pub(crate) file: KeyFile,
    pub(crate) keys: Vec<String>,
    _dir: tempfile::TempDir,
}

pub(crate) fn locked(news: &[NewKey]) -> Locked {
    locked_with(news, Settings::default(), Observers::default())
}

pub(crate) fn locked_with(news: &[NewKey], mut settings: Settings, observers: Observers) -> Locked {
    let dir = tempfile::tempdir().expect("a folder");
    let path = Utf8PathBuf::from_path_buf(dir.path().join("keys.json")).expect("a plain path");
    let file = KeyFile::at(path);
    let create = |new: &NewKey| {
        let new = NewKey { name: format!("name {}", new.name), ..new.clone() };
        file.create(new, 0).expect("it is written").1
    };
    let keys = news.iter().map(create).collect();
    let ring = Arc::new(Keyring::new(file.read().expect("it reads").unwrap_or_default()));
    settings.access = Access { keys: Some(ring.clone()), ..settings.access };
    let server = start_with(Start { settings, observers, ..Start::default() });
    Locked { server, ring, file, keys, _dir: dir }
}

impl Locked {
    pub(crate) fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        self.server.send(method, path, &[("authorization", &bearer)], body)
    }

    /// Uploads the input of a batch.
    pub(crate) fn upload(&self, key: &str, text: &str) -> Answer {
        let form = format!(
            "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n{text}\r\n--x--\r\n"
        );
        let bearer = format!("Bearer {key}");
        let kind = "multipart/form-data; boundary=x";
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        self.server.send("POST", "/v1/files", &headers, &form)
    }
}

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().expect("a code").to_owned())
}

pub(crate) fn told(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
