//! Parquet and Arrow files.

use super::file::{ClosedFile, PartFile};
use super::options::{Column, ColumnKind, SinkFormat};
use super::row::push_object;
use crate::error::CorpusError;
use crate::source::SourceDocument;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use camino::Utf8PathBuf;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
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
    text: StringBuilder,
    source: StringBuilder,
    metadata: StringBuilder,
    named: Vec<Builder>,
    count: usize,
    bytes: u64,
}

enum Builder {
    Text(StringBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    Truth(BooleanBuilder),
}

impl TableFile {
    pub(super) fn new(
        file: PartFile,
        format: SinkFormat,
        columns: &[Column],
    ) -> Result<Self, CorpusError> {
        let path = file.path().to_owned();
        let (schema, features) = schema_of(columns);
        let schema = Arc::new(schema);
        let inner = if format == SinkFormat::Parquet {
            let made = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(features)));
            made.map(Inner::Parquet)
        } else {
            let made = FileWriter::try_new(file, &schema);
            made.map(Inner::Arrow).map_err(ParquetError::from)
        };
        let file = inner.map_err(|source| CorpusError::Table { path: path.clone(), source })?;
        Ok(Self { file, schema, path, rows: Rows::new(columns), columns: columns.to_vec() })
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
fn schema_of(columns: &[Column]) -> (Schema, String) {
    let mut fields = Vec::new();
    let mut features = Map::new();
    let mut add = |name: &str, kind: ColumnKind| {
        let (data_type, dtype) = match kind {
            ColumnKind::Text => (DataType::Utf8, "string"),
            ColumnKind::Integer => (DataType::Int64, "int64"),
            ColumnKind::Number => (DataType::Float64, "float64"),
            ColumnKind::Truth => (DataType::Boolean, "bool"),
        };
        fields.push(Field::new(name, data_type, true));
        features.insert(name.to_owned(), json!({"dtype": dtype, "_type": "Value"}));
    };
    for name in ["id", "text", "source"] {
        add(name, ColumnKind::Text);
    }
    for column in columns {
        add(&column.name, column.kind);
    }
    add("metadata", ColumnKind::Text);
    let features = json!({"info": {"features": features}}).to_string();
    let about = HashMap::from([(HUGGING_FACE.to_owned(), features.clone())]);
    (Schema::new_with_metadata(fields, about), features)
}

impl Rows {
    fn new(columns: &[Column]) -> Self {
        let builder = |column: &Column| match column.kind {
            ColumnKind::Text => Builder::Text(StringBuilder::new()),
            ColumnKind::Integer => Builder::Integer(Int64Builder::new()),
            ColumnKind::Number => Builder::Number(Float64Builder::new()),
            ColumnKind::Truth => Builder::Truth(BooleanBuilder::new()),
        };
        Self {
            id: StringBuilder::new(),
            text: StringBuilder::new(),
            source: StringBuilder::new(),
            metadata: StringBuilder::new(),
            named: columns.iter().map(builder).collect(),
            count: 0,
            bytes: 0,
        }
    }

    fn push(&mut self, document: &SourceDocument, columns: &[Column]) -> u64 {
        self.id.append_value(&document.id);
        self.text.append_value(&document.text);
        self.source.append_value(&document.source);
        let mut taken = Vec::new();
        for (builder, column) in self.named.iter_mut().zip(columns) {
            if builder.push(document.metadata.get(&column.name)) {
                taken.push(column.name.as_str());
            }
        }
        let rest = document.metadata.iter().filter(|(key, _)| !taken.contains(&key.as_str()));
        let mut rest = rest.peekable();
        let rest = rest.peek().is_some().then(|| {
            let mut json = Vec::new();
            push_object(&mut json, rest);
            String::from_utf8(json).expect("JSON is text")
        });
        self.metadata.append_option(rest.as_deref());
        let lengths = [document.id.len(), document.text.len(), document.source.len()];
        let bytes = lengths.iter().sum::<usize>() + rest.map_or(0, |rest| rest.len());
        self.count += 1;
        self.bytes += bytes as u64;
        bytes as u64
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        (self.count, self.bytes) = (0, 0);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.id.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.source.finish()),
        ];
        columns.extend(self.named.iter_mut().map(Builder::finish));
        columns.push(Arc::new(self.metadata.finish()));
        columns
    }
}

impl Builder {
    /// Adds a value, and tells whether it is of the column's type.
    fn push(&mut self, value: Option<&Value>) -> bool {
        match self {
            Self::Text(builder) => {
                let value = value.and_then(Value::as_str);
                builder.append_option(value);
                value.is_some()
            }
            Self::Integer(builder) => {
                let value = value.and_then(Value::as_i64);
                builder.append_option(value);
                value.is_some()
            }
            Self::Number(builder) => {
                // A whole number that has no equal among the floating ones keeps its digits.
                let value = value.and_then(Value::as_f64).filter(|_| exact(value));
                builder.append_option(value);
                value.is_some()
            }
            Self::Truth(builder) => {
                let value = value.and_then(Value::as_bool);
                builder.append_option(value);
                value.is_some()
            }
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Truth(builder) => Arc::new(builder.finish()),
        }
    }
}

fn exact(value: Option<&Value>) -> bool {
    let Some(Value::Number(number)) = value else { return false };
    number.as_i64().is_none_or(|whole| whole.unsigned_abs() <= 1 << 53)
        && number.as_u64().is_none_or(|whole| whole <= 1 << 53)
}
