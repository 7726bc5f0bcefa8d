//! The first half of a run: every document is read, repaired and judged, part by part.

use super::part_files::PartWriter;
use super::threads::for_each;
use super::work::Work;
use crate::documents::{Aside, PartStream, table};
use crate::error::CurateError;
use crate::plan::{PlanFunctions, build, mask_sample};
use crate::session::plan_session;
use catena_corpus::{BadRow, ReadOptions};
use catena_protocol::{Cancel, Progress};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use futures_util::StreamExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// How work is done, beside what is done.
pub(crate) struct Means<'a> {
    pub(crate) threads: usize,
    pub(crate) runtime: &'a Runtime,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) cancel: &'a Cancel,
}

/// Reads and judges the parts that are not done yet.
pub(crate) fn judge(
    work: &Work,
    functions: &PlanFunctions,
    options: &ReadOptions,
    means: &Means<'_>,
) -> Result<(), CurateError> {
    let left: Vec<_> =
        work.parts.iter().filter(|part| !work.files(part).are_done()).cloned().collect();
    if left.is_empty() {
        return Ok(());
    }
    let bad: Vec<Arc<Mutex<Vec<BadRow>>>> = left.iter().map(|_| Arc::default()).collect();
    let streams = left.iter().zip(&bad).map(|(part, bad)| PartStream {
        part: part.clone(),
        options: options.clone(),
        aside: Aside::Kept(Arc::clone(bad)),
        cancel: means.cancel.clone(),
        cuts_lines: functions.cuts_lines,
    });
    let session = plan_session(&work.folder.join(".work"))?;
    let documents = session.read_table(table(streams.collect())?)?;
    let plan = means.runtime.block_on(build(documents, functions)?.create_physical_plan())?;

    let total = left.iter().map(super::super::documents::Part::bytes).sum();
    means.progress.begin("reading and judging documents", Some(total), "bytes");
    let done = AtomicU64::new(0);
    let outcome = for_each(left.len(), means.threads, |index| {
        let writer = PartWriter::new(work.files(&left[index]));
        let run = Partition { plan: &plan, session: &session, index, writer };
        let bytes = run.run(means, &done)?;
        let schema = plan.schema();
        let mut rows = bad[index].lock().expect("no holder of the lock panics");
        if let Some(masking) = &functions.masking {
            for row in rows.iter_mut() {
                mask_sample(masking, row);
            }
        }
        bytes.finish(&schema, &rows)?;
        Ok(())
    });
    means.progress.end();
    outcome
}

/// One part on its way through the plan.
struct Partition<'a> {
    plan: &'a Arc<dyn ExecutionPlan>,
    session: &'a SessionContext,
    index: usize,
    writer: PartWriter,
}

impl Partition<'_> {
    fn run(mut self, means: &Means<'_>, done: &AtomicU64) -> Result<PartWriter, CurateError> {
        let context = self.session.task_ctx();
        means.runtime.block_on(async {
            let mut batches = self.plan.execute(self.index, context)?;
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                self.writer.write(&batch)?;
                let bytes = bytes_read(&batch);
                let all = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
                means.progress.update(all);
            }
            Ok::<(), CurateError>(())
        })?;
        Ok(self.writer)
    }
}

/// Bytes of text that a batch was made of.
fn bytes_read(batch: &arrow_array::RecordBatch) -> u64 {
    let column = batch
        .column_by_name("bytes_read")
        .and_then(|column| column.as_any().downcast_ref::<arrow_array::UInt64Array>());
    column.map_or(0, |column| column.iter().flatten().sum())
}
