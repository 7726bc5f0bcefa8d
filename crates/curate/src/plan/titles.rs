//! The titles of documents, which stand in their metadata and are text like the rest: what is
//! repaired and masked in one is so in the other.

use super::functions::noted;
use super::settings::RepairSettings;
use crate::functions::{Changed, change};
use catena_corpus::{RepairOptions, normalize, repair};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::Arc;

/// The field of the metadata.
const TITLE: &str = "title";

/// The function `name` that changes titles by `operator`; its column is the metadata.
pub(super) fn change_titles(
    name: &'static str,
    settings: String,
    operator: impl for<'t> Fn(&'t str) -> Changed<'t> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    change(name, settings, move |metadata| {
        changed(metadata, &operator).unwrap_or((Cow::Borrowed(metadata), None))
    })
}

/// The metadata with another title and the note about it; none if it stays.
fn changed<'t>(
    metadata: &str,
    operator: &impl for<'a> Fn(&'a str) -> Changed<'a>,
) -> Option<Changed<'t>> {
    // Most documents have none, and their metadata need not be read.
    if !metadata.contains("\"title\"") {
        return None;
    }
    let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
    let title = fields.get(TITLE)?.as_str()?.to_owned();
    let (title, Some(note)) = operator(&title) else { return None };
    fields.insert(TITLE.to_owned(), title.into());
    let metadata = serde_json::to_string(&fields).expect("JSON values become JSON");
    Some((Cow::Owned(metadata), Some(note)))
}

/// What the plan repairs in texts, done to titles, which are one line; none if it repairs nothing.
pub(super) fn repair_titles(settings: &RepairSettings) -> Option<Arc<ScalarUDF>> {
    let RepairSettings { mojibake, normalize: normalizes, .. } = *settings;
    (mojibake || normalizes).then(|| {
        change_titles("repair_title", format!("{mojibake} {normalizes}"), move |title| {
            let mut text = Cow::Borrowed(title);
            if mojibake {
                text = Cow::Owned(repair(title, &RepairOptions::default()).text.into_owned());
            }
            if normalizes {
                text = Cow::Owned(normalize(&text).replace(['\n', '\t'], " "));
            }
            noted(title, text, || "characters and spaces".to_owned())
        })
    })
}
