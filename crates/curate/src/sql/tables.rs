//! The tables of a query.

use super::error::failed;
use crate::documents::{Aside, Part, PartStream, Rejected, rejected, table};
use crate::error::CurateError;
use crate::objects::register_bucket;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{ReadOptions, plan_shards};
use catena_protocol::Cancel;
use datafusion::error::DataFusionError;
use datafusion::prelude::{CsvReadOptions, JsonReadOptions, ParquetReadOptions, SessionContext};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

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

/// The files of a folder in order; none if there is no such folder.
fn files_of(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CurateError> {
    let read = || -> io::Result<Vec<Utf8PathBuf>> {
        let entries = folder.read_dir_utf8()?;
        let mut paths =
            entries.map(|entry| Ok(entry?.into_path())).collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found.map_err(CurateError::io("read", folder)),
    }
}

/// What is known of tables once they are made.
pub(super) struct Registered {
    /// The files whose rows the query asks for, if it asks for any.
    pub(super) rows: Option<String>,
    /// Of each part of the documents, the rows that were none.
    pub(super) rejected: Vec<Arc<AtomicU64>>,
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
    /// Makes the tables of `inputs`.
    pub(super) async fn register(&self, inputs: &[String]) -> Result<Registered, CurateError> {
        let mut documents = Vec::new();
        let mut written = Vec::new();
        let mut rows = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            let folder = Utf8Path::new(input);
            if folder.join("card.json").exists() && folder.join("attributes").exists() {
                self.register_curated(folder).await.map_err(|error| failed(error, Some(input)))?;
                documents.push(folder.join("data").into_string());
                written.extend(files_of(&folder.join("rejected"))?);
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
        let rejected = self.register_documents(&documents, written)?;
        for (name, input) in &rows {
            let made = self.register_rows(name, input).await;
            made.map_err(|error| failed(error, Some(input)))?;
        }
        let inputs: Vec<&str> = rows.iter().map(|(_, input)| *input).collect();
        let rows = (!inputs.is_empty()).then(|| inputs.join(" or "));
        Ok(Registered { rows, rejected })
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

    /// Makes the tables `documents` and `rejected` of all `inputs` and of what runs `wrote` of
    /// rejected rows. Gives the count of each part's bad rows, which grows when it is read.
    fn register_documents(
        &self,
        inputs: &[String],
        wrote: Vec<Utf8PathBuf>,
    ) -> Result<Vec<Arc<AtomicU64>>, CurateError> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let parts = Part::gather(plan_shards(inputs, self.options)?);
        let counts: Vec<Arc<AtomicU64>> = parts.iter().map(|_| Arc::default()).collect();
        let bad = parts.iter().map(|part| Rejected::Part {
            part: part.clone(),
            options: Box::new(self.options.clone()),
            cancel: self.cancel.clone(),
        });
        let bad = bad.chain(wrote.into_iter().map(Rejected::File)).collect();
        self.session.register_table("rejected", rejected(bad)?)?;
        let streams = parts.into_iter().zip(&counts).map(|(part, count)| PartStream {
            part,
            options: self.options.clone(),
            aside: Aside::Counted(Arc::clone(count)),
            cancel: self.cancel.clone(),
            cuts_lines: None,
        });
        self.session.register_table("documents", table(streams.collect())?)?;
        Ok(counts)
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
