//! What a function does to a text is done once, however many columns come of it.

use super::*;
use crate::documents::{Aside, Part, PartStream, table};
use crate::functions::{Note, Operator, change_row};
use crate::plan::{PlanFunctions, build};
use crate::session::plan_session;
use catena_corpus::plan_shards;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::runtime::Runtime;

#[test]
fn every_function_is_called_once_for_each_text() {
    let (_guard, dir) = folder();
    let rows: Vec<_> = (0..7)
        .map(|at| serde_json::json!({"text": format!("{STORY} {at}"), "title": "A title"}))
        .collect();
    let (inputs, options) = (file(&dir, &rows), ReadOptions::default());
    let calls: [Arc<AtomicU64>; 3] = Default::default();
    let counting = |at: usize| {
        let calls = Arc::clone(&calls[at]);
        change_row(Operator::new("count", at.to_string(), move |text| {
            calls.fetch_add(1, Ordering::SeqCst);
            (Cow::Owned(format!("{text}.")), Some(Note::of(["one point more"])))
        }))
    };
    let mut functions = PlanFunctions::new(&CleaningPlan::default(), &options).unwrap();
    functions.repairs = vec![("repaired", counting(0))];
    functions.after_extraction = vec![("normalized", counting(1))];
    functions.changes_of_kept = vec![("lines_edited", counting(2))];
    (functions.audit, functions.mask_metadata) = (None, None);

    let parts = Part::gather(plan_shards(&inputs, &options).unwrap());
    let stream = |part| PartStream {
        part,
        options: options.clone(),
        aside: Aside::Kept(Arc::default()),
        cancel: Cancel::new(),
        cuts_lines: None,
    };
    let session = plan_session(&dir).unwrap();
    let documents = session.read_table(table(parts.into_iter().map(stream).collect()).unwrap());
    let plan = build(documents.unwrap(), &functions).unwrap();
    let batches = Runtime::new().unwrap().block_on(plan.collect()).unwrap();
    assert_eq!(batches.iter().map(arrow_array::RecordBatch::num_rows).sum::<usize>(), 7);
    assert!(column(&batches[0], "text").value(3).ends_with(" 3..."));
    assert_eq!(calls.map(|calls| calls.load(Ordering::SeqCst)), [7; 3]);
}
