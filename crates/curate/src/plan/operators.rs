//! A cleaning plan as a plan of DataFusion: each operator adds columns.

use super::functions::PlanFunctions;
use crate::documents::schema::{FORMAT, ID, KEY, METADATA, PLACE, SOURCE, TEXT, VERDICT};
use crate::error::CurateError;
use crate::functions::{VERDICT as VERDICT_FIELDS, language_type};
use arrow_schema::DataType;
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::functions::string::expr_fn::octet_length;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit, when};
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The plan that reads, repairs and judges `documents`.
///
/// No operator replaces a column: a text that was changed is a new one, so that every expression
/// means the same wherever the engine moves it. The last projection keeps what is written.
pub(crate) fn build(
    documents: DataFrame,
    functions: &PlanFunctions,
) -> Result<DataFrame, CurateError> {
    let mut chain = Chain::new(documents)?;
    for (note, function) in &functions.repairs {
        chain.change(note, function, None)?;
    }
    if let Some(extract) = &functions.extract {
        chain.change("extracted", extract, Some(col(FORMAT).eq(lit("html"))))?;
    }
    for (note, function) in &functions.after_extraction {
        chain.change(note, function, None)?;
    }
    for (note, function) in &functions.titles {
        chain.change_metadata(note, function, None)?;
    }
    chain.add(
        "language",
        match &functions.language {
            Some(language) => language.call(vec![chain.text()]),
            None => lit(ScalarValue::try_from(&language_type())?),
        },
    )?;
    if let Some(analyse) = &functions.analyse {
        chain.add("profile", analyse.call(vec![chain.text()]))?;
    }
    for judge in &functions.judges {
        let column = |name: &&str| if *name == TEXT { chain.text() } else { col(*name) };
        let arguments = judge.columns.iter().map(column).collect();
        chain.judge(judge.function.call(arguments))?;
    }
    let stays = col(&chain.verdict).is_null();
    for (note, function) in &functions.changes_of_kept {
        chain.change(note, function, Some(stays.clone()))?;
    }
    for (note, function) in &functions.titles_of_kept {
        chain.change_metadata(note, function, Some(stays.clone()))?;
    }
    chain.add("bytes", cast(octet_length(chain.text()), DataType::UInt64))?;
    chain.add(KEY, functions.key.call(vec![chain.text()]))?;
    chain.finish()
}

/// A plan that grows, and the names of its latest text, metadata and verdict.
struct Chain {
    frame: DataFrame,
    text: String,
    metadata: String,
    verdict: String,
    num_verdicts: usize,
    /// Columns that are written, beside those of every document.
    kept: Vec<String>,
}

impl Chain {
    fn new(documents: DataFrame) -> Result<Self, CurateError> {
        let none = ScalarValue::try_from(&DataType::Struct(VERDICT_FIELDS.clone()))?;
        let frame = documents
            .with_column("bytes_read", cast(octet_length(col(TEXT)), DataType::UInt64))?
            .with_column("verdict_0", lit(none))?;
        Ok(Self {
            frame,
            text: TEXT.to_owned(),
            metadata: METADATA.to_owned(),
            verdict: "verdict_0".to_owned(),
            num_verdicts: 0,
            kept: vec!["bytes_read".to_owned()],
        })
    }

    fn text(&self) -> Expr {
        col(&self.text)
    }

    /// Adds a column that is written.
    fn add(&mut self, name: &str, value: Expr) -> Result<(), CurateError> {
        self.hide(name, value)?;
        self.kept.push(name.to_owned());
        Ok(())
    }

    /// Adds a column that only later ones look at.
    fn hide(&mut self, name: &str, value: Expr) -> Result<(), CurateError> {
        self.frame = self.frame.clone().with_column(name, value)?;
        Ok(())
    }

    /// Changes the text where `condition` holds; what was done goes to the column `note`.
    fn change(
        &mut self,
        note: &str,
        function: &Arc<ScalarUDF>,
        condition: Option<Expr>,
    ) -> Result<(), CurateError> {
        self.text = self.changed(self.text.clone(), note, function, condition)?;
        Ok(())
    }

    /// The same of the metadata.
    fn change_metadata(
        &mut self,
        note: &str,
        function: &Arc<ScalarUDF>,
        condition: Option<Expr>,
    ) -> Result<(), CurateError> {
        self.metadata = self.changed(self.metadata.clone(), note, function, condition)?;
        Ok(())
    }

    /// The column that has what `function` makes of the column `before`.
    fn changed(
        &mut self,
        before: String,
        note: &str,
        function: &Arc<ScalarUDF>,
        condition: Option<Expr>,
    ) -> Result<String, CurateError> {
        let changed = function.call(vec![col(&before)]);
        let changed = match condition {
            None => changed,
            Some(condition) => when(condition, changed).end()?,
        };
        let (change, after) = (format!("change_{note}"), format!("after_{note}"));
        self.hide(&change, changed)?;
        let new = col(&change).field("text");
        let new = when(new.clone().is_null(), col(before)).otherwise(new)?;
        self.hide(&after, new)?;
        self.add(note, col(&change).field("note"))?;
        Ok(after)
    }

    /// Drops what is not dropped yet and for which `judge` finds a reason.
    fn judge(&mut self, judge: Expr) -> Result<(), CurateError> {
        let before = col(&self.verdict);
        let verdict = when(before.clone().is_not_null(), before).otherwise(judge)?;
        self.num_verdicts += 1;
        let name = format!("verdict_{}", self.num_verdicts);
        self.hide(&name, verdict)?;
        self.verdict = name;
        Ok(())
    }

    fn finish(self) -> Result<DataFrame, CurateError> {
        let mut columns: Vec<Expr> = [ID, SOURCE, PLACE].map(col).to_vec();
        columns.push(col(&self.metadata).alias(METADATA));
        columns.extend(self.kept.iter().map(col));
        columns.push(col(&self.verdict).alias(VERDICT));
        columns.push(col(&self.text).alias(TEXT));
        Ok(self.frame.select(columns)?)
    }
}
