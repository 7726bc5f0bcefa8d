//! What a text holds of personal data, for review.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::{ArrayRef, StringArray};
use arrow_schema::DataType;
use catena_corpus::{PiiAudit, PiiRule, find_pii};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// Matches of each kind that are kept for review.
const SAMPLES: usize = 5;

/// An audit that has seen nothing.
pub(crate) fn empty_audit() -> PiiAudit {
    PiiAudit::new(SAMPLES)
}

#[derive(Debug)]
struct AuditPii {
    kinds: Vec<PiiRule>,
}

impl Function for AuditPii {
    fn name(&self) -> &'static str {
        "audit_pii"
    }

    fn settings(&self) -> String {
        self.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ")
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let audit = |text: &str| {
            let mut audit = empty_audit();
            audit.add(text, &find_pii(text, &self.kinds));
            serde_json::to_string(&audit).expect("an audit is plain data")
        };
        let audits = texts(&columns[0])?.iter().map(|text| text.map(audit));
        Ok(Arc::new(audits.collect::<StringArray>()))
    }
}

/// `audit_pii(text)`: the audit of one text as JSON.
pub(crate) fn audit_pii(kinds: Vec<PiiRule>) -> Arc<ScalarUDF> {
    udf(AuditPii { kinds })
}
