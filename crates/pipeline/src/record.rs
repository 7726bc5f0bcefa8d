//! Finished stages in the project's database.

use crate::error::PipelineError;
use crate::output::OutputFile;
use crate::stage::{Settings, Summary};
use catena_store::{Database, Migration, Row, Value};

const COMPONENT: &str = "pipeline";
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        sql: "CREATE TABLE stage_results (
            name TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            version INTEGER NOT NULL,
            settings TEXT NOT NULL,
            seconds REAL NOT NULL,
            peak_bytes INTEGER NOT NULL,
            summary TEXT NOT NULL,
            finished INTEGER NOT NULL,
            PRIMARY KEY (name, fingerprint)
          ) STRICT;",
    },
    Migration {
        version: 2,
        sql: "ALTER TABLE stage_results ADD COLUMN files TEXT NOT NULL DEFAULT '[]'",
    },
];
const COLUMNS: &str = "fingerprint, version, settings, seconds, peak_bytes, summary, files";

/// A finished stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) fingerprint: String,
    pub(crate) version: u32,
    pub(crate) settings: Settings,
    pub(crate) seconds: f64,
    pub(crate) peak_bytes: u64,
    pub(crate) summary: Summary,
    /// Every file of the result with its size.
    pub(crate) files: Vec<OutputFile>,
}

/// The table of finished stages.
pub(crate) struct Records(Database);

impl Records {
    pub(crate) fn open(database: Database) -> Result<Self, PipelineError> {
        database.migrate(COMPONENT, MIGRATIONS)?;
        Ok(Self(database))
    }

    /// The result of `name` with this fingerprint.
    pub(crate) fn find(
        &self,
        name: &str,
        fingerprint: &str,
    ) -> Result<Option<Record>, PipelineError> {
        let sql =
            format!("SELECT {COLUMNS} FROM stage_results WHERE name = ?1 AND fingerprint = ?2");
        self.first(&sql, &[name.into(), fingerprint.into()])
    }

    /// The result of `name` that a run made or used last.
    pub(crate) fn latest(&self, name: &str) -> Result<Option<Record>, PipelineError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM stage_results WHERE name = ?1 ORDER BY finished DESC LIMIT 1"
        );
        self.first(&sql, &[name.into()])
    }

    /// Adds a result, or uses it again, as the latest of `name`.
    pub(crate) fn insert(&self, name: &str, record: &Record) -> Result<(), PipelineError> {
        self.0.write(|tx| {
            let row = tx.query("SELECT COALESCE(MAX(finished), 0) FROM stage_results", &[])?;
            let finished = row[0].integer(0)? + 1;
            tx.execute(
                "INSERT OR REPLACE INTO stage_results
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                &[
                    name.into(),
                    record.fingerprint.as_str().into(),
                    i64::from(record.version).into(),
                    json(&record.settings).into(),
                    record.seconds.into(),
                    i64::try_from(record.peak_bytes).unwrap_or(i64::MAX).into(),
                    json(&record.summary).into(),
                    finished.into(),
                    json(&record.files).into(),
                ],
            )
        })?;
        Ok(())
    }

    /// Fingerprints of `name`, the one used last first.
    pub(crate) fn fingerprints(&self, name: &str) -> Result<Vec<String>, PipelineError> {
        let sql = "SELECT fingerprint FROM stage_results WHERE name = ?1 ORDER BY finished DESC";
        let rows = self.0.query(sql, &[name.into()])?;
        Ok(rows.iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?)
    }

    /// Forgets one result.
    pub(crate) fn remove(&self, name: &str, fingerprint: &str) -> Result<(), PipelineError> {
        self.0.write(|tx| {
            tx.execute(
                "DELETE FROM stage_results WHERE name = ?1 AND fingerprint = ?2",
                &[name.into(), fingerprint.into()],
            )
        })?;
        Ok(())
    }

    fn first(&self, sql: &str, values: &[Value]) -> Result<Option<Record>, PipelineError> {
        self.0.query(sql, values)?.first().map(from_row).transpose()
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("maps of strings and figures serialize")
}

fn from_row(row: &Row) -> Result<Record, PipelineError> {
    let parse = |column: &'static str| {
        move |error: serde_json::Error| PipelineError::CorruptRecord { column, source: error }
    };
    Ok(Record {
        fingerprint: row.text(0)?.to_owned(),
        version: u32::try_from(row.integer(1)?).unwrap_or(u32::MAX),
        settings: serde_json::from_str(row.text(2)?).map_err(parse("settings"))?,
        seconds: row.real(3)?,
        peak_bytes: u64::try_from(row.integer(4)?).unwrap_or(0),
        summary: serde_json::from_str(row.text(5)?).map_err(parse("summary"))?,
        files: serde_json::from_str(row.text(6)?).map_err(parse("files"))?,
    })
}
