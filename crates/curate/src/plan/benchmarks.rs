//! Evaluation sets that documents must not hold.

use super::settings::DecontaminateSettings;
use crate::error::CurateError;
use crate::functions::{Pool, Verdict, keep};
use catena_corpus::{
    BadReason, BadRow, DecontaminationOptions, Decontaminator, ReadOptions, Row, plan_shards,
};
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// `decontaminate(text)` against the sets that the plan names, opened as `base` says.
pub(crate) fn decontaminate(
    settings: &DecontaminateSettings,
    base: &ReadOptions,
) -> Result<Arc<ScalarUDF>, CurateError> {
    let items = Arc::new(read(settings, base)?);
    let mut options = DecontaminationOptions::gpt3();
    options.ngram = settings.ngram;
    options.shortest = options.shortest.min(settings.ngram);
    let pairs = |items: &[(String, String)], options: &DecontaminationOptions| {
        let pairs = items.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        Decontaminator::build(pairs, options)
    };
    // Built once here for its errors; each thread builds its own from the same items.
    pairs(&items, &options)?;
    let pool =
        Pool::new(move || pairs(&items, &options).expect("the same items were accepted before"));
    let name = format!("{} {}", settings.ngram, settings.against.join(" "));
    Ok(keep("decontaminate", name, move |text| {
        let found = pool.with(|one| one.check(text));
        Ok(found.map(|found| Verdict {
            step: "decontaminate",
            rule: found.benchmark,
            value: Some(found.matches as f64),
            expected: format!("no run of item {}, found `{}`", found.item, found.ngram),
        }))
    }))
}

/// Name and text of every item. A row without a column of text counts with all its texts.
///
/// # Errors
/// [`CurateError::Benchmark`]: what is passed over here would stay in the data unseen.
fn read(
    settings: &DecontaminateSettings,
    base: &ReadOptions,
) -> Result<Vec<(String, String)>, CurateError> {
    let options = ReadOptions {
        text_column: settings.text.clone(),
        opener: Arc::clone(&base.opener),
        ..ReadOptions::default()
    };
    let mut items = Vec::new();
    for path in &settings.against {
        for shard in plan_shards(std::slice::from_ref(path), &options)? {
            for row in shard.open(&options)? {
                match row? {
                    Row::Document(document) => items.push((path.clone(), document.text)),
                    // Nothing cannot be copied.
                    Row::Bad(BadRow { reason: BadReason::Empty, .. }) => {}
                    Row::Bad(BadRow { place, reason, .. }) => {
                        return Err(CurateError::Benchmark { place, reason });
                    }
                }
            }
        }
    }
    Ok(items)
}
