//! Reading, mapping and writing files.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

use camino::{Utf8Path, Utf8PathBuf};
use memmap2::{Mmap, UncheckedAdvice};
use serde::de::DeserializeOwned;

use crate::error::ModelError;

/// Bytes of a small JSON file such as `config.json`.
pub(crate) const MAX_JSON_BYTES: u64 = 64 << 20;

/// Adds the path to a system error.
pub(crate) fn io_error(path: &Utf8Path) -> impl Fn(io::Error) -> ModelError + '_ {
    move |source| ModelError::Io { path: path.to_owned(), source }
}

/// A file's bytes without copying them into memory; an empty file is an empty slice.
#[derive(Debug)]
pub(crate) struct Mapped(Option<Mmap>);

impl Mapped {
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        let file = File::open(path).map_err(io_error(path))?;
        let metadata = file.metadata().map_err(io_error(path))?;
        if metadata.is_dir() {
            return Err(io_error(path)(io::ErrorKind::IsADirectory.into()));
        }
        if metadata.len() == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the map is read-only and private. A program that shortens the file while it is
        // mapped makes later reads fault; as every loader of weights, we ask that files in use are
        // replaced by renaming, which is how all of ours are written.
        let map = unsafe { Mmap::map(&file) }.map_err(io_error(path))?;
        Ok(Self(Some(map)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Takes a part of the file out of the process's memory; it is read anew when it is used again.
    pub(crate) fn release(&self, part: &[u8]) {
        let Some(map) = &self.0 else { return };
        let Some(offset) = (part.as_ptr() as usize).checked_sub(map.as_ptr() as usize) else {
            return;
        };
        if offset + part.len() <= map.len() {
            // SAFETY: the map is of a file and never written, so dropped pages come back with the
            // same bytes. A refusal only costs memory, so the result is not looked at.
            let _ = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, part.len())
            };
        }
    }
}

/// The whole of a file of at most `limit` bytes.
pub(crate) fn read(path: &Utf8Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    let size = fs::metadata(path).map_err(io_error(path))?.len();
    if size > limit {
        return Err(ModelError::TooLarge { path: path.to_owned(), size, limit });
    }
    fs::read(path).map_err(io_error(path))
}

/// A JSON file as `T`.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Result<T, ModelError> {
    let bytes = read(path, MAX_JSON_BYTES)?;
    serde_json::from_slice(&bytes)
        .map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// Writes a file so that it is there whole or not at all: beside its place, to disk, then renamed.
pub(crate) fn write_whole(
    path: &Utf8Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let beside = Utf8PathBuf::from(format!("{path}.part-{}", std::process::id()));
    let written =
        write_to(&beside, fill).and_then(|()| fs::rename(&beside, path).map_err(io_error(path)));
    if written.is_err() {
        // The first error is the one to report; a left-over part file is harmless.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_to(
    path: &Utf8Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let file = File::create(path).map_err(io_error(path))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(|error| io_error(path)(error.into_error()))?;
    file.sync_all().map_err(io_error(path))
}

/// Writes pretty JSON with a final line end.
pub(crate) fn write_json(path: &Utf8Path, value: &serde_json::Value) -> Result<(), ModelError> {
    write_whole(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)
            .map_err(|source| ModelError::Json { path: path.to_owned(), source })?;
        out.write_all(b"\n").map_err(io_error(path))
    })
}

/// Writes bytes as they are.
pub(crate) fn write_bytes(path: &Utf8Path, bytes: &[u8]) -> Result<(), ModelError> {
    write_whole(path, |out| out.write_all(bytes).map_err(io_error(path)))
}
