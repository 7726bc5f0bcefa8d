//! Masking the texts of metadata.

use super::change::{CHANGE, Operator};
use super::function::{Function, texts, udf};
use super::note::Note;
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::DataType;
use catena_corpus::change_texts;
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::sync::Arc;

/// `mask_metadata(metadata, turns, id)`.
#[derive(Debug)]
struct MaskMetadata(Operator);

impl Function for MaskMetadata {
    fn name(&self) -> &'static str {
        "mask_metadata"
    }

    fn settings(&self) -> String {
        self.0.settings.clone()
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Utf8, DataType::Boolean, DataType::Utf8]
    }

    fn returns(&self) -> DataType {
        DataType::Struct(CHANGE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let (metadata, turns, ids) =
            (texts(&columns[0])?, columns[1].as_boolean(), texts(&columns[2])?);
        let mut changed = StringBuilder::with_capacity(metadata.len(), metadata.value_data().len());
        let mut notes = StringBuilder::new();
        for (row, fields) in metadata.iter().enumerate() {
            // The id of a row of turns stands among its fields, and what names it must find it.
            let id = turns.value(row).then(|| ids.value(row));
            let masked = fields.and_then(|fields| self.masked(fields, id));
            let (fields, note) = match &masked {
                Some((masked, note)) => (Some(masked.as_str()), Some(note.to_string())),
                None => (fields, None),
            };
            changed.append_option(fields);
            notes.append_option(note);
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(changed.finish()), Arc::new(notes.finish())];
        Ok(Arc::new(StructArray::new(CHANGE.clone(), columns, metadata.nulls().cloned())))
    }
}

impl MaskMetadata {
    /// The metadata with every text in it masked; none if nothing was found. `id` is that of a
    /// row of turns, of which the texts of the turns were masked before.
    fn masked(&self, metadata: &str, id: Option<&str>) -> Option<(String, Note)> {
        let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
        let mut all: Option<Note> = None;
        change_texts(&mut fields, |text, is_turn| {
            if id.is_some_and(|id| is_turn || id == text) {
                return None;
            }
            let (masked, note) = self.0.apply(text);
            let note = note?;
            all.get_or_insert_default().add(note);
            Some(masked.into_owned())
        });
        let note = all?;
        Some((serde_json::to_string(&fields).expect("JSON values become JSON"), note))
    }
}

/// `mask_metadata(metadata, turns, id)`: every text in the metadata of a row as `masking` leaves
/// it, but for those of turns and the id of a row of turns.
pub(crate) fn mask_metadata(masking: Operator) -> Arc<ScalarUDF> {
    udf(MaskMetadata(masking))
}
