//! Rule sets over a profile.

use super::analyse::profile_type;
use super::function::{Function, udf};
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, StructArray};
use arrow_schema::DataType;
use catena_corpus::{CorpusError, Families, RuleSet};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// `judge(profile)`: the first rule of the first set that a text breaks.
#[derive(Debug)]
struct Judge {
    sets: Vec<RuleSet>,
    families: Families,
}

impl Function for Judge {
    fn name(&self) -> &'static str {
        "judge"
    }

    fn settings(&self) -> String {
        let rule = |set: &RuleSet| {
            let rules: Vec<String> =
                set.rules.iter().map(|rule| format!("{}: {}", rule.name, rule.bound)).collect();
            format!("{} {} {}", set.name, set.version, rules.join(", "))
        };
        self.sets.iter().map(rule).collect::<Vec<_>>().join("; ")
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![profile_type(self.families)]
    }

    fn returns(&self) -> DataType {
        DataType::Struct(VERDICT.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let verdicts = first_broken(&self.sets, columns[0].as_struct())?;
        let mut column = VerdictBuilder::new(verdicts.len());
        for verdict in &verdicts {
            column.push(verdict.as_ref());
        }
        Ok(column.finish())
    }
}

/// For each profile the first rule of the first set that it breaks.
///
/// # Errors
/// [`CorpusError::NotMeasured`] for a measure that the profiles do not have.
pub(crate) fn first_broken(
    sets: &[RuleSet],
    profiles: &StructArray,
) -> Result<Vec<Option<Verdict>>, CurateError> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; profiles.len()];
    for set in sets {
        for rule in &set.rules {
            let measure = rule.measure.name;
            let values = profiles
                .column_by_name(measure)
                .ok_or(CorpusError::NotMeasured { set: set.name, measure })?;
            let values: &Float64Array = values.as_primitive::<Float64Type>();
            for (row, verdict) in verdicts.iter_mut().enumerate() {
                if verdict.is_some() || values.is_null(row) {
                    continue;
                }
                let value = values.value(row);
                if !rule.bound.holds(value) {
                    *verdict = Some(Verdict {
                        step: "rules",
                        rule: format!("{}/{}", set.name, rule.name),
                        value: Some(value),
                        expected: format!("{measure} must be {}", rule.bound),
                    });
                }
            }
        }
    }
    Ok(verdicts)
}

/// `judge(profile)` by `sets`, of a profile with the measures of `families`.
pub(crate) fn judge(sets: Vec<RuleSet>, families: Families) -> Arc<ScalarUDF> {
    udf(Judge { sets, families })
}
