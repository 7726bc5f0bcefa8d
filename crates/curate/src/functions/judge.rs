//! Rule sets over a profile.

use super::analyse::{measures_of, profile_type};
use super::function::{Function, udf};
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_schema::DataType;
use catena_corpus::{Families, RuleSet};
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
        let profile = columns[0].as_struct();
        let mut verdicts: Vec<Option<Verdict>> = vec![None; profile.len()];
        for set in &self.sets {
            for rule in &set.rules {
                let at = measures_of(self.families)
                    .iter()
                    .position(|measure| measure.name == rule.measure.name)
                    .expect("the profile is taken with the families that the sets need");
                let values: &Float64Array = profile.column(at).as_primitive::<Float64Type>();
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
                            expected: format!("{} must be {}", rule.measure.name, rule.bound),
                        });
                    }
                }
            }
        }
        let mut column = VerdictBuilder::new(verdicts.len());
        verdicts.iter().for_each(|verdict| column.push(verdict.as_ref()));
        Ok(column.finish())
    }
}

/// `judge(profile)` by `sets`, of a profile with the measures of `families`.
pub(crate) fn judge(sets: Vec<RuleSet>, families: Families) -> Arc<ScalarUDF> {
    udf(Judge { sets, families })
}
