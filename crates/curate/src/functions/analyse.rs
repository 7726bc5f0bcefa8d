//! The profile of a text as a struct with one column per measure.

use super::function::{Function, texts, udf};
use super::pool::Pool;
use crate::error::CurateError;
use arrow_array::builder::Float64Builder;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use catena_corpus::{Analyser, Families, Measure, measures};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// `analyse(text)`.
#[derive(Debug)]
struct Analyse {
    families: Families,
    measures: Vec<&'static Measure>,
    analysers: Pool<Analyser>,
}

impl Function for Analyse {
    fn name(&self) -> &'static str {
        "analyse"
    }

    fn settings(&self) -> String {
        format!("{:?}", self.families)
    }

    fn returns(&self) -> DataType {
        DataType::Struct(fields(&self.measures))
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut values: Vec<Float64Builder> =
            self.measures.iter().map(|_| Float64Builder::with_capacity(texts.len())).collect();
        self.analysers.with(|analyser| -> Result<(), CurateError> {
            for text in texts {
                let profile = text.map(|text| analyser.analyse(text)).transpose()?;
                for (measure, column) in self.measures.iter().zip(&mut values) {
                    let value = profile.as_ref().and_then(|profile| measure.value(profile));
                    column.append_option(value);
                }
            }
            Ok(())
        })?;
        let columns = values.into_iter().map(|mut one| Arc::new(one.finish()) as ArrayRef);
        let fields = fields(&self.measures);
        Ok(Arc::new(StructArray::new(fields, columns.collect(), texts.nulls().cloned())))
    }
}

fn fields(measures: &[&'static Measure]) -> Fields {
    measures.iter().map(|one| Field::new(one.name, DataType::Float64, true)).collect()
}

/// The measures of `families` in the order of their columns.
pub(crate) fn measures_of(families: Families) -> Vec<&'static Measure> {
    measures().filter(|measure| families.contains(measure.family)).collect()
}

/// The type of the profile of `families`.
pub(crate) fn profile_type(families: Families) -> DataType {
    DataType::Struct(fields(&measures_of(families)))
}

/// `analyse(text)` with the measures of `families`.
pub(crate) fn analyse(families: Families) -> Arc<ScalarUDF> {
    udf(Analyse {
        families,
        measures: measures_of(families),
        analysers: Pool::new(move || Analyser::new(families)),
    })
}
