//! Functions that change the text of a row, or each text of its turns, and say how.

use super::change::{Changed, Operator};
use super::function::{Function, texts, udf};
use super::note::Note;
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use catena_corpus::{change_turns, join_turns};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// The struct of a changed row: its `text`, its `metadata` and a `note`, the last two where they
/// changed.
pub(super) static ROW_CHANGE: LazyLock<Fields> = LazyLock::new(|| {
    let field = |name: &str| Field::new(name, DataType::Utf8, true);
    ["text", "metadata", "note"].map(field).to_vec().into()
});

/// The types of a row's `text`, `metadata` and `turns`.
pub(super) fn arguments() -> Vec<DataType> {
    vec![DataType::Utf8, DataType::Utf8, DataType::Boolean]
}

/// A row after a change.
pub(super) struct ChangedRow<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) metadata: Option<String>,
    pub(super) note: Option<Note>,
}

/// Applies `change` to every row of the columns `text`, `metadata` and `turns`.
pub(super) fn change_rows(
    columns: &[ArrayRef],
    change: impl for<'t> Fn(&'t str, &str, bool) -> ChangedRow<'t>,
) -> Result<ArrayRef, CurateError> {
    let (texts, metadata, turns) =
        (texts(&columns[0])?, texts(&columns[1])?, columns[2].as_boolean());
    let mut changed = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
    let (mut rows, mut notes) = (StringBuilder::new(), StringBuilder::new());
    for row in 0..texts.len() {
        if texts.is_null(row) {
            changed.append_null();
            rows.append_null();
            notes.append_null();
            continue;
        }
        let done = change(texts.value(row), metadata.value(row), turns.value(row));
        changed.append_value(done.text);
        rows.append_option(done.metadata);
        notes.append_option(done.note.map(|note| note.to_string()));
    }
    let columns: Vec<ArrayRef> =
        vec![Arc::new(changed.finish()), Arc::new(rows.finish()), Arc::new(notes.finish())];
    Ok(Arc::new(StructArray::new(ROW_CHANGE.clone(), columns, texts.nulls().cloned())))
}

/// `name(text, metadata, turns)`.
#[derive(Debug)]
struct ChangeRow(Operator);

impl Function for ChangeRow {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn settings(&self) -> String {
        self.0.settings.clone()
    }

    fn arguments(&self) -> Vec<DataType> {
        arguments()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(ROW_CHANGE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        change_rows(columns, |text, metadata, has_turns| {
            if has_turns {
                return turns_changed(&self.0, metadata).unwrap_or(ChangedRow {
                    text: Cow::Borrowed(text),
                    metadata: None,
                    note: None,
                });
            }
            let (text, note) = self.0.apply(text);
            ChangedRow { text, metadata: None, note }
        })
    }
}

/// The row with each text of its turns changed; none if none changes.
fn turns_changed(operator: &Operator, row: &str) -> Option<ChangedRow<'static>> {
    let mut fields: Map<String, Value> = serde_json::from_str(row).ok()?;
    let mut all: Option<Note> = None;
    change_turns(&mut fields, |text| {
        let (changed, note): Changed<'_> = operator.apply(text);
        let note = note?;
        all.get_or_insert_default().add(note);
        Some(changed.into_owned())
    });
    let note = Some(all?);
    let text = Cow::Owned(join_turns(&fields).unwrap_or_default());
    let metadata = Some(serde_json::to_string(&fields).expect("JSON values become JSON"));
    Some(ChangedRow { text, metadata, note })
}

/// `name(text, metadata, turns)`: what `operator` makes of a row's text, or of each text of its
/// turns.
pub(crate) fn change_row(operator: Operator) -> Arc<ScalarUDF> {
    udf(ChangeRow(operator))
}
