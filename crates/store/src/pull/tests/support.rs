//! A small item, a stand-in web server, and a place to work.

use crate::Digest;
use crate::pull::run::pull_item;
use crate::pull::{HubRepository, KnownFile, KnownItem, PullOptions, Pulled, PythonPackage};
use crate::{FileEntry, StoreError, list_files};
use camino::Utf8PathBuf;
use catena_protocol::{Cancel, NoProgress, Progress};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The item's files: one large enough to be cut, one small in a folder.
pub(super) fn contents() -> BTreeMap<&'static str, Vec<u8>> {
    let large = (0..300_000_u32).map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    BTreeMap::from([("model.bin", large), ("sub/config.json", b"{\"a\": 1}".to_vec())])
}

/// The item, whose large file has another name at the sources.
pub(super) fn item() -> &'static KnownItem {
    let file = |(path, bytes): (&'static str, Vec<u8>)| KnownFile {
        path,
        remote_path: (path == "model.bin").then_some("Model-Q4.bin"),
        bytes: bytes.len() as u64,
        sha256: Digest::of(&bytes).to_hex().leak(),
    };
    let files: Vec<KnownFile> = contents().into_iter().map(file).collect();
    Box::leak(Box::new(KnownItem {
        name: "toy",
        about: "a toy",
        license: "MIT",
        main_file: Some("model.bin"),
        files: files.leak(),
        hub: Some(HubRepository { id: "owner/toy", revision: "abc123" }),
        python: Some(PythonPackage {
            name: "toy-package",
            version: "1.2.3",
            prefix: "toy_package/data/",
            wheel_bytes: 300_000,
        }),
    }))
}

/// A cache folder, and options under which no source can deliver.
pub(super) struct Place {
    _guard: tempfile::TempDir,
    pub(super) dir: Utf8PathBuf,
    pub(super) options: PullOptions,
}

impl Place {
    pub(super) fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let dir = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let mut options = PullOptions::new(dir.join("cache"));
        options.hub_offline = true;
        options.python = dir.join("no-python");
        Self { _guard: guard, dir, options }
    }

    pub(super) fn from(place: impl Into<String>) -> Self {
        let mut new = Self::new();
        new.options.from = Some(place.into());
        new
    }

    pub(super) fn pull(&self) -> Result<Pulled, StoreError> {
        self.pull_with(&NoProgress, &Cancel::new())
    }

    pub(super) fn pull_with(
        &self,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Pulled, StoreError> {
        pull_item(item(), &self.options, progress, cancel)
    }

    /// Everything below the work folder.
    pub(super) fn all_files(&self) -> Vec<FileEntry> {
        list_files(&self.dir).unwrap()
    }
}

/// Checks that every file arrived as it should be.
pub(super) fn assert_complete(pulled: &Pulled) {
    for (path, bytes) in contents() {
        assert!(std::fs::read(pulled.dir.join(path)).unwrap() == bytes, "{path} differs");
    }
    assert_eq!(list_files(&pulled.dir).unwrap().len(), contents().len());
    assert!(pulled.path().is_file());
}

/// The reasons of a pull that found no source, in order.
pub(super) fn misses(error: StoreError) -> Vec<StoreError> {
    let StoreError::NoSource { misses, .. } = error else {
        panic!("expected NoSource, found {error:?}")
    };
    misses.into_iter().map(|miss| miss.reason).collect()
}

/// A request the stand-in server saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) range_start: Option<usize>,
    pub(super) authorization: Option<String>,
}

/// What the stand-in server answers.
pub(super) enum Reply {
    /// The file, from where the range says.
    File(Vec<u8>),
    /// The file from its start, whatever the range says.
    IgnoringRange(Vec<u8>),
    /// The file from where the range says, but the connection breaks off after so many bytes.
    Cut(Vec<u8>, usize),
    /// A status without a body.
    Status(u16),
    /// A redirect.
    Redirect(String),
}

/// A web server on the loopback address, for one test.
pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers with `reply`, which is given the request and how many came before it. The thread ends
    /// with the test process.
    pub(super) fn start(reply: impl Fn(&Seen, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let request = read_request(&stream);
                let before = {
                    let mut noted = noted.lock().unwrap();
                    noted.push(request.clone());
                    noted.len() - 1
                };
                answer(stream, &request, reply(&request, before));
            }
        });
        Self { url, seen }
    }

    /// Serves the item's files below `/base`.
    pub(super) fn with_files() -> Self {
        Self::start(|request, _| Reply::File(remote(&request.path)))
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The bytes of the file whose name at the sources ends `path`.
pub(super) fn remote(path: &str) -> Vec<u8> {
    let name = if path.ends_with("Model-Q4.bin") { "model.bin" } else { "sub/config.json" };
    assert!(name == "model.bin" || path.ends_with(name), "unexpected request for {path}");
    contents().remove(name).unwrap()
}

fn read_request(stream: &TcpStream) -> Seen {
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    let mut seen = Seen { path: first.split(' ').nth(1).unwrap().to_owned(), ..Seen::default() };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        match name.to_ascii_lowercase().as_str() {
            "range" => {
                let start = value.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap();
                seen.range_start = Some(start.parse().unwrap());
            }
            "authorization" => seen.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    seen
}

fn answer(mut stream: TcpStream, request: &Seen, reply: Reply) {
    let (bytes, start, cut) = match reply {
        Reply::File(bytes) => (bytes, request.range_start, None),
        Reply::IgnoringRange(bytes) => (bytes, None, None),
        Reply::Cut(bytes, cut) => (bytes, request.range_start, Some(cut)),
        Reply::Status(status) => {
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n");
            return stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        }
        Reply::Redirect(to) => {
            let head = format!("HTTP/1.1 302 x\r\nlocation: {to}\r\ncontent-length: 0\r\n");
            return stream
                .write_all(format!("{head}connection: close\r\n\r\n").as_bytes())
                .unwrap();
        }
    };
    let body = &bytes[start.unwrap_or(0).min(bytes.len())..];
    let status = start.map_or_else(
        || "200 OK".to_owned(),
        |start| {
            let total = bytes.len();
            format!("206 Partial Content\r\ncontent-range: bytes {start}-{}/{total}", total - 1)
        },
    );
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    let sent = cut.map_or(body.len(), |cut| cut.min(body.len()));
    // A client that was cancelled has gone away; that is its right.
    let _ = stream.write_all(&body[..sent]);
    let _ = stream.shutdown(Shutdown::Write);
}
