//! The last step of a run: the documents that stay, in the form that was asked for.

use super::duplicates::Repeats;
use super::judge::Means;
use super::passages::Cuts;
use super::splits::Splits;
use super::spool::read_spool;
use super::table::{column, have_turns};
use super::work::{Work, hex};
use crate::documents::schema::{GROUP, ID, METADATA, SOURCE, TEXT};
use crate::error::CurateError;
use crate::plan::{CleaningPlan, WriteForm};
use arrow_array::{Array, RecordBatch};
use camino::Utf8Path;
use catena_corpus::{DocumentWriter, Place, SourceDocument};
use catena_protocol::Cancel;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

/// A file of a curated set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its path in the folder.
    pub path: String,
    /// The split that it belongs to.
    pub split: String,
    /// Documents in it.
    pub num_documents: u64,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: String,
}

/// Writes the documents that stay. What a killed run left of them is begun again.
pub(crate) fn write(
    work: &Work,
    plan: &CleaningPlan,
    (repeats, cuts): (&Repeats, &Cuts),
    splits: &Splits,
    means: &Means<'_>,
) -> Result<Vec<WrittenFile>, CurateError> {
    let data = work.folder.join("data");
    if data.exists() {
        fs::remove_dir_all(&data).map_err(CurateError::io("remove", &data))?;
    }
    let mut writers = Writers {
        folder: &work.folder,
        form: WriteForm::new(&plan.write)?,
        splits,
        by_split: BTreeMap::new(),
    };
    means.progress.begin("writing documents", None, "documents");
    let (mut number, mut written) = (0, 0);
    for part in &work.parts {
        let files = work.files(part);
        let path = if plan.dedup.cuts() { files.cut } else { files.documents };
        for batch in read_spool(&path)? {
            if means.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            let batch = batch?;
            for row in 0..batch.num_rows() {
                if !repeats.drops(number) && !cuts.drops(number) {
                    writers.write(&batch, row, written)?;
                    written += 1;
                }
                number += 1;
            }
            means.progress.update(written as u64);
        }
    }
    means.progress.end();
    writers.finish(means.cancel)
}

/// One writer for each split that has documents.
struct Writers<'a> {
    folder: &'a Utf8Path,
    form: WriteForm,
    splits: &'a Splits,
    by_split: BTreeMap<String, DocumentWriter>,
}

impl Writers<'_> {
    /// Writes a row, the document `number` of those that stay.
    fn write(&mut self, batch: &RecordBatch, row: usize, number: usize) -> Result<(), CurateError> {
        let value = |name: &str| column(batch, name).value(row);
        let metadata = serde_json::from_str(value(METADATA)).unwrap_or_default();
        let id = value(ID);
        let groups = column(batch, GROUP);
        let group = groups.is_valid(row).then(|| groups.value(row));
        let split = self.splits.of(number, id, group);
        if !self.by_split.contains_key(split) {
            let writer = self.form.writer(self.folder, split);
            self.by_split.insert(split.to_owned(), writer);
        }
        let writer = self.by_split.get_mut(split).expect("it was just made");
        writer.write(&SourceDocument {
            id: id.to_owned(),
            text: value(TEXT).to_owned(),
            markup: None,
            source: value(SOURCE).to_owned(),
            place: Place { file: "".into(), start: 0, row: 0 },
            metadata,
            turns: have_turns(batch).value(row),
        })?;
        Ok(())
    }

    fn finish(self, cancel: &Cancel) -> Result<Vec<WrittenFile>, CurateError> {
        let mut files = Vec::new();
        for (split, writer) in self.by_split {
            for file in writer.finish()? {
                let path = file.path.strip_prefix(self.folder).unwrap_or(&file.path);
                files.push(WrittenFile {
                    path: path.to_string(),
                    split: split.clone(),
                    num_documents: file.documents,
                    bytes: file.bytes,
                    sha256: digest(&file.path, cancel)?,
                });
            }
        }
        Ok(files)
    }
}

/// SHA-256 of a file's bytes.
pub(crate) fn digest(path: &Utf8Path, cancel: &Cancel) -> Result<String, CurateError> {
    let mut file = File::open(path).map_err(CurateError::io("read", path))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).map_err(CurateError::io("read", path))?;
        if read == 0 {
            break;
        }
        if cancel.is_cancelled() {
            return Err(CurateError::Interrupted);
        }
        hash.update(&buffer[..read]);
    }
    Ok(hex(&hash.finalize()))
}
