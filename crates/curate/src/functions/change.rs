//! Functions that change a text and say how.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use datafusion::logical_expr::ScalarUDF;
use std::borrow::Cow;
use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, LazyLock};

/// A changed text, and what was done in a few words; none if nothing was.
pub(crate) type Changed<'t> = (Cow<'t, str>, Option<String>);

/// The struct of a changed text: `text`, and `note` where something changed.
pub(crate) static CHANGE: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("text", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
    ])
});

/// What changes one text.
type Operator = dyn for<'t> Fn(&'t str) -> Changed<'t> + Send + Sync;

/// A function that changes texts one by one.
struct Change {
    name: &'static str,
    settings: String,
    operator: Box<Operator>,
}

impl Debug for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.settings)
    }
}

impl Function for Change {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self) -> String {
        self.settings.clone()
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
            let (text, note) = (self.operator)(text);
            changed.append_value(text);
            notes.append_option(note);
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(changed.finish()), Arc::new(notes.finish())];
        Ok(Arc::new(StructArray::new(CHANGE.clone(), columns, texts.nulls().cloned())))
    }
}

/// The function `name` that changes texts by `operator`; `settings` tell it from its like.
pub(crate) fn change(
    name: &'static str,
    settings: String,
    operator: impl for<'t> Fn(&'t str) -> Changed<'t> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    udf(Change { name, settings, operator: Box::new(operator) })
}
