//! The last step of a run: the documents that stay, in the form that was asked for.

use super::duplicates::Repeats;
use super::judge::Means;
use super::ordered::in_order;
use super::passages::Cuts;
use super::splits::Splits;
use super::spool::{SpoolReader, read_spool};
use super::table::{column, have_turns};
use super::work::{Work, hex};
use crate::documents::Part;
use crate::documents::schema::{GROUP, ID, METADATA, SOURCE, TEXT};
use crate::error::CurateError;
use crate::plan::{CleaningPlan, WriteForm};
use arrow_array::{Array, RecordBatch};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{
    ColumnTypes, DocumentRow, DocumentWriter, LineBlock, Metadata, SourceDocument,
};
use catena_protocol::Cancel;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
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
///
/// One thread reads, others make rows of what stays, and one writes them in their order.
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
    let drops = |number| repeats.drops(number) || cuts.drops(number);
    let reader = || Reader {
        paths: work.parts.iter().map(|part| source(work, plan, part)).collect(),
        open: None,
        drops: &drops,
        number: 0,
        written: 0,
    };
    let mut form = WriteForm::new(&plan.write)?.in_run(work.sync, means.threads);
    if form.options().is_table() {
        form = form.with_types(&types(reader(), means)?);
    }
    let mut reader = reader();
    let mut writers = Writers { folder: &work.folder, form: &form, by_split: BTreeMap::new() };
    means.progress.begin("writing documents", None, "documents");
    let mut written = 0;
    in_order(
        means.threads,
        || if means.cancel.is_cancelled() { Err(CurateError::Interrupted) } else { reader.next() },
        |kept| Ok((kept.rows.len(), kept.made(&form, splits))),
        |(count, made)| {
            writers.write(made)?;
            written += count as u64;
            means.progress.update(written);
            Ok(())
        },
    )?;
    means.progress.end();
    writers.finish()
}

/// What columns the documents need in tables.
fn types(mut reader: Reader<'_>, means: &Means<'_>) -> Result<ColumnTypes, CurateError> {
    means.progress.begin("looking for columns", None, "documents");
    let mut types = ColumnTypes::default();
    while let Some(kept) = reader.next()? {
        if means.cancel.is_cancelled() {
            return Err(CurateError::Interrupted);
        }
        kept.documents().for_each(|document| types.add(&document));
        means.progress.update(reader.written as u64);
    }
    means.progress.end();
    Ok(types)
}

/// The file of the documents of a part.
fn source(work: &Work, plan: &CleaningPlan, part: &Part) -> Utf8PathBuf {
    let files = work.files(part);
    if plan.dedup.cuts() { files.cut } else { files.documents }
}

/// Reads the documents of all parts, and tells which of them stay.
struct Reader<'a> {
    paths: VecDeque<Utf8PathBuf>,
    open: Option<SpoolReader>,
    drops: &'a dyn Fn(usize) -> bool,
    /// Documents before.
    number: usize,
    /// Those of them that stay.
    written: usize,
}

/// A batch of documents.
struct Kept {
    batch: RecordBatch,
    /// The rows that stay.
    rows: Vec<usize>,
    /// The number of the first among those that stay.
    first: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<Option<Kept>, CurateError> {
        loop {
            if self.open.is_none() {
                let Some(path) = self.paths.pop_front() else { return Ok(None) };
                self.open = Some(read_spool(&path)?);
            }
            match self.open.as_mut().and_then(Iterator::next).transpose()? {
                Some(batch) => return Ok(Some(self.kept(batch))),
                None => self.open = None,
            }
        }
    }

    fn kept(&mut self, batch: RecordBatch) -> Kept {
        let all = 0..batch.num_rows();
        let rows: Vec<usize> = all.filter(|row| !(self.drops)(self.number + row)).collect();
        let first = self.written;
        self.number += batch.num_rows();
        self.written += rows.len();
        Kept { batch, rows, first }
    }
}

/// Documents as they are handed to a writer.
enum Made {
    Lines(LineBlock),
    /// For tables, which are not made of lines.
    Documents(Vec<SourceDocument>),
}

impl Kept {
    /// The documents that stay.
    fn documents(&self) -> impl Iterator<Item = DocumentRow<'_>> {
        let names = [ID, TEXT, SOURCE, METADATA];
        let [ids, texts, sources, metadata] = names.map(|name| column(&self.batch, name));
        let turns = have_turns(&self.batch);
        self.rows.iter().map(move |&row| DocumentRow {
            id: ids.value(row),
            text: texts.value(row),
            source: sources.value(row),
            metadata: Metadata::Json(metadata.value(row)),
            turns: turns.value(row),
        })
    }

    /// What is written of the documents that stay, by the split that they are in.
    fn made<'s>(&self, form: &WriteForm, splits: &'s Splits) -> Vec<(&'s str, Made)> {
        let groups = column(&self.batch, GROUP);
        let mut by_split: Vec<(&str, Made)> = Vec::new();
        let all = (self.first..).zip(self.rows.iter().copied()).zip(self.documents());
        for ((number, row), document) in all {
            let group = groups.is_valid(row).then(|| groups.value(row));
            let split = splits.of(number, document.id, group);
            let at = by_split.iter().position(|(name, _)| *name == split);
            let at = at.unwrap_or_else(|| {
                by_split.push((split, Made::new(form)));
                by_split.len() - 1
            });
            by_split[at].1.push(&document, form);
        }
        by_split
    }
}

impl Made {
    fn new(form: &WriteForm) -> Self {
        if form.options().is_table() {
            return Self::Documents(Vec::new());
        }
        Self::Lines(LineBlock::default())
    }

    fn push(&mut self, row: &DocumentRow<'_>, form: &WriteForm) {
        match self {
            Self::Lines(block) => block.push(row, form.options()),
            Self::Documents(documents) => documents.push(row.to_document()),
        }
    }
}

/// One writer for each split that has documents.
struct Writers<'a> {
    folder: &'a Utf8Path,
    form: &'a WriteForm,
    by_split: BTreeMap<String, DocumentWriter>,
}

impl Writers<'_> {
    fn write(&mut self, made: Vec<(&str, Made)>) -> Result<(), CurateError> {
        for (split, made) in made {
            if !self.by_split.contains_key(split) {
                let writer = self.form.writer(self.folder, split);
                self.by_split.insert(split.to_owned(), writer);
            }
            let writer = self.by_split.get_mut(split).expect("it was just made");
            match made {
                Made::Lines(block) => writer.write_lines(&block)?,
                Made::Documents(documents) => {
                    documents.iter().try_for_each(|document| writer.write(document))?;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<WrittenFile>, CurateError> {
        let mut files = Vec::new();
        for (split, writer) in self.by_split {
            for file in writer.finish()? {
                let path = file.path.strip_prefix(self.folder).unwrap_or(&file.path);
                files.push(WrittenFile {
                    path: path.to_string(),
                    split: split.clone(),
                    num_documents: file.documents,
                    bytes: file.bytes,
                    sha256: file.sha256,
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
