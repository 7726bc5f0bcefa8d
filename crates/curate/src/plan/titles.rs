//! The titles of documents, which stand in their metadata and are repaired as texts are.

use super::settings::RepairSettings;
use crate::functions::{Changed, Note, Operator, change};
use catena_corpus::{RepairOptions, normalize, repair};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// The field of the metadata.
const TITLE: &str = "title";

/// The metadata with the title that `repaired` gives and the note about it; none if it stays.
fn changed<'t>(metadata: &str, repaired: impl Fn(&str) -> Option<String>) -> Option<Changed<'t>> {
    // Most documents have none, and their metadata need not be read.
    if !metadata.contains("\"title\"") {
        return None;
    }
    let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
    let title = repaired(fields.get(TITLE)?.as_str()?)?;
    fields.insert(TITLE.to_owned(), title.into());
    let metadata = serde_json::to_string(&fields).expect("JSON values become JSON");
    Some((Cow::Owned(metadata), Some(Note::of(["characters and spaces"]))))
}

/// What the plan repairs in texts, done to titles, which are one line; none if it repairs nothing.
pub(super) fn repair_titles(settings: &RepairSettings) -> Option<Arc<ScalarUDF>> {
    let RepairSettings { mojibake, normalize: normalizes, .. } = *settings;
    let repaired = move |title: &str| {
        let mut text = Cow::Borrowed(title);
        if mojibake {
            text = Cow::Owned(repair(title, &RepairOptions::default()).text.into_owned());
        }
        if normalizes {
            text = Cow::Owned(normalize(&text).replace(['\n', '\t'], " "));
        }
        (text != title).then(|| text.into_owned())
    };
    (mojibake || normalizes).then(|| {
        let settings = format!("{mojibake} {normalizes}");
        change(Operator::new("repair_title", settings, move |metadata| {
            changed(metadata, repaired).unwrap_or((Cow::Borrowed(metadata), None))
        }))
    })
}
