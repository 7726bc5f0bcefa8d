//! Why a document was dropped, as a struct.

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::{ArrayRef, StructArray};
use arrow_buffer::NullBufferBuilder;
use arrow_schema::{DataType, Field, Fields};
use std::sync::{Arc, LazyLock};

/// One reason to drop a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    /// The section of the plan that dropped it.
    pub(crate) step: &'static str,
    /// The rule, such as `gopher@datatrove/word_count`.
    pub(crate) rule: String,
    /// What was measured, if a number was.
    pub(crate) value: Option<f64>,
    /// What was allowed, or what was found, in words.
    pub(crate) expected: String,
}

/// Names of its columns.
pub(crate) const VERDICT_COLUMNS: [&str; 4] = ["step", "rule", "value", "expected"];

/// Its columns; the whole is null where a document stays.
pub(crate) static VERDICT: LazyLock<Fields> = LazyLock::new(|| {
    let types = [DataType::Utf8, DataType::Utf8, DataType::Float64, DataType::Utf8];
    let fields = VERDICT_COLUMNS.into_iter().zip(types);
    fields.map(|(name, kind)| Field::new(name, kind, true)).collect()
});

/// Gathers verdicts into a column.
pub(crate) struct VerdictBuilder {
    step: StringBuilder,
    rule: StringBuilder,
    value: Float64Builder,
    expected: StringBuilder,
    nulls: NullBufferBuilder,
}

impl VerdictBuilder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            step: StringBuilder::new(),
            rule: StringBuilder::new(),
            value: Float64Builder::with_capacity(capacity),
            expected: StringBuilder::new(),
            nulls: NullBufferBuilder::new(capacity),
        }
    }

    /// A document that is dropped for `verdict`, or stays.
    pub(crate) fn push(&mut self, verdict: Option<&Verdict>) {
        self.step.append_option(verdict.map(|one| one.step));
        self.rule.append_option(verdict.map(|one| one.rule.as_str()));
        self.value.append_option(verdict.and_then(|one| one.value));
        self.expected.append_option(verdict.map(|one| one.expected.as_str()));
        self.nulls.append(verdict.is_some());
    }

    pub(crate) fn finish(mut self) -> ArrayRef {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.step.finish()),
            Arc::new(self.rule.finish()),
            Arc::new(self.value.finish()),
            Arc::new(self.expected.finish()),
        ];
        Arc::new(StructArray::new(VERDICT.clone(), columns, self.nulls.finish()))
    }
}
