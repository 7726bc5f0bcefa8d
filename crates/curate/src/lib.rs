//! Curation: from any raw text to a data set that one can defend.
//!
//! A [`CleaningPlan`] says what is done to documents; [`curate`] does it over files of any size and
//! accounts for every document. The plan is a plan of DataFusion and the operators of `corpus` are
//! its functions: one row per document, one column per finding, so another engine of the same
//! functions could run it, and [`query`] offers the same functions in SQL.
//!
//! A curated set is a folder:
//!
//! | file | holds |
//! |---|---|
//! | `data/` | the documents that stay, by split |
//! | `attributes/` | one row per document read: what was measured, changed, and why it was dropped |
//! | `duplicates.parquet` | which document repeats which |
//! | `passages.parquet` | out of which documents repeated passages were cut |
//! | `rejected/` | rows that were no documents, with the reason |
//! | `pii_audit.json` | what was masked: counts, and samples that show nobody's data |
//! | `card.json`, `README.md`, `report.html` | the account |
//! | `plan.toml` | the plan with all its defaults |
//!
//! **Invariant:** the same inputs and plan give the same bytes, whatever the threads, and whether
//! or not the run was killed in between.
//!
//! **Invariant:** no document disappears without a row that says why.

mod account;
mod documents;
mod error;
mod functions;
mod objects;
mod plan;
mod run;
mod session;
mod sql;

pub use account::{
    Card, CardInput, CommandCard, CommandFile, Explanation, Histogram, InputSet, Rejudged, Step,
    Summary, explain, rejudge,
};
pub use error::CurateError;
pub use functions::extract_document;
pub use objects::{ObjectFiles, is_object};
pub use plan::{
    CleaningPlan, DecontaminateSettings, DedupSettings, LanguageSettings, NearLinking, PiiSettings,
    PiiStyle, ReadSettings, RepairSettings, RuleSettings, SplitSettings, TextUnit, TokenSettings,
    UrlSettings, WriteSettings, document_pattern, document_writer,
};
pub use run::{Curation, SideFile, WrittenFile, curate, read_card};
pub use sql::{Answer, query};
