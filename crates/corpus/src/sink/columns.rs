//! Parquet and Arrow files.

use super::builder::Builder;
use super::file::{ClosedFile, PartFile};
use super::kinds::{Column, ColumnKind, fields};
use super::options::{SinkFormat, WriteOptions};
use super::row::push_object;
use crate::error::CorpusError;
use crate::source::{SourceDocument, is_turn_column};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{Schema, SchemaRef};
use camino::Utf8PathBuf;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of documents in one row group: what a reader of the table must hold at once.
const GROUP_BYTES: u64 = 64 << 20;
/// Rows of one row group.
const GROUP_ROWS: usize = 100_000;
/// The key under which the `datasets` library keeps the types of columns.
const HUGGING_FACE: &str = "huggingface";

/// A table that is being written.
pub(super) struct TableFile {
    file: Inner,
    schema: SchemaRef,
    path: Utf8PathBuf,
    columns: Vec<Column>,
    rows: Rows,
}

enum Inner {
    Parquet(ArrowWriter<PartFile>),
    Arrow(FileWriter<PartFile>),
}

/// The rows of the group that is being gathered.
struct Rows {
    id: StringBuilder,
    /// None in a table of turns alone.
    text: Option<StringBuilder>,
    source: StringBuilder,
    metadata: StringBuilder,
    named: Vec<Builder>,
    count: usize,
    bytes: u64,
}

impl TableFile {
    pub(super) fn new(file: PartFile, options: &WriteOptions) -> Result<Self, CorpusError> {
        let WriteOptions { format, columns, has_texts, .. } = options;
        let path = file.path().to_owned();
        let (schema, features) = schema_of(columns, *has_texts);
        let schema = Arc::new(schema);
        let inner = if *format == SinkFormat::Parquet {
            let made = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(features)));
            made.map(Inner::Parquet)
        } else {
            let made = FileWriter::try_new(file, &schema);
            made.map(Inner::Arrow).map_err(ParquetError::from)
        };
        let file = inner.map_err(|source| CorpusError::Table { path: path.clone(), source })?;
        let rows = Rows::new(columns, *has_texts);
        Ok(Self { file, schema, path, rows, columns: columns.clone() })
    }

    /// Takes one document and tells about how long it is.
    pub(super) fn write(&mut self, document: &SourceDocument) -> Result<u64, CorpusError> {
        let bytes = self.rows.push(document, &self.columns);
        if self.rows.bytes >= GROUP_BYTES || self.rows.count >= GROUP_ROWS {
            self.flush()?;
        }
        Ok(bytes)
    }

    /// Writes the rows that are held as one group.
    fn flush(&mut self) -> Result<(), CorpusError> {
        if self.rows.count == 0 {
            return Ok(());
        }
        let columns = self.rows.take();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let written = batch.map_err(ParquetError::from).and_then(|batch| match &mut self.file {
            Inner::Parquet(writer) => writer.write(&batch).and_then(|()| writer.flush()),
            Inner::Arrow(writer) => writer.write(&batch).map_err(ParquetError::from),
        });
        written.map_err(|source| CorpusError::Table { path: self.path.clone(), source })
    }

    pub(super) fn close(mut self) -> Result<ClosedFile, CorpusError> {
        self.flush()?;
        let path = self.path;
        let file = match self.file {
            Inner::Parquet(writer) => writer.into_inner(),
            Inner::Arrow(mut writer) => {
                writer.finish().and_then(|()| writer.into_inner()).map_err(ParquetError::from)
            }
        };
        file.map_err(|source| CorpusError::Table { path, source })?.close()
    }
}

fn properties(features: String) -> WriterProperties {
    let text = ColumnPath::from("text");
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Texts do not repeat, and their least and greatest say nothing.
        .set_column_dictionary_enabled(text.clone(), false)
        .set_column_statistics_enabled(text, EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![KeyValue::new(HUGGING_FACE.to_owned(), features)]))
        .build()
}

/// The schema, and what the `datasets` library wants to know of it.
fn schema_of(columns: &[Column], has_texts: bool) -> (Schema, String) {
    let own = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
    let before = ["id", "text", "source"].into_iter().filter(|name| has_texts || *name != "text");
    let mut all: Vec<Column> = before.map(own).collect();
    all.extend_from_slice(columns);
    all.push(own("metadata"));
    let features: Map<String, Value> =
        all.iter().map(|one| (one.name.clone(), one.kind.feature())).collect();
    let features = json!({"info": {"features": features}}).to_string();
    let about = HashMap::from([(HUGGING_FACE.to_owned(), features.clone())]);
    (Schema::new_with_metadata(fields(&all), about), features)
}

impl Rows {
    fn new(columns: &[Column], has_texts: bool) -> Self {
        Self {
            id: StringBuilder::new(),
            text: has_texts.then(StringBuilder::new),
            source: StringBuilder::new(),
            metadata: StringBuilder::new(),
            named: columns.iter().map(|column| Builder::new(&column.kind)).collect(),
            count: 0,
            bytes: 0,
        }
    }

    fn push(&mut self, document: &SourceDocument, columns: &[Column]) -> u64 {
        let SourceDocument { id, text, source, metadata, turns, .. } = document;
        let value =
            |column: &Column| metadata.get(&column.name).filter(|value| column.kind.fits(value));
        // The turns of a row are in columns all together, or joined to a text.
        let has_column =
            |name: &str| columns.iter().any(|one| one.name == name && value(one).is_some());
        let mut of_turns = metadata.iter().filter(|(name, _)| is_turn_column(name));
        let in_columns = *turns
            && (self.text.is_none()
                || of_turns.all(|(name, value)| value.is_null() || has_column(name)));
        let named = in_columns || !turns;
        let mut taken = Vec::new();
        for (builder, column) in self.named.iter_mut().zip(columns) {
            let value = value(column).filter(|_| named);
            taken.extend(value.map(|_| column.name.as_str()));
            builder.push(value);
        }
        self.id.append_value(id);
        self.source.append_value(source);
        if let Some(builder) = &mut self.text {
            builder.append_option((!in_columns).then_some(text));
        }
        let is_said = |name: &str, value: &Value| match name {
            "id" => plain(value) == *id,
            "source" => plain(value) == *source,
            _ => false,
        };
        let rest = metadata.iter().filter(|(name, value)| {
            !(taken.contains(&name.as_str()) || in_columns && is_said(name, value))
        });
        let mut rest = rest.peekable();
        let rest = rest.peek().is_some().then(|| {
            let mut json = Vec::new();
            push_object(&mut json, rest);
            String::from_utf8(json).expect("JSON is text")
        });
        self.metadata.append_option(rest.as_deref());
        let lengths = [id.len(), text.len(), source.len()];
        let bytes = lengths.iter().sum::<usize>() + rest.map_or(0, |rest| rest.len());
        self.count += 1;
        self.bytes += bytes as u64;
        bytes as u64
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        (self.count, self.bytes) = (0, 0);
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.id.finish())];
        columns.extend(self.text.iter_mut().map(|text| Arc::new(text.finish()) as ArrayRef));
        columns.push(Arc::new(self.source.finish()));
        columns.extend(self.named.iter_mut().map(Builder::finish));
        columns.push(Arc::new(self.metadata.finish()));
        columns
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Cow::from)
}
