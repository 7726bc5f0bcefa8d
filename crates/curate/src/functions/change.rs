//! Functions that change a text and say how.

use super::function::{Function, texts, udf};
use super::note::Note;
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use datafusion::logical_expr::ScalarUDF;
use std::borrow::Cow;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, LazyLock};

/// A changed text, and what was done; none if nothing was.
pub(crate) type Changed<'t> = (Cow<'t, str>, Option<Note>);

/// The struct of a changed text: `text`, and `note` where something changed.
pub(super) static CHANGE: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("text", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
    ])
});

/// What changes one text.
type Work = dyn for<'t> Fn(&'t str) -> Changed<'t> + Send + Sync;

/// What changes texts one by one, in whatever columns they stand.
#[derive(Clone)]
pub(crate) struct Operator {
    /// Its name in queries.
    pub(super) name: &'static str,
    /// What tells it from its like.
    pub(super) settings: String,
    work: Arc<Work>,
}

impl Operator {
    /// The operator `name` that does `work`; `settings` tell it from its like.
    pub(crate) fn new(
        name: &'static str,
        settings: String,
        work: impl for<'t> Fn(&'t str) -> Changed<'t> + Send + Sync + 'static,
    ) -> Self {
        Self { name, settings, work: Arc::new(work) }
    }

    /// What becomes of `text`.
    pub(crate) fn apply<'t>(&self, text: &'t str) -> Changed<'t> {
        (self.work)(text)
    }
}

impl Debug for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.settings)
    }
}

/// `name(text)`.
#[derive(Debug)]
struct Change(Operator);

impl Function for Change {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn settings(&self) -> String {
        self.0.settings.clone()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(CHANGE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut changed = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        let mut notes = StringBuilder::new();
        for text in texts {
            let Some(text) = text else {
                changed.append_null();
                notes.append_null();
                continue;
            };
            let (text, note) = self.0.apply(text);
            changed.append_value(text);
            notes.append_option(note.map(|note| note.to_string()));
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(changed.finish()), Arc::new(notes.finish())];
        Ok(Arc::new(StructArray::new(CHANGE.clone(), columns, texts.nulls().cloned())))
    }
}

/// `name(text)`: the text that `operator` makes of a text.
pub(crate) fn change(operator: Operator) -> Arc<ScalarUDF> {
    udf(Change(operator))
}
