//! Downloads that go on where they broke off.

use super::registry::KnownFile;
use super::run::PullOptions;
use super::staging::{Staging, make_parent};
use crate::error::{StoreError, io_error};
use camino::Utf8Path;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_RANGE, RANGE};
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// How often a download is taken up again without a single new byte before it is given up.
const MAX_FRUITLESS_ATTEMPTS: u32 = 3;
/// Bytes read between two looks at the cancel flag.
const CHUNK_BYTES: usize = 1 << 16;
/// Largest certificate file read.
const MAX_CA_BYTES: u64 = 16 << 20;

/// An HTTP client with the options' limits.
pub(super) fn agent(options: &PullOptions) -> Result<Agent, StoreError> {
    let proxy = match &options.proxy {
        None => None,
        Some(address) => Some(ureq::Proxy::new(address).map_err(|_| {
            let shown = address.rsplit('@').next().unwrap_or_default();
            StoreError::BadProxy { proxy: shown.to_owned() }
        })?),
    };
    let mut tls = TlsConfig::builder();
    if let Some(path) = &options.ca_file {
        tls = tls.root_certs(read_certificates(path)?);
    }
    Ok(Agent::config_builder()
        .user_agent(concat!("catena/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .accept_encoding("identity")
        .proxy(proxy)
        .tls_config(tls.build())
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.read_timeout))
        .timeout_per_read(Some(options.read_timeout))
        .build()
        .new_agent())
}

fn read_certificates(path: &Utf8Path) -> Result<RootCerts, StoreError> {
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CA_BYTES).read_to_end(&mut pem))
        .map_err(|e| io_error(e, "read", path))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(StoreError::BadCertificates { path: path.to_owned() });
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

/// One file that is fetched.
pub(super) struct Download<'a> {
    pub(super) agent: &'a Agent,
    pub(super) url: &'a str,
    pub(super) token: Option<&'a str>,
    /// What `url` must be, exactly.
    pub(super) file: &'a KnownFile,
    pub(super) staging: &'a Staging<'a>,
    /// Bytes that were there before: reports count on top of them.
    pub(super) done: u64,
}

impl Download<'_> {
    /// Downloads the file.
    ///
    /// A part file left by an earlier attempt is continued. If the whole then has the wrong digest,
    /// the part may have come from elsewhere, so it is fetched once more from the start.
    pub(super) fn run(&self) -> Result<(), StoreError> {
        let part = &self.staging.part_path(self.file);
        make_parent(part)?;
        let continued = part_bytes(part) > 0;
        self.complete(part)?;
        match self.staging.accept_part(self.file, self.url) {
            Err(StoreError::ChecksumMismatch { .. }) if continued => {
                self.complete(part)?;
                self.staging.accept_part(self.file, self.url)
            }
            result => result,
        }
    }

    /// Asks for the rest of the file until the part file is complete.
    fn complete(&self, part: &Utf8Path) -> Result<(), StoreError> {
        let expected = self.file.bytes;
        let mut fruitless = 0;
        loop {
            let before = part_bytes(part);
            if before == expected {
                return Ok(());
            }
            if before > expected {
                fs::remove_file(part).map_err(|e| io_error(e, "remove", part))?;
                continue;
            }
            self.staging.check_cancelled()?;
            self.append(self.request(before)?, part)?;
            let received = part_bytes(part);
            fruitless = if received > before { 0 } else { fruitless + 1 };
            if fruitless == MAX_FRUITLESS_ATTEMPTS {
                return Err(StoreError::BrokenOff { url: self.url.to_owned(), received, expected });
            }
        }
    }

    fn request(&self, start: u64) -> Result<Response<ureq::Body>, StoreError> {
        let mut request = self.agent.get(self.url);
        if start > 0 {
            request = request.header(RANGE, format!("bytes={start}-"));
        }
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.call().map_err(|source| StoreError::Unreachable {
            url: self.url.to_owned(),
            source: Box::new(source),
        })
    }

    /// Writes one response to the part file. A connection that breaks off is no error here; the
    /// caller sees it in the file's size.
    fn append(&self, response: Response<ureq::Body>, part: &Utf8Path) -> Result<(), StoreError> {
        let start = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT => range_start(&response),
            status => {
                let url = self.url.to_owned();
                return Err(StoreError::HttpStatus { url, status: status.as_u16() });
            }
        };
        let mut output = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(part)
            .map_err(|e| io_error(e, "open", part))?;
        // A server that ignores the range, or starts before it, starts our file over.
        let start = if start == part_bytes(part) { start } else { 0 };
        if start == 0 && response.status() == StatusCode::PARTIAL_CONTENT {
            return output.set_len(0).map_err(|e| io_error(e, "write", part));
        }
        output.set_len(start).map_err(|e| io_error(e, "write", part))?;
        std::io::Seek::seek(&mut output, std::io::SeekFrom::Start(start))
            .map_err(|e| io_error(e, "write", part))?;
        self.copy_body(response, &mut output, part, start)
    }

    fn copy_body(
        &self,
        response: Response<ureq::Body>,
        output: &mut File,
        part: &Utf8Path,
        start: u64,
    ) -> Result<(), StoreError> {
        let expected = self.file.bytes;
        let mut body = response.into_body().into_with_config().limit(expected + 1).reader();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut received = start;
        loop {
            self.staging.check_cancelled()?;
            let count = match body.read(&mut chunk) {
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) => count,
            };
            received += count as u64;
            if received > expected {
                let path = part.to_owned();
                return Err(StoreError::SizeMismatch { path, found: received, expected });
            }
            output.write_all(&chunk[..count]).map_err(|e| io_error(e, "write", part))?;
            self.staging.progress.update(self.done + received);
        }
    }
}

/// The first byte of a partial response, 0 if it does not say.
fn range_start(response: &Response<ureq::Body>) -> u64 {
    let header = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    header
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split('-').next())
        .and_then(|start| start.trim().parse().ok())
        .unwrap_or(0)
}

fn part_bytes(part: &Utf8Path) -> u64 {
    fs::metadata(part).map_or(0, |meta| meta.len())
}
