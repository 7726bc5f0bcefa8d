//! Where Catena keeps things: one database file, content-addressed artefacts, and pulled models
//! and data sets.
//!
//! - [`Database`]: one SQLite file behind one handle, with migrations per component. A full disk,
//!   a damaged file and a busy writer are values of [`StoreError`], not panics.
//! - [`Artefacts`]: a folder in which a file or a folder is stored under the SHA-256 of its bytes.
//! - [`pull()`]: brings a known model or data set to this machine from the first source that has it,
//!   checks every byte, and keeps it once per user.
//! - [`write_atomic`], [`FileLock`], [`Digest`]: the small tools the above and the stages share.
//!
//! **Invariant:** nothing here reads the environment or prints; paths, endpoints and flags are
//! arguments. **Invariant:** a name a reader can see holds complete, synced bytes; unfinished
//! work has a name ending in `.part` or `.partial`.

mod artefacts;
mod database;
mod digest;
mod error;
mod files;
mod lock;
pub mod pull;

pub use artefacts::Artefacts;
pub use database::{Database, Migration, Row, Transaction, Value};
pub use digest::{Digest, Hasher, digest_file};
pub use error::StoreError;
pub use files::{FileEntry, list_files, sync_dir, write_atomic};
pub use lock::FileLock;
pub use pull::{KnownItem, PullOptions, Pulled, known_items, pull};
