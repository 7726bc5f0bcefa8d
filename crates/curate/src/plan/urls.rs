//! Lists of addresses.

use super::settings::UrlSettings;
use crate::error::CurateError;
use crate::functions::{Verdict, keep};
use camino::Utf8Path;
use catena_corpus::{UrlFilter, UrlLists};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::fs;
use std::sync::Arc;

/// `keep_urls(metadata)` by the lists that the plan names; none if it names none. What has no
/// address stays.
///
/// # Errors
/// Lists that cannot be read.
pub(super) fn keep_urls(settings: &UrlSettings) -> Result<Option<Arc<ScalarUDF>>, CurateError> {
    if settings.lists().iter().all(|(_, files)| files.is_empty()) {
        return Ok(None);
    }
    let mut filter = UrlFilter::new();
    filter.add(UrlLists {
        domains: &read(&settings.domains)?,
        subwords: &read(&settings.subwords)?,
        words: &read(&settings.words)?,
        soft_words: &read(&settings.soft_words)?,
    });
    let field = settings.field.clone();
    Ok(Some(keep("keep_urls", format!("{settings:?}"), move |metadata| {
        let found = address(metadata, &field).and_then(|url| filter.judge(&url));
        Ok(found.map(|reason| Verdict {
            step: "urls",
            rule: reason.rule().to_owned(),
            value: None,
            expected: reason.to_string(),
        }))
    })))
}

/// The lines of all files.
fn read(files: &[String]) -> Result<String, CurateError> {
    let mut lists = String::new();
    for path in files.iter().map(Utf8Path::new) {
        lists += &fs::read_to_string(path).map_err(CurateError::io("read", path))?;
        lists.push('\n');
    }
    Ok(lists)
}

/// The text of the field, if there is one.
fn address(metadata: &str, field: &str) -> Option<String> {
    let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
    match fields.remove(field)? {
        Value::String(url) => Some(url),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}
