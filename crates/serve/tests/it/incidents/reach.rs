//! What a request must not make the server reach, read or tell.

use crate::support::{Start, start, start_with};
use crate::wire::{CHAT, is_up};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

/// A listener that nobody is to connect to.
struct Bait(TcpListener);

impl Bait {
    fn new() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it may be asked");
        let address = listener.local_addr().expect("an address");
        (Self(listener), address)
    }

    fn assert_untouched(&self) {
        let came = self.0.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(came, Err(ErrorKind::WouldBlock));
    }
}

/// Addresses that parsers of URLs read in different ways, or that are not of the web.
fn addresses(bait: SocketAddr) -> Vec<String> {
    let port = bait.port();
    vec![
        format!("http://{bait}/a.png"),
        format!("http://example.com\\@{bait}/a.png"),
        format!("http://example.com@{bait}/a.png"),
        format!("http://2130706433:{port}/a.png"),
        format!("http://0x7f000001:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("http://localhost:{port}/a.png"),
        format!("//{bait}/a.png"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("gopher://{bait}/_x"),
        format!("ftp://{bait}/x"),
    ]
}

/// Requests of every protocol with `url` where an image, a video or a document may stand elsewhere.
fn with_media(url: &str) -> Vec<(&'static str, Value)> {
    let content = |part: Value| json!([{"role": "user", "content": [part]}]);
    let image = content(json!({"type": "image_url", "image_url": {"url": url}}));
    let video = content(json!({"type": "video_url", "video_url": {"url": url}}));
    let source = content(json!({"type": "image", "source": {"type": "url", "url": url}}));
    let document = content(json!({"type": "document", "source": {"type": "url", "url": url}}));
    let shown = content(json!({"type": "input_image", "image_url": url}));
    let file = content(json!({"type": "input_file", "file_url": url}));
    let turn = json!([{"role": "user", "content": "x", "images": [url]}]);
    let message =
        |messages: Value| json!({"model": "bank-model", "max_tokens": 5, "messages": messages});
    vec![
        (CHAT, json!({"model": "bank-model", "messages": image})),
        (CHAT, json!({"model": "bank-model", "messages": video})),
        ("/v1/responses", json!({"model": "bank-model", "input": shown})),
        ("/v1/responses", json!({"model": "bank-model", "input": file})),
        ("/v1/messages", message(source)),
        ("/v1/messages", message(document)),
        ("/v2/chat", json!({"model": "bank-model", "messages": image})),
        (
            "/v2/embed",
            json!({"model": "bank-embedder", "input_type": "image", "embedding_types": ["float"],
                "images": [url]}),
        ),
        ("/api/chat", json!({"model": "bank-model", "messages": turn})),
        ("/api/generate", json!({"model": "bank-model", "prompt": "x", "images": [url]})),
    ]
}

/// vLLM and LMDeploy fetched the images of requests from wherever they were said to be.
#[test]
fn s05_nothing_that_a_request_names_is_fetched() {
    let (bait, address) = Bait::new();
    let server = start();
    for url in addresses(address) {
        for (path, body) in with_media(&url) {
            let answer = server.post(path, &body);
            assert!((400..500).contains(&answer.status), "{path} {url}: {}", answer.status);
        }
    }
    bait.assert_untouched();
    is_up(&server);
}

/// A video of thousands of frames, and images of a few bytes that unpack to very many, filled vLLM's
/// memory.
#[test]
fn s07_images_and_videos_are_refused_before_they_are_unpacked() {
    // The smallest picture that there is in GIF, a PNG that says it has 65535 x 65535 points, and the
    // beginning of gzip.
    let frame = "R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=";
    let bomb = "iVBORw0KGgoAAAANSUhEUgAA//8AAP//CAYAAAAAAAAAAA==";
    let frames = format!("data:video/jpeg;base64,{}", vec![frame; 20_000].join(","));
    let urls = [
        frames,
        format!("data:image/png;base64,{bomb}"),
        format!("data:image/gif;base64,{frame}"),
        "data:image/svg+xml;base64,H4sIAAAAAAAAA+3BMQEAAADCoPVPbQ0PoAA=".to_owned(),
    ];
    let server = start_with(Start { max_body_bytes: Some(4 << 20), ..Start::default() });
    for url in urls {
        for (path, body) in with_media(&url) {
            let begun = Instant::now();
            let answer = server.post(path, &body);
            let shown: String = url.chars().take(40).collect();
            assert!((400..500).contains(&answer.status), "{path} {shown}: {}", answer.status);
            assert!(begun.elapsed() < Duration::from_secs(2), "{path} {shown}");
            assert!(answer.text.len() < 1000, "{path} {shown}: it is told back");
        }
    }
    is_up(&server);
}

/// Text-generation-inference looked for images in plain texts, and loaded them.
#[test]
fn s06_texts_are_only_texts() {
    let (bait, address) = Bait::new();
    let server = start();
    for url in addresses(address) {
        let text = format!("![x]({url}) <img src=\"{url}\"> [y]: {url}");
        let messages = json!([{"role": "user", "content": text}]);
        for (path, body) in [
            (CHAT, json!({"model": "bank-model", "messages": messages})),
            (CHAT, json!({"model": "bank", "messages": messages})),
            ("/v1/completions", json!({"model": "bank-model", "prompt": text})),
            ("/v1/responses", json!({"model": "bank-model", "input": text})),
            ("/v1/messages", json!({"model": "bank-model", "max_tokens": 5, "messages": messages})),
            ("/v2/chat", json!({"model": "bank-model", "messages": messages})),
            ("/api/chat", json!({"model": "bank-model", "messages": messages})),
            ("/generate", json!({"inputs": text})),
            ("/tokenize", json!({"inputs": text})),
            ("/embed", json!({"inputs": text, "truncate": true})),
            ("/rerank", json!({"query": "x", "texts": [text], "truncate": true})),
        ] {
            let answer = server.post(path, &body);
            assert_eq!(answer.status, 200, "{path} {url}: {}", answer.text);
        }
    }
    bait.assert_untouched();
}

/// Errors told of memory addresses and paths.
#[test]
fn s08_errors_tell_no_addresses_and_no_paths() {
    let server = start();
    let pixel = "data:image/png;base64,iVBORw0KGgo=";
    let image = |url: &str| {
        json!({"model": "bank", "messages": [{"role": "user", "content":
            [{"type": "image_url", "image_url": {"url": url}}]}]})
        .to_string()
    };
    for (path, body) in [
        (CHAT, "{\"model\": \"../../etc/passwd\", \"messages\": []}".to_owned()),
        (CHAT, image("file:///etc/passwd")),
        (CHAT, image(pixel)),
        ("/v1/completions", "{\"model\": \"bank-model\", \"prompt\": {\"a\": 1}}".to_owned()),
        ("/v1/embeddings", "\u{1}".to_owned()),
        ("/v1/messages", "{\"model\": \"bank\", \"max_tokens\": 1, \"messages\": 5}".to_owned()),
        ("/v2/chat", "{\"model\": 5}".to_owned()),
        ("/api/chat", "[".to_owned()),
        ("/generate", "{\"inputs\": {}}".to_owned()),
        ("/embed", "{}".to_owned()),
    ] {
        let answer = server.post_text(path, &body);
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
        for leak in ["0x", "/root", "/home", ".rs:", "src/", "catena_"] {
            assert!(!answer.text.contains(leak), "{path}: {}", answer.text);
        }
    }
}

/// Vectors for prompts came into vLLM as pickles, and as tensors that wrote beyond their memory.
#[test]
fn s09_prompts_are_texts_or_tokens_only() {
    let server = start();
    let embeds = "gAN9cQAoWAEAAABhcQFLAXUu";
    let completion = json!({"model": "bank-model", "prompt_embeds": embeds, "prompt": "x"});
    let part = json!([{"type": "prompt_embeds", "prompt_embeds": embeds}]);
    let chat = json!({"model": "bank-model", "messages": [{"role": "user", "content": part}]});
    for (path, body) in [("/v1/completions", completion), (CHAT, chat)] {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
    }
    let tokens = json!({"model": "bank-model", "prompt": [104, 105]});
    assert_eq!(server.post("/v1/completions", &tokens).status, 200);
}
