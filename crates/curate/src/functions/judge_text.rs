//! Rule sets over texts, by name.

use super::function::{Function, texts, udf};
use super::pool::Pool;
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use catena_corpus::{Analyser, RuleSet, rule_set};
use datafusion::logical_expr::ScalarUDF;
use std::collections::HashMap;
use std::sync::Arc;

/// A rule set with the analyser of what it looks at.
type Judge = (RuleSet, Analyser);

/// `judge(set, text)`: the first rule of the set that the text breaks; null if it breaks none.
#[derive(Debug)]
struct JudgeText {
    judges: Pool<HashMap<String, Judge>>,
}

impl Function for JudgeText {
    fn name(&self) -> &'static str {
        "judge"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Utf8, DataType::Utf8]
    }

    fn returns(&self) -> DataType {
        DataType::Struct(VERDICT.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let (sets, texts) = (texts(&columns[0])?, texts(&columns[1])?);
        let mut verdicts = VerdictBuilder::new(texts.len());
        self.judges.with(|judges| -> Result<(), CurateError> {
            for (set, text) in sets.iter().zip(texts) {
                let verdict = match (set, text) {
                    (Some(set), Some(text)) => verdict(find(judges, set)?, text)?,
                    _ => None,
                };
                verdicts.push(verdict.as_ref());
            }
            Ok(())
        })?;
        Ok(verdicts.finish())
    }
}

fn find<'j>(
    judges: &'j mut HashMap<String, Judge>,
    name: &str,
) -> Result<&'j mut Judge, CurateError> {
    if !judges.contains_key(name) {
        let set = rule_set(name)?;
        let analyser = Analyser::new(set.families());
        judges.insert(name.to_owned(), (set, analyser));
    }
    Ok(judges.get_mut(name).expect("it was just made"))
}

fn verdict((set, analyser): &mut Judge, text: &str) -> Result<Option<Verdict>, CurateError> {
    let profile = analyser.analyse(text)?;
    let broken = set.judge(&profile)?;
    Ok(broken.map(|broken| Verdict {
        step: "rules",
        rule: format!("{}/{}", set.name, broken.rule),
        value: Some(broken.value),
        expected: format!("{} must be {}", broken.measure, broken.bound),
    }))
}

/// `judge(set, text)`.
pub(crate) fn judge_text() -> Arc<ScalarUDF> {
    udf(JudgeText { judges: Pool::new(HashMap::new) })
}
