//! The answers of a batch as they come to disk.

use super::store::BatchStore;
use crate::error::ApiError;
use crate::files::{FileStore, storage};
use camino::Utf8PathBuf;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};

/// Names of the two files that answers are appended to.
pub(super) const PARTS: [&str; 2] = ["output", "errors"];

/// Answers so far.
pub(super) struct Progress {
    /// Good ones and errors.
    parts: [Part; 2],
    /// Lines that are answered.
    pub(super) known: HashSet<String>,
    total: usize,
}

struct Part {
    path: Utf8PathBuf,
    file: File,
    lines: usize,
}

impl Progress {
    /// What stands on disk of the batch `id`; a line that was cut off is forgotten.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(super) fn open(store: &BatchStore, id: &str, total: usize) -> Result<Self, ApiError> {
        let mut known = HashSet::new();
        let [output, errors] = PARTS.map(|which| Part::open(store.part(id, which), &mut known));
        Ok(Self { parts: [output?, errors?], known, total })
    }

    /// Appends an answer.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(super) fn add(&mut self, is_good: bool, answer: &Value) -> Result<(), ApiError> {
        self.parts[usize::from(!is_good)].append(answer)
    }

    /// `request_counts`.
    pub(super) fn counts(&self) -> Value {
        let [output, errors] = &self.parts;
        json!({"total": self.total, "completed": output.lines, "failed": errors.lines})
    }

    /// Makes files of the answers; an empty one becomes none. Gives their identities.
    ///
    /// # Errors
    /// [`ApiError::Storage`], [`ApiError::StorageFull`].
    pub(super) fn publish(
        self,
        files: &FileStore,
        ids: [String; 2],
        batch: &str,
        now: u64,
    ) -> Result<[Option<String>; 2], ApiError> {
        let mut published = [None, None];
        for ((part, id), (slot, which)) in
            self.parts.into_iter().zip(ids).zip(published.iter_mut().zip(PARTS))
        {
            if part.lines == 0 {
                continue;
            }
            let mut upload = files.begin(id.clone())?;
            let read = |error| storage("read", &part.path, error);
            let mut source = File::open(&part.path).map_err(read)?;
            let mut piece = vec![0; 64 << 10];
            loop {
                let count = source.read(&mut piece).map_err(read)?;
                if count == 0 {
                    break;
                }
                upload.write_unbounded(&piece[..count])?;
            }
            files.finish(upload, &format!("{batch}_{which}.jsonl"), "batch_output", now)?;
            *slot = Some(id);
        }
        Ok(published)
    }
}

impl Part {
    fn open(path: Utf8PathBuf, known: &mut HashSet<String>) -> Result<Self, ApiError> {
        let failed = |error| storage("open", &path, error);
        let file =
            OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(failed)?;
        let (mut whole, mut lines) = (0, 0);
        let mut reader = BufReader::new(file.try_clone().map_err(failed)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).map_err(failed)?;
            let value = serde_json::from_slice::<Value>(&line).ok();
            let Some(value) = value.filter(|_| line.ends_with(b"\n")) else { break };
            known.insert(value["custom_id"].as_str().unwrap_or_default().to_owned());
            whole += count as u64;
            lines += 1;
        }
        file.set_len(whole).map_err(failed)?;
        Ok(Self { path, file, lines })
    }

    fn append(&mut self, answer: &Value) -> Result<(), ApiError> {
        let line = format!("{answer}\n");
        self.file
            .write_all(line.as_bytes())
            .map_err(|error| storage("write", &self.path, error))?;
        self.lines += 1;
        Ok(())
    }
}
