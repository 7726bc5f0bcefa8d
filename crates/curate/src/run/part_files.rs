//! What one part leaves on disk: the attributes of all its documents, the text of those that
//! stay, and the rows that were none.

use super::spool::Spool;
use super::table::{Table, name_whole};
use crate::documents::schema::{
    AUDIT, GROUP, ID, KEY, LABEL, METADATA, PLACE, SHAPE, SOURCE, TEXT, TURNS, VERDICT,
};
use crate::error::CurateError;
use crate::functions::empty_audit;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{BadRow, PiiAudit};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

/// Where the files of a part lie.
#[derive(Clone, Debug)]
pub(crate) struct PartFiles {
    /// One row per document read; its name is there only when the part is done.
    pub(crate) attributes: Utf8PathBuf,
    /// The documents that stay, until duplicates are known.
    pub(crate) documents: Utf8PathBuf,
    /// The same with repeated passages cut out, if they are looked for.
    pub(crate) cut: Utf8PathBuf,
    /// The rows that were no documents; absent if there are none.
    pub(crate) rejected: Utf8PathBuf,
    /// What was masked, for review; absent if nothing is looked for.
    pub(crate) audit: Utf8PathBuf,
    /// Whether they are on the disk before they have their names.
    pub(crate) sync: bool,
}

impl PartFiles {
    /// The files of the part called `name` in the output `folder`.
    pub(crate) fn new(folder: &Utf8Path, name: &str, sync: bool) -> Self {
        Self {
            sync,
            attributes: folder.join("attributes").join(format!("{name}.parquet")),
            documents: folder.join(".work").join(format!("{name}.arrow")),
            cut: folder.join(".work").join(format!("{name}.cut.arrow")),
            rejected: folder.join("rejected").join(format!("{name}.jsonl")),
            audit: folder.join(".work").join(format!("{name}.pii.json")),
        }
    }

    /// Whether the part was read to its end.
    pub(crate) fn are_done(&self) -> bool {
        self.attributes.exists() && self.documents.exists()
    }
}

/// Columns of the documents that stay.
const KEPT_COLUMNS: [&str; 10] =
    [ID, SOURCE, PLACE, TURNS, GROUP, LABEL, KEY, SHAPE, METADATA, TEXT];
/// Columns that only the documents that stay have.
const NOT_ATTRIBUTES: [&str; 7] = [METADATA, TEXT, TURNS, GROUP, LABEL, SHAPE, AUDIT];

/// Writes the batches of one part.
pub(crate) struct PartWriter {
    files: PartFiles,
    /// Of the attributes and of the documents.
    tables: Option<(Table, Spool)>,
    audit: Option<PiiAudit>,
}

impl PartWriter {
    pub(crate) fn new(files: PartFiles) -> Self {
        Self { files, tables: None, audit: None }
    }

    /// Takes a batch with the columns of a judged plan; `verdict` is null where a document stays.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), CurateError> {
        let schema = batch.schema();
        let without = |names: &[&str]| -> Vec<usize> {
            let keep = |at: &usize| !names.contains(&schema.field(*at).name().as_str());
            (0..schema.fields().len()).filter(keep).collect()
        };
        add_audits(&mut self.audit, batch);
        let attributes = batch.project(&without(&NOT_ATTRIBUTES))?;
        let kept: Vec<usize> =
            KEPT_COLUMNS.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?;
        let documents = filter_record_batch(&batch.project(&kept)?, &stays(batch))?;
        if self.tables.is_none() {
            let table = Table::create(&self.files.attributes, &attributes.schema())?;
            let spool = Spool::create(&self.files.documents, &documents.schema())?;
            self.tables = Some((table, spool));
        }
        let (table, spool) = self.tables.as_mut().expect("they were just made");
        table.write(&attributes)?;
        spool.write(&documents)
    }

    /// Completes the files; the attributes get their name last.
    pub(crate) fn finish(self, schema: &SchemaRef, bad: &[BadRow]) -> Result<(), CurateError> {
        let Self { files, mut tables, audit } = self;
        if tables.is_none() {
            // A part without documents has tables all the same, so that it counts as done.
            let mut empty = Self::new(files.clone());
            empty.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
            tables = empty.tables;
        }
        if !bad.is_empty() {
            let mut lines = Vec::new();
            for row in bad {
                serde_json::to_writer(&mut lines, row).expect("a bad row is plain data");
                lines.push(b'\n');
            }
            write_whole(&files.rejected, &lines, files.sync)?;
        }
        if let Some(audit) = audit {
            let json = serde_json::to_vec(&audit).expect("an audit is plain data");
            write_whole(&files.audit, &json, files.sync)?;
        }
        let Some((table, spool)) = tables else { return Ok(()) };
        spool.finish(files.sync)?;
        table.finish(files.sync)
    }
}

/// Which documents of a batch stay.
fn stays(batch: &RecordBatch) -> BooleanArray {
    let verdict = batch.column_by_name(VERDICT).expect("a judged plan has a verdict");
    let stays = match verdict.nulls() {
        Some(nulls) => !nulls.inner(),
        None => BooleanBuffer::new_unset(batch.num_rows()),
    };
    BooleanArray::new(stays, None)
}

/// Adds what was masked in the documents that stay.
fn add_audits(audit: &mut Option<PiiAudit>, batch: &RecordBatch) {
    let Some(found) = batch.column_by_name(AUDIT) else { return };
    let verdict = batch.column_by_name(VERDICT).expect("a judged plan has a verdict");
    let audit = audit.get_or_insert_with(empty_audit);
    for (row, found) in found.as_string::<i32>().iter().enumerate() {
        match found.and_then(|found| serde_json::from_str(found).ok()) {
            Some(found) => audit.merge(found),
            None => audit.texts += u64::from(verdict.is_null(row)),
        }
    }
}

/// Rows that were refused, by reason.
pub(crate) fn num_bad_rows(path: &Utf8Path) -> Result<BTreeMap<String, u64>, CurateError> {
    let mut counts = BTreeMap::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(counts),
        Err(error) => return Err(CurateError::io("read", path)(error)),
    };
    for line in BufReader::new(file).lines() {
        let line = line.map_err(CurateError::io("read", path))?;
        let row: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let reason = row["reason"]["reason"].as_str().unwrap_or("other");
        *counts.entry(reason.to_owned()).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Writes a whole file beside `path`, waits with `sync` until it is on disk, and renames it over
/// `path`.
pub(crate) fn write_whole(path: &Utf8Path, bytes: &[u8], sync: bool) -> Result<(), CurateError> {
    let folder = path.parent().expect("a file in the output folder");
    fs::create_dir_all(folder).map_err(CurateError::io("create", folder))?;
    let beside = path.with_file_name(format!("{}.part", path.file_name().unwrap_or("file")));
    let mut file = File::create(&beside).map_err(CurateError::io("create", &beside))?;
    file.write_all(bytes).map_err(CurateError::io("write", &beside))?;
    name_whole(&file, &beside, path, sync)
}
