//! Queries over data in SQL, with the operators as functions.

use crate::documents::{Part, PartStream, table};
use crate::error::CurateError;
use crate::functions::all;
use crate::objects::register_bucket;
use crate::session::session;
use arrow_array::RecordBatch;
use camino::Utf8Path;
use catena_corpus::{ReadOptions, plan_shards};
use catena_protocol::Cancel;
use datafusion::arrow::csv;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;
use datafusion::prelude::{CsvReadOptions, JsonReadOptions, ParquetReadOptions, SessionContext};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// The rows that answer a query.
#[derive(Clone, Debug)]
pub struct Answer(pub Vec<RecordBatch>);

impl Answer {
    /// The rows as a table for people.
    ///
    /// # Errors
    /// A value that cannot be shown.
    pub fn table(&self) -> Result<String, CurateError> {
        let table = pretty_format_batches(&self.0).map_err(DataFusionError::from)?;
        Ok(table.to_string())
    }

    /// One JSON object a row.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn json_lines(&self) -> Result<String, CurateError> {
        let mut writer = LineDelimitedWriter::new(Vec::new());
        for batch in &self.0 {
            writer.write(batch).map_err(DataFusionError::from)?;
        }
        writer.finish().map_err(DataFusionError::from)?;
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }

    /// Comma-separated values under a line of names.
    ///
    /// # Errors
    /// A list or struct among the columns.
    pub fn csv(&self) -> Result<String, CurateError> {
        let mut writer = csv::Writer::new(Vec::new());
        for batch in &self.0 {
            writer.write(batch).map_err(DataFusionError::from)?;
        }
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }
}

/// Answers `query` over what is found at `inputs`.
///
/// The table `documents` has the documents of the inputs, whatever their form (`id`, `source`,
/// `place`, `format`, `metadata` as JSON, `text`); a folder that `catena data clean` wrote also
/// gives `attributes` (one row per document read) and `duplicates`. Each file of a table (Parquet,
/// CSV, JSON Lines) is also there under `rows`, `rows2`, … with its own columns.
///
/// # Errors
/// [`CurateError::Query`], and errors of the inputs.
pub fn query(
    query: &str,
    inputs: &[String],
    options: &ReadOptions,
    threads: usize,
    scratch: &Utf8Path,
    cancel: &Cancel,
) -> Result<Answer, CurateError> {
    let runtime =
        Runtime::new().map_err(CurateError::io("start threads for", Utf8Path::new("SQL")))?;
    let session = session(threads, scratch)?;
    for function in all() {
        session.register_udf(function.as_ref().clone());
    }
    runtime.block_on(async {
        register(&session, query, inputs, options, cancel).await?;
        let answer = async { session.sql(query).await?.collect().await };
        tokio::select! {
            answer = answer => answer.map(Answer).map_err(as_query_error),
            () = cancelled(cancel) => Err(CurateError::Interrupted),
        }
    })
}

/// The error of a query: what the engine says about it is what its author reads.
fn as_query_error(error: DataFusionError) -> CurateError {
    let error = CurateError::from(error);
    if let CurateError::Engine(source) = error {
        CurateError::Query { message: plain(*source) }
    } else {
        error
    }
}

/// The engine's word without the names of its parts.
#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn plain(error: DataFusionError) -> String {
    match error {
        DataFusionError::SQL(error, _) => error.to_string(),
        DataFusionError::Plan(message) => message,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => plain(*inner),
        other => other.strip_backtrace(),
    }
}

async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Makes the table `name` of a file, if it is of a kind that has columns.
async fn register_rows(
    session: &SessionContext,
    name: &str,
    input: &str,
) -> Result<(), DataFusionError> {
    register_bucket(session, input)?;
    match Utf8Path::new(input).extension() {
        Some("parquet") => {
            session.register_parquet(name, input, ParquetReadOptions::default()).await
        }
        Some("csv") => session.register_csv(name, input, CsvReadOptions::new()).await,
        Some(ending @ ("jsonl" | "ndjson")) => {
            let ending = format!(".{ending}");
            let json = JsonReadOptions::default().file_extension(&ending);
            session.register_json(name, input, json).await
        }
        _ => Ok(()),
    }
}

async fn register(
    session: &SessionContext,
    query: &str,
    inputs: &[String],
    options: &ReadOptions,
    cancel: &Cancel,
) -> Result<(), CurateError> {
    let mut documents = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let folder = Utf8Path::new(input);
        if folder.join("card.json").exists() && folder.join("attributes").exists() {
            let parquet = ParquetReadOptions::default();
            let attributes = folder.join("attributes");
            session.register_parquet("attributes", attributes.as_str(), parquet.clone()).await?;
            let duplicates = folder.join("duplicates.parquet");
            session.register_parquet("duplicates", duplicates.as_str(), parquet).await?;
            let passages = folder.join("passages.parquet");
            if passages.exists() {
                let parquet = ParquetReadOptions::default();
                session.register_parquet("passages", passages.as_str(), parquet).await?;
            }
            documents.push(folder.join("data").into_string());
            continue;
        }
        documents.push(input.clone());
        let name = if index == 0 { "rows".to_owned() } else { format!("rows{}", index + 1) };
        // Their columns are found by reading, which a bad line ends: only where they are asked for.
        if query.to_ascii_lowercase().contains(&name) {
            register_rows(session, &name, input).await.map_err(as_query_error)?;
        }
    }
    if documents.is_empty() {
        return Ok(());
    }
    let parts = Part::gather(plan_shards(&documents, options)?);
    let streams = parts.into_iter().map(|part| PartStream {
        part,
        options: options.clone(),
        bad: Arc::new(Mutex::new(Vec::new())),
        cancel: cancel.clone(),
    });
    session.register_table("documents", table(streams.collect())?)?;
    Ok(())
}
