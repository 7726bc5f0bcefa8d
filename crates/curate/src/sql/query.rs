//! From a query to its answer.

use super::answer::Answer;
use super::error::failed;
use super::tables::{Registered, Tables, tables_of};
use crate::error::CurateError;
use crate::functions::all;
use crate::session::query_session;
use camino::Utf8Path;
use catena_corpus::ReadOptions;
use catena_protocol::Cancel;
use std::sync::atomic::Ordering;
use tokio::runtime::Runtime;

/// Answers `query` over what is found at `inputs`.
///
/// The table `documents` has the documents of the inputs, whatever their form (`id`, `source`,
/// `place`, `format`, `metadata` as JSON, `text`, `turns`), `rejected` the rows that were none
/// (`place`, `reason`, `detail` as JSON, `sample`); a folder that `catena data clean` wrote also
/// gives `attributes` (one row per document read) and `duplicates`, and what that run rejected.
/// Each file of a table (Parquet, CSV, JSON Lines) is also there under `rows`, `rows2`, … with its
/// own columns.
///
/// # Errors
/// [`CurateError::Query`], [`CurateError::Rows`], and errors of the inputs.
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
    let session = query_session(threads, scratch)?;
    for function in all() {
        session.register_udf(function.as_ref().clone());
    }
    runtime.block_on(async {
        let wanted = tables_of(&session, query).map_err(|error| failed(error, None))?;
        let tables = Tables { session: &session, wanted: &wanted, options, cancel };
        let Registered { rows, rejected } = tables.register(inputs).await?;
        let answer = async { session.sql(query).await?.collect().await };
        tokio::select! {
            answer = answer => match answer {
                Ok(batches) => {
                    let counts = rejected.iter().map(|count| count.load(Ordering::Relaxed));
                    Ok(Answer { batches, num_rejected: counts.sum() })
                }
                Err(error) => Err(failed(error, rows.as_deref())),
            },
            () = cancelled(cancel) => Err(CurateError::Interrupted),
        }
    })
}

async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
