//! One file after the other.

use super::block::{LineBlock, header};
use super::columns::TableFile;
use super::file::{ClosedFile, PartFile};
use super::lines::LineFile;
use super::options::{SinkFormat, WriteOptions};
use crate::error::CorpusError;
use crate::source::{Compression, SourceDocument};
use camino::{Utf8Path, Utf8PathBuf};

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// Its documents; none where the file holds attributes of those in another.
    pub documents: u64,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its bytes, as hexadecimal digits.
    pub sha256: String,
}

/// Writes documents into the files of a folder.
///
/// Files appear under their names when they are full, or, as tables bear the number of all files
/// in their names, with [`finish`](Self::finish). What is left unfinished leaves no file behind
/// that could be taken for a whole one.
pub struct DocumentWriter {
    folder: Utf8PathBuf,
    options: WriteOptions,
    open: Option<Open>,
    /// The lines of single documents.
    block: LineBlock,
    closed: Vec<(ClosedFile, u64)>,
    written: Vec<WrittenFile>,
}

struct Open {
    file: Kind,
    sidecar: Option<Box<LineFile>>,
    documents: u64,
    bytes: u64,
}

enum Kind {
    Lines(Box<LineFile>),
    Table(Box<TableFile>),
}

impl DocumentWriter {
    /// Writes into `folder`, which is made if it is missing.
    pub fn new(folder: &Utf8Path, options: WriteOptions) -> Self {
        let folder = folder.to_owned();
        let (closed, written) = (Vec::new(), Vec::new());
        Self { folder, options, open: None, block: LineBlock::default(), closed, written }
    }

    /// Writes one document.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, document: &SourceDocument) -> Result<(), CorpusError> {
        if self.options.is_table() {
            return self.write_row(document);
        }
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        block.push(&document.into(), &self.options);
        let written = self.write_lines(&block);
        self.block = block;
        written
    }

    /// Writes documents that were made into lines by the options of this writer.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// If the options want a table: a caller's bug.
    pub fn write_lines(&mut self, block: &LineBlock) -> Result<(), CorpusError> {
        let mut first = 0;
        while first < block.num_documents() {
            let mut open = self.take_open()?;
            let Kind::Lines(file) = &mut open.file else { panic!("a table has no lines") };
            let next = block.lines.fill(first, self.options.shard_bytes - open.bytes);
            open.bytes += file.write(block.lines.part(first..next))?;
            if let Some(sidecar) = &mut open.sidecar {
                sidecar.write(block.attributes.part(first..next))?;
            }
            open.documents += (next - first) as u64;
            first = next;
            self.put_back(open)?;
        }
        Ok(())
    }

    fn write_row(&mut self, document: &SourceDocument) -> Result<(), CorpusError> {
        let mut open = self.take_open()?;
        let Kind::Table(file) = &mut open.file else { panic!("lines are no table") };
        open.bytes += file.write(document)?;
        open.documents += 1;
        self.put_back(open)
    }

    fn take_open(&mut self) -> Result<Open, CorpusError> {
        self.open.take().map_or_else(|| self.next_file(), Ok)
    }

    /// Goes on with the file, unless it is full.
    fn put_back(&mut self, open: Open) -> Result<(), CorpusError> {
        if open.bytes >= self.options.shard_bytes {
            return self.close(open);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Closes the last file and names those that have no name yet. Without any document there is
    /// one empty file, so that what reads the folder finds the columns.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<Vec<WrittenFile>, CorpusError> {
        match self.open.take() {
            Some(open) => self.close(open)?,
            None if self.written.is_empty() && self.closed.is_empty() => {
                let open = self.next_file()?;
                self.close(open)?;
            }
            None => {}
        }
        let count = self.closed.len();
        for (at, (file, documents)) in self.closed.iter_mut().enumerate() {
            let ending = ending(&self.options);
            let name = format!("{}-{at:05}-of-{count:05}.{ending}", self.options.split);
            let (path, documents) = (file.rename(&name)?, *documents);
            self.written.push(file.written(path, documents));
        }
        Ok(self.written)
    }

    /// Files of documents that are written; each may have one of attributes.
    fn num_files(&self) -> usize {
        self.written.len() / if self.options.sidecar.is_some() { 2 } else { 1 }
    }

    fn next_file(&self) -> Result<Open, CorpusError> {
        let number = self.closed.len() + self.num_files();
        let ending = ending(&self.options);
        let create = |folder: &Utf8Path, name: &str| PartFile::create(folder, name, &self.options);
        let file = if self.options.is_table() {
            let name = format!("{}-{number:05}.{ending}", self.options.split);
            let file = create(&self.folder.join("data"), &name)?;
            Kind::Table(Box::new(TableFile::new(file, &self.options)?))
        } else {
            let file = create(&self.folder, &format!("{number:05}.{ending}"))?;
            let mut file = LineFile::new(file, self.options.compression)?;
            file.write(&header(self.options.format))?;
            Kind::Lines(Box::new(file))
        };
        let sidecar = self.options.sidecar.as_ref().map(|folder| {
            let file = create(folder, &format!("{number:05}.{ending}"))?;
            Ok::<_, CorpusError>(Box::new(LineFile::new(file, self.options.compression)?))
        });
        Ok(Open { file, sidecar: sidecar.transpose()?, documents: 0, bytes: 0 })
    }

    fn close(&mut self, open: Open) -> Result<(), CorpusError> {
        let mut file = match open.file {
            Kind::Lines(file) => file.close()?,
            Kind::Table(file) => file.close()?,
        };
        if self.options.is_table() {
            self.closed.push((file, open.documents));
            return Ok(());
        }
        let name = format!("{:05}.{}", self.num_files(), ending(&self.options));
        // Attributes come first: documents that are there have theirs.
        let attributes = open.sidecar.map(|sidecar| sidecar.close()).transpose()?;
        if let Some(mut attributes) = attributes {
            let path = attributes.rename(&name)?;
            let attributes = attributes.written(path, 0);
            let path = file.rename(&name)?;
            self.written.extend([file.written(path, open.documents), attributes]);
            return Ok(());
        }
        let path = file.rename(&name)?;
        self.written.push(file.written(path, open.documents));
        Ok(())
    }
}

fn ending(options: &WriteOptions) -> String {
    let plain = match options.format {
        SinkFormat::JsonLines => "jsonl",
        SinkFormat::Text => "txt",
        SinkFormat::Csv => "csv",
        SinkFormat::Tsv => "tsv",
        SinkFormat::Parquet => return "parquet".to_owned(),
        SinkFormat::Arrow => return "arrow".to_owned(),
    };
    match options.compression {
        Compression::None => plain.to_owned(),
        Compression::Gzip => format!("{plain}.gz"),
        Compression::Zstd => format!("{plain}.zst"),
    }
}
