//! `/v1/files`: what clients upload, and what batches write.
//!
//! A file is its bytes and a record beside them, both below one folder; the record is written last, so
//! that a file which is listed is whole.

pub(crate) mod operations;
mod routes;
mod store;

pub(crate) use routes::{content, delete, list, retrieve, seen, upload};
pub(crate) use store::{FileStore, MAX_FILE_BYTES, is_id, storage};
