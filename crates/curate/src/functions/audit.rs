//! What a document holds of personal data, for review.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use catena_corpus::{PiiAudit, PiiRule, change_texts};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Matches of each kind that are kept for review.
const SAMPLES: usize = 5;

/// An audit that has seen nothing.
pub(crate) fn empty_audit() -> PiiAudit {
    PiiAudit::new(SAMPLES)
}

/// `audit_pii(text, metadata, turns, id)`.
#[derive(Debug)]
struct AuditPii {
    kinds: Vec<PiiRule>,
    metadata: bool,
}

impl Function for AuditPii {
    fn name(&self) -> &'static str {
        "audit_pii"
    }

    fn settings(&self) -> String {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        format!("{} {}", self.metadata, kinds.join(" "))
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Utf8, DataType::Utf8, DataType::Boolean, DataType::Utf8]
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let (rows, metadata, turns, ids) = (
            texts(&columns[0])?,
            texts(&columns[1])?,
            columns[2].as_boolean(),
            texts(&columns[3])?,
        );
        let audit = |row: usize| {
            let id = turns.value(row).then(|| ids.value(row));
            let mut audit = empty_audit();
            let texts = self.texts_of(rows.value(row), metadata.value(row), id);
            audit.add_document(&texts, &self.kinds);
            serde_json::to_string(&audit).expect("an audit is plain data")
        };
        let audits = (0..rows.len()).map(|row| rows.is_valid(row).then(|| audit(row)));
        Ok(Arc::new(audits.collect::<StringArray>()))
    }
}

impl AuditPii {
    /// All texts of a document that are masked: its text, or each of its turns by itself, and those
    /// of its metadata. `id` is that of a row of turns, which stands among its fields and stays.
    fn texts_of(&self, text: &str, metadata: &str, id: Option<&str>) -> Vec<String> {
        let mut texts = Vec::new();
        if id.is_none() {
            texts.push(text.to_owned());
            if !self.metadata {
                return texts;
            }
        }
        let mut fields: Map<String, Value> = serde_json::from_str(metadata).unwrap_or_default();
        change_texts(&mut fields, |text, is_turn| {
            let is_masked = id.is_none_or(|id| is_turn || (self.metadata && text != id));
            if is_masked {
                texts.push(text.to_owned());
            }
            None
        });
        texts
    }
}

/// `audit_pii(text, metadata, turns, id)`: the audit of one document as JSON, with the texts of its
/// metadata where these are masked too.
pub(crate) fn audit_pii(kinds: Vec<PiiRule>, metadata: bool) -> Arc<ScalarUDF> {
    udf(AuditPii { kinds, metadata })
}
