//! The main content of a page, and what the page says of itself.

use super::change_row::{ChangedRow, ROW_CHANGE, arguments, change_rows};
use super::function::{Function, udf};
use super::note::Note;
use crate::error::CurateError;
use arrow_array::ArrayRef;
use arrow_schema::DataType;
use catena_corpus::{
    BadReason, CorpusError, ExtractOptions, Extracted, Format, Markup, SourceDocument, extract_html,
};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// What is said of a page of which something was taken.
pub(crate) const EXTRACTED: &str = "main content of a page";

/// `extract_html(text, metadata, turns)`.
#[derive(Debug)]
struct ExtractPage;

impl Function for ExtractPage {
    fn name(&self) -> &'static str {
        "extract_html"
    }

    fn arguments(&self) -> Vec<DataType> {
        arguments()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(ROW_CHANGE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        change_rows(columns, |text, metadata, _| {
            match extract_html(text, &ExtractOptions::default()) {
                Ok(page) => ChangedRow {
                    metadata: with_facts(metadata, &page),
                    text: Cow::Owned(page.text),
                    note: Some(Note::of([EXTRACTED])),
                },
                Err(error) => ChangedRow {
                    text: Cow::Borrowed(""),
                    metadata: None,
                    note: Some(Note::of([error.to_string()])),
                },
            }
        })
    }
}

/// Puts the main content of a document that is a page in the place of the page, and what the page
/// says of itself in the metadata, as cleaning does. Other documents stay as they are.
///
/// # Errors
/// What is wrong with a page that has no content or cannot be read.
pub fn extract_document(document: &mut SourceDocument) -> Result<(), BadReason> {
    if document.markup != Some(Markup::Html) || document.turns {
        return Ok(());
    }
    let page = extract_html(&document.text, &ExtractOptions::default());
    let page = page.map_err(|error| {
        if matches!(error, CorpusError::NoContent) {
            return BadReason::Empty;
        }
        BadReason::Damaged { format: Format::Html.name(), message: error.to_string() }
    })?;
    if page.text.trim().is_empty() {
        return Err(BadReason::Empty);
    }
    add_facts(&mut document.metadata, &page);
    document.text = page.text;
    document.markup = None;
    Ok(())
}

/// The metadata with what the page says of itself.
fn with_facts(metadata: &str, page: &Extracted) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
    add_facts(&mut fields, page);
    Some(serde_json::to_string(&fields).expect("JSON values become JSON"))
}

/// Adds title, day, site and address by the page's own account. Where the row says something else
/// under the same name, as archives do with the time of their visit, what the page says gets an
/// underscore.
fn add_facts(fields: &mut Map<String, Value>, page: &Extracted) {
    let facts =
        [("title", &page.title), ("date", &page.date), ("site", &page.site), ("url", &page.url)];
    for (name, fact) in facts {
        let Some(fact) = fact else { continue };
        match fields.get(name) {
            None | Some(Value::Null) => fields.insert(name.to_owned(), fact.clone().into()),
            Some(found) if found == fact => None,
            Some(_) => fields.insert(format!("_{name}"), fact.clone().into()),
        };
    }
}

/// `extract_html(text, metadata, turns)`: what cannot be read as a page has an empty text, and so
/// is dropped with its reason in the note.
pub(crate) fn extract_row() -> Arc<ScalarUDF> {
    udf(ExtractPage)
}
