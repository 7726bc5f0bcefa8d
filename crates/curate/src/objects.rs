//! Files in S3 and in the stores that speak its protocol.

use crate::error::CurateError;
use camino::Utf8Path;
use catena_corpus::{ListedFile, LocalFiles, Opener, PathKind};
use catena_protocol::Progress;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig, WriteMultipart,
};
use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// What paths in a store begin with.
const SCHEME: &str = "s3://";
/// Pieces of a body that wait for their reader.
const PIECES_AHEAD: usize = 4;
/// Bytes of a part of a long upload, and parts that are on their way at once.
const PART_BYTES: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 4;
/// Files of one upload.
const MAX_UPLOADED: usize = 1_000_000;
/// How long a request is tried again.
const RETRY: Duration = Duration::from_secs(20);

/// Opens `s3://bucket/key` through the store that the environment names, and anything else on
/// this machine.
///
/// Buckets are reached as the AWS tools reach them: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL` (`MinIO`, Ceph, R2 and others; with
/// `AWS_ALLOW_HTTP=true` without TLS), `AWS_SKIP_SIGNATURE=true` for public buckets.
#[derive(Clone, Debug)]
pub struct ObjectFiles {
    network: Arc<Network>,
    buckets: Arc<Mutex<HashMap<String, Arc<AmazonS3>>>>,
}

/// What waits for the network. Unlike a bare runtime it may be dropped anywhere.
#[derive(Debug)]
struct Network(Option<Runtime>);

impl Network {
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.0.as_ref().expect("there until it is dropped").block_on(future)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl ObjectFiles {
    /// Files of any bucket. Nothing is reached before a path asks for it.
    ///
    /// # Errors
    /// [`CurateError::Io`] when the system has no thread left.
    pub fn new() -> Result<Self, CurateError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime
            .map_err(CurateError::io("start a thread for", Utf8Path::new("object stores")))?;
        Ok(Self { network: Arc::new(Network(Some(runtime))), buckets: Arc::default() })
    }

    /// The bucket and the key of `path`, when it is one of a store.
    fn find(&self, path: &str) -> io::Result<Option<(Arc<AmazonS3>, Path)>> {
        let Some(rest) = path.strip_prefix(SCHEME) else { return Ok(None) };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no bucket is named"));
        }
        let key = Path::parse(key.trim_end_matches('/'))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        Ok(Some((self.bucket(bucket)?, key)))
    }

    fn bucket(&self, name: &str) -> io::Result<Arc<AmazonS3>> {
        let mut buckets = self.buckets.lock().expect("no holder of the lock panics");
        if let Some(store) = buckets.get(name) {
            return Ok(Arc::clone(store));
        }
        let store = Arc::new(bucket(name).map_err(into_io)?);
        buckets.insert(name.to_owned(), Arc::clone(&store));
        Ok(store)
    }

    /// Waits for `future` in a thread of its own: the caller may itself be one of a runtime, which
    /// must not wait.
    fn wait<T: Send>(&self, future: impl Future<Output = T> + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let waiting =
                thread::Builder::new().spawn_scoped(scope, || self.network.wait(future))?;
            waiting.join().map_err(|_| io::Error::other("the request ended without an answer"))
        })
    }

    /// Puts every file below `folder` into the store, below `to`; hidden ones stay.
    ///
    /// # Errors
    /// [`CurateError::Io`] with the file that could not be read or written.
    pub fn upload(
        &self,
        folder: &Utf8Path,
        to: &str,
        progress: &dyn Progress,
    ) -> Result<(), CurateError> {
        let files = LocalFiles
            .list(folder.as_str(), MAX_UPLOADED)
            .map_err(CurateError::io("read", folder))?;
        let total = files.iter().map(|file| file.bytes).sum();
        progress.begin("uploading", Some(total), "bytes");
        let mut done = 0;
        for file in &files {
            let path = Utf8Path::new(&file.path);
            let name = path.strip_prefix(folder).unwrap_or(path);
            let target = format!("{}/{name}", to.trim_end_matches('/'));
            let fail = CurateError::io("write", Utf8Path::new(&target));
            self.put(path, &target).map_err(fail)?;
            done += file.bytes;
            progress.update(done);
        }
        progress.end();
        Ok(())
    }

    /// Puts one file, in parts if it is long.
    fn put(&self, file: &Utf8Path, to: &str) -> io::Result<()> {
        let Some((store, key)) = self.find(to)? else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not an address of a store"));
        };
        let mut file = File::open(file)?;
        let mut buffer = vec![0; PART_BYTES];
        let first = fill(&mut file, &mut buffer)?;
        self.wait(async {
            if first < PART_BYTES {
                buffer.truncate(first);
                return store.put(&key, buffer.into()).await.map(|_| ()).map_err(into_io);
            }
            let upload = store.put_multipart(&key).await.map_err(into_io)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let mut count = first;
            while count > 0 {
                upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(into_io)?;
                upload.write(&buffer[..count]);
                count = fill(&mut file, &mut buffer)?;
            }
            upload.finish().await.map(|_| ()).map_err(into_io)
        })?
    }

    async fn list_keys(
        store: &AmazonS3,
        bucket: &str,
        folder: &Path,
        limit: usize,
    ) -> io::Result<Vec<ListedFile>> {
        let prefix = (!folder.as_ref().is_empty()).then_some(folder);
        let mut found = store.list(prefix);
        let mut files = Vec::new();
        while let Some(object) = found.next().await {
            let object = object.map_err(into_io)?;
            let below = object.location.prefix_match(folder);
            if below.is_none_or(|mut parts| parts.any(|part| part.as_ref().starts_with('.'))) {
                continue;
            }
            if files.len() == limit {
                return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many files"));
            }
            let path = format!("{SCHEME}{bucket}/{}", object.location);
            let version = Some(version(&object));
            files.push(ListedFile { path, bytes: object.size, version });
        }
        files.sort();
        Ok(files)
    }
}

