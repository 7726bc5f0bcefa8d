//! The tables of a query.

use super::error::failed;
use crate::documents::{Part, PartStream, table};
use crate::error::CurateError;
use crate::objects::register_bucket;
use camino::Utf8Path;
use catena_corpus::{ReadOptions, plan_shards};
use catena_protocol::Cancel;
use datafusion::error::DataFusionError;
use datafusion::prelude::{CsvReadOptions, JsonReadOptions, ParquetReadOptions, SessionContext};
use std::sync::{Arc, Mutex};

/// The names of the tables that `query` asks for.
pub(super) fn tables_of(
    session: &SessionContext,
    query: &str,
) -> Result<Vec<String>, DataFusionError> {
    let state = session.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(query, &dialect)?;
    let tables = state.resolve_table_references(&statement)?;
    Ok(tables.iter().map(|table| table.table().to_owned()).collect())
}

/// What makes the tables of a query.
pub(super) struct Tables<'a> {
    pub(super) session: &'a SessionContext,
    /// Names of the tables that the query asks for.
    pub(super) wanted: &'a [String],
    pub(super) options: &'a ReadOptions,
    pub(super) cancel: &'a Cancel,
}

impl Tables<'_> {
    /// Makes the tables of `inputs`, and tells of which files the query asks for the rows.
    pub(super) async fn register(&self, inputs: &[String]) -> Result<Option<String>, CurateError> {
        let mut documents = Vec::new();
        let mut rows = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let folder = Utf8Path::new(input);
            if folder.join("card.json").exists() {
                self.register_curated(folder).await.map_err(|error| failed(error, Some(input)))?;
                documents.push(folder.join("data").into_string());
                continue;
            }
            documents.push(input.clone());
            let name = if index == 0 { "rows".to_owned() } else { format!("rows{}", index + 1) };
            // Their columns are found by reading, which a bad line ends: only where they are asked
            // for.
            if self.wanted.contains(&name) {
                rows.push((name, input.as_str()));
            }
        }
        self.register_documents(&documents)?;
        for (name, input) in &rows {
            let made = self.register_rows(name, input).await;
            made.map_err(|error| failed(error, Some(input)))?;
        }
        let inputs: Vec<&str> = rows.iter().map(|(_, input)| *input).collect();
        Ok((!inputs.is_empty()).then(|| inputs.join(" or ")))
    }

    async fn register_curated(&self, folder: &Utf8Path) -> Result<(), DataFusionError> {
        let tables = [
            ("attributes", folder.join("attributes")),
            ("duplicates", folder.join("duplicates.parquet")),
            ("passages", folder.join("passages.parquet")),
        ];
        for (name, path) in tables {
            // Passages are there only if they were looked for.
            if name != "passages" || path.exists() {
                let parquet = ParquetReadOptions::default();
                self.session.register_parquet(name, path.as_str(), parquet).await?;
            }
        }
        Ok(())
    }

    /// Makes the table `documents` of all `inputs`.
    fn register_documents(&self, inputs: &[String]) -> Result<(), CurateError> {
        if inputs.is_empty() {
            return Ok(());
        }
        let parts = Part::gather(plan_shards(inputs, self.options)?);
        let streams = parts.into_iter().map(|part| PartStream {
            part,
            options: self.options.clone(),
            bad: Arc::new(Mutex::new(Vec::new())),
            cancel: self.cancel.clone(),
            cuts_lines: None,
        });
        self.session.register_table("documents", table(streams.collect())?)?;
        Ok(())
    }

    /// Makes the table `name` of a file, if it is of a kind that has columns.
    async fn register_rows(&self, name: &str, input: &str) -> Result<(), DataFusionError> {
        let session = self.session;
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
}
