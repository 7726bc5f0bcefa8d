//! A cleaning plan as a plan of DataFusion: each operator adds columns.

use super::functions::PlanFunctions;
use crate::documents::schema::{
    AUDIT, FORMAT, GROUP, ID, KEY, LABEL, METADATA, PLACE, SHAPE, SOURCE, TEXT, TURNS, VERDICT,
};
use crate::error::CurateError;
use crate::functions::{VERDICT as VERDICT_FIELDS, language_type};
use arrow_schema::DataType;
use datafusion::functions::core::expr_ext::FieldAccessor;
use datafusion::functions::string::expr_fn::octet_length;
use datafusion::logical_expr::{Expr, ScalarUDF, cast, col, lit, when};
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The column of what [`sample`](crate::functions::sample) tells.
const SAMPLE: &str = "sample";

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
        chain.change_metadata(note, function.call(vec![col(&chain.metadata)]))?;
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
    if let Some(count) = &functions.count_tokens {
        chain.add("tokens", count.call(vec![chain.text()]))?;
    }
    for judge in &functions.judges {
        let column = |name: &&str| if *name == TEXT { chain.text() } else { col(*name) };
        let arguments = judge.columns.iter().map(column).collect();
        chain.judge(judge.function.call(arguments))?;
    }
    // What divides documents is what they said before they were masked.
    for (name, field) in [(GROUP, &functions.group), (LABEL, &functions.label)] {
        let value = match field {
            Some(field) => field.call(vec![col(&chain.metadata)]),
            None => lit(ScalarValue::Utf8(None)),
        };
        chain.hide(name, value)?;
    }
    let stays = col(&chain.verdict).is_null();
    let mut unmasked = None;
    for (note, function) in &functions.changes_of_kept {
        if *note == "masked" {
            unmasked = Some([chain.text(), col(&chain.metadata)]);
        }
        chain.change(note, function, Some(stays.clone()))?;
    }
    if let Some(mask) = &functions.mask_metadata {
        let masked = mask.call(vec![col(&chain.metadata), col(TURNS), col(ID)]);
        chain.change_metadata("masked_metadata", when(stays, masked).end()?)?;
    }
    if let Some((audit, [text, metadata])) = functions.audit.as_ref().zip(unmasked) {
        let notes = ["masked", "masked_metadata"].into_iter();
        let notes = notes.take(1 + usize::from(functions.mask_metadata.is_some()));
        let masked = notes.map(|note| col(note).is_not_null()).reduce(Expr::or);
        let masked = masked.expect("a text is masked wherever there is an audit");
        let found = audit.call(vec![text, metadata, col(TURNS), col(ID)]);
        chain.add(AUDIT, when(masked, found).end()?)?;
    }
    chain.add("bytes", cast(octet_length(chain.text()), DataType::UInt64))?;
    chain.hide(SAMPLE, functions.sample.call(chain.row()))?;
    chain.add(KEY, col(SAMPLE).field("key"))?;
    chain.hide(SHAPE, col(SAMPLE).field("shape"))?;
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

    /// The columns that functions of whole rows look at.
    fn row(&self) -> Vec<Expr> {
        vec![self.text(), col(&self.metadata), col(TURNS)]
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

    /// Changes the text, and the turns that it joins, where `condition` holds; what was done goes
    /// to the column `note`.
    fn change(
        &mut self,
        note: &str,
        function: &Arc<ScalarUDF>,
        condition: Option<Expr>,
    ) -> Result<(), CurateError> {
        let changed = function.call(self.row());
        let changed = match condition {
            None => changed,
            Some(condition) => when(condition, changed).end()?,
        };
        let change = format!("change_{note}");
        self.hide(&change, changed)?;
        let (text, metadata) = (format!("text_{note}"), format!("metadata_{note}"));
        self.hide(&text, changed_or(&change, "text", self.text())?)?;
        self.hide(&metadata, changed_or(&change, "metadata", col(&self.metadata))?)?;
        self.add(note, col(&change).field("note"))?;
        (self.text, self.metadata) = (text, metadata);
        Ok(())
    }

    /// Changes the metadata as `changed` says; what was done goes to the column `note`.
    fn change_metadata(&mut self, note: &str, changed: Expr) -> Result<(), CurateError> {
        let change = format!("change_{note}");
        self.hide(&change, changed)?;
        let metadata = format!("metadata_{note}");
        self.hide(&metadata, changed_or(&change, "text", col(&self.metadata))?)?;
        self.add(note, col(&change).field("note"))?;
        self.metadata = metadata;
        Ok(())
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
        let mut columns: Vec<Expr> =
            [ID, SOURCE, PLACE, TURNS, GROUP, LABEL, SHAPE].map(col).to_vec();
        columns.extend(self.kept.iter().map(col));
        columns.push(col(&self.verdict).alias(VERDICT));
        columns.push(col(&self.metadata).alias(METADATA));
        columns.push(col(&self.text).alias(TEXT));
        Ok(self.frame.select(columns)?)
    }
}

/// A field of the column `change` where there was one, else what was `before`.
fn changed_or(change: &str, field: &str, before: Expr) -> Result<Expr, CurateError> {
    let new = col(change).field(field);
    Ok(when(new.clone().is_null(), before).otherwise(new)?)
}