impl Opener for ObjectFiles {
    fn open(&self, path: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        let Some((store, key)) = self.find(path)? else { return LocalFiles.open(path, offset) };
        let range = (offset > 0).then_some(GetRange::Offset(offset));
        let options = GetOptions { range, ..GetOptions::default() };
        let found = self.wait(async move { store.get_opts(&key, options).await })?;
        let mut body = found.map_err(into_io)?.into_stream();
        let (pieces, arriving) = sync_channel(PIECES_AHEAD);
        let network = Arc::clone(&self.network);
        // Ends with the body, or as soon as its reader is gone.
        thread::Builder::new().spawn(move || {
            while let Some(piece) = network.wait(body.next()) {
                if pieces.send(piece.map_err(into_io)).is_err() {
                    break;
                }
            }
        })?;
        Ok(Box::new(Body { arriving, piece: io::Cursor::default() }))
    }

    fn kind(&self, path: &str) -> io::Result<PathKind> {
        let Some((store, key)) = self.find(path)? else { return LocalFiles.kind(path) };
        self.wait(async move {
            if !key.as_ref().is_empty() {
                match store.head(&key).await {
                    Ok(object) => return Ok(PathKind::File(object.size)),
                    Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(into_io(error)),
                }
            }
            let prefix = (!key.as_ref().is_empty()).then_some(&key);
            match store.list(prefix).next().await {
                Some(Ok(_)) => Ok(PathKind::Folder),
                Some(Err(error)) => Err(into_io(error)),
                None => Ok(PathKind::Missing),
            }
        })?
    }

    fn list(&self, path: &str, limit: usize) -> io::Result<Vec<ListedFile>> {
        let Some((store, key)) = self.find(path)? else { return LocalFiles.list(path, limit) };
        let rest = path.strip_prefix(SCHEME).unwrap_or(path);
        let bucket = rest.split('/').next().unwrap_or(rest);
        self.wait(Self::list_keys(&store, bucket, &key, limit))?
    }

    fn version(&self, path: &str) -> io::Result<Option<String>> {
        let Some((store, key)) = self.find(path)? else { return LocalFiles.version(path) };
        let object = self.wait(async move { store.head(&key).await })?.map_err(into_io)?;
        Ok(Some(version(&object)))
    }
}

/// What changes with an object: its entity tag, else the second of its last change.
fn version(object: &ObjectMeta) -> String {
    let changed = || object.last_modified.timestamp().to_string();
    object.e_tag.clone().unwrap_or_else(changed)
}

/// Whether a path is an address of a store.
pub fn is_object(path: &str) -> bool {
    path.starts_with(SCHEME)
}

/// Reads until `buffer` is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read(&mut buffer[count..])? {
            0 => break,
            read => count += read,
        }
    }
    Ok(count)
}

/// The store of the bucket `name`.
fn bucket(name: &str) -> object_store::Result<AmazonS3> {
    let retry = RetryConfig { retry_timeout: RETRY, ..RetryConfig::default() };
    AmazonS3Builder::from_env().with_bucket_name(name).with_retry(retry).build()
}

/// Makes the bucket of `input`, if it is one, known to a session of DataFusion.
pub(crate) fn register_bucket(
    session: &SessionContext,
    input: &str,
) -> Result<(), DataFusionError> {
    let Some(rest) = input.strip_prefix(SCHEME) else { return Ok(()) };
    let name = rest.split('/').next().unwrap_or(rest);
    let url = ObjectStoreUrl::parse(format!("{SCHEME}{name}"))?;
    session.register_object_store(url.as_ref(), Arc::new(bucket(name)?));
    Ok(())
}

/// The body of an object, as its pieces arrive.
struct Body {
    arriving: Receiver<io::Result<bytes::Bytes>>,
    piece: io::Cursor<bytes::Bytes>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.arriving.recv() {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(_) => return Ok(0),
            }
        }
    }
}

/// The store's error as one of reading.
#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn into_io(error: object_store::Error) -> io::Error {
    let kind = match &error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    // The outermost message holds those below it.
    io::Error::new(kind, error.to_string())
}
