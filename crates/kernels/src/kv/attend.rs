//! [`KvCache::attend`]: cutting attention into tasks and dealing them to the threads.

use std::f32::consts::LOG2_E;
use std::sync::PoisonError;

use super::cache::{BLOCK_TOKENS, KvCache, KvShape, SeqSpan};
use super::params::AttendParams;
use super::planes::{AnyPlanes, Element, Planes};
use super::scalar;
use super::segment::SegmentOps;
use super::task::{State, Task, View, Workspace, push_tasks};
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, Pool, level};

/// With fewer tasks per thread than this, long key ranges are dealt segment by segment.
const FEW_TASKS: usize = 4;
/// Unless there are more segments than this, whose states would need too much memory (26 MB at a
/// head dimension of 64).
const MAX_SEGMENTS: usize = 1 << 12;

/// Memory of [`KvCache::attend`], kept between calls.
#[derive(Default)]
pub(super) struct AttendScratch {
    tasks: Vec<Task>,
    /// One workspace per thread.
    workspaces: AlignedBuf<f32>,
    /// When segments are dealt: the first of each task's, and their states.
    first_segment: Vec<usize>,
    segments: AlignedBuf<f32>,
}

/// The arguments of one call.
struct Call<'a, E: Element> {
    cache: &'a KvCache,
    planes: &'a Planes<E>,
    /// None: the scalar formula.
    ops: Option<SegmentOps<E>>,
    layer: usize,
    seqs: &'a [SeqSpan<'a>],
    q: &'a [f32],
    ldq: usize,
    num_heads: usize,
    params: &'a AttendParams,
    out_thd: SharedMut<'a, f32>,
}

impl KvCache {
    /// Causal attention of the rows over all cached positions up to their own.
    ///
    /// `out = softmax(scale q K^T) V`, where query head `h` uses key/value head
    /// `h / (num_heads / g)`; with a window over the last positions only, with a cap on the scores
    /// as [`AttendParams`] says. The rows' own keys and values must have been written before.
    ///
    /// # Shapes
    /// Row `i` of the batch is `q[i * ldq..][..num_heads * d]`, already rotated; `out_thd` is
    /// `[t, h, d]`. Rows that belong to no sequence keep what they have. Products and sums are f32.
    /// Blocks of positions that no row sees any more are not read.
    ///
    /// # Panics
    /// If there is no such layer, `num_heads` is not a multiple of the key/value heads, a slice is
    /// too short, a table is too short or names a block that does not exist, or the sequences'
    /// rows do not follow each other.
    ///
    /// # Source
    /// Milakov and Gimelshein 2018, arXiv:1805.02867 (online softmax); pages as in Kwon et al. 2023,
    /// arXiv:2309.06180.
    pub fn attend(
        &self,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        q: &[f32],
        ldq: usize,
        num_heads: usize,
        params: &AttendParams,
        out_thd: &mut [f32],
    ) {
        self.attend_at(level(), pool, layer, seqs, q, ldq, num_heads, params, out_thd);
    }

    pub(super) fn attend_at(
        &self,
        level: Level,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        q: &[f32],
        ldq: usize,
        num_heads: usize,
        params: &AttendParams,
        out_thd: &mut [f32],
    ) {
        let KvShape { num_layers, num_key_value_heads: kv_heads, head_dim } = self.shape();
        assert!(layer < num_layers, "layer {layer} of {num_layers}");
        assert!(
            num_heads > 0 && num_heads.is_multiple_of(kv_heads),
            "{num_heads} query heads share {kv_heads} key/value heads"
        );
        self.check_rows(seqs, q.len(), ldq, num_heads * head_dim, out_thd.len());
        assert!(params.sliding_window != Some(0), "a window of no positions");
        // Widths without whole registers are for tiny test models only.
        let level = if head_dim.is_multiple_of(BLOCK_TOKENS) { level } else { Level::Scalar };
        let out_thd = SharedMut::new(out_thd);
        macro_rules! run {
            ($planes:ident) => {{
                let (cache, planes, ops) = (self, $planes, SegmentOps::of(level, params.exact));
                let call =
                    Call { cache, planes, ops, layer, seqs, q, ldq, num_heads, params, out_thd };
                call.run(pool);
            }};
        }
        match &self.planes {
            AnyPlanes::Bf16(planes) => run!(planes),
            AnyPlanes::Int8(planes) => run!(planes),
        }
    }

    fn check_rows(
        &self,
        seqs: &[SeqSpan<'_>],
        q_len: usize,
        ldq: usize,
        width: usize,
        out_len: usize,
    ) {
        assert!(ldq >= width, "rows of {ldq} hold {width} query values");
        let mut next_row = 0;
        for seq in seqs.iter().filter(|seq| seq.num_rows > 0) {
            seq.check_blocks(self.num_blocks());
            let first = seq.first_row;
            assert!(
                first >= next_row,
                "row {first} belongs to two sequences, or they are unordered"
            );
            next_row = first + seq.num_rows;
            let needed = (next_row - 1) * ldq + width;
            assert!(q_len >= needed, "{q_len} query values, the rows need {needed}");
            let needed = next_row * width;
            assert!(out_len >= needed, "{out_len} output values, the rows need {needed}");
        }
    }
}

impl<E: Element> Call<'_, E> {
    fn run(&self, pool: &Pool) {
        let KvShape { num_key_value_heads: kv_heads, head_dim, .. } = self.cache.shape();
        let scratch = &mut *self.cache.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.tasks.clear();
        for (seq_idx, seq) in self.seqs.iter().enumerate() {
            push_tasks(&mut scratch.tasks, seq_idx, seq, kv_heads, self.num_heads / kv_heads);
        }
        scratch.workspaces.grow(pool.threads() * Workspace::len(head_dim));
        if self.should_deal_segments(pool, &scratch.tasks) {
            self.deal_segments(pool, scratch);
        } else {
            self.deal_tasks(pool, &scratch.tasks, &mut scratch.workspaces);
        }
    }

    fn view(&self, task: &Task) -> View<'_, E> {
        let shape = self.cache.shape();
        let seq = &self.seqs[task.seq];
        let pages = self.cache.pages(self.layer, task.g);
        let page_len = BLOCK_TOKENS * shape.head_dim;
        let plane = pages.start * page_len..pages.end * page_len;
        let scales_len = if E::SCALED { BLOCK_TOKENS } else { 0 };
        let scales = pages.start * scales_len..pages.end * scales_len;
        View {
            keys: &self.planes.keys[plane.clone()],
            values: &self.planes.values[plane],
            key_scales: &self.planes.key_scales[scales.clone()],
            value_scales: &self.planes.value_scales[scales],
            block_table: seq.block_table,
            head_dim: shape.head_dim,
            group: self.num_heads / shape.num_key_value_heads,
            start_pos: seq.start_pos,
            first: task.first,
            count: task.count,
            window: self.params.sliding_window.unwrap_or(usize::MAX),
            cap: self.params.logit_softcap.map(|cap| cap * LOG2_E),
        }
    }

    /// Whether there are too few tasks for the threads, and long enough ones to cut.
    fn should_deal_segments(&self, pool: &Pool, tasks: &[Task]) -> bool {
        if self.ops.is_none() || pool.threads() == 1 || tasks.len() >= FEW_TASKS * pool.threads() {
            return false;
        }
        let segments: usize = tasks.iter().map(|task| self.view(task).num_segments()).sum();
        (tasks.len() + 1..=MAX_SEGMENTS).contains(&segments)
    }

    /// Every task on the thread that is free, its segments one after another.
    fn deal_tasks(&self, pool: &Pool, tasks: &[Task], workspaces: &mut [f32]) {
        let head_dim = self.cache.shape().head_dim;
        let workspaces = SharedMut::new(workspaces);
        pool.for_each(tasks.len(), &|thread, task| {
            // SAFETY: each thread has its own workspace and runs one task at a time.
            let mut workspace = unsafe { workspace(&workspaces, thread, head_dim) };
            let (task, view) = (&tasks[task], self.view(&tasks[task]));
            self.load_queries(task, &view, workspace.q_rd);
            if let Some(ops) = &self.ops {
                let Workspace { q_rd, words, scores, total, part } = &mut workspace;
                compute_segment(ops, &view, 0, q_rd, words, scores, total);
                for segment in 1..view.num_segments() {
                    compute_segment(ops, &view, segment, q_rd, words, scores, part);
                    total.merge(part, view.count, head_dim);
                }
                normalize(total, view.count, head_dim);
            } else {
                scalar::attend(&view, workspace.q_rd, workspace.total.out_rd);
            }
            self.store(task, &view, workspace.total.out_rd);
        });
    }

    /// Every segment of every task on the thread that is free; then they are merged in order.
    fn deal_segments(&self, pool: &Pool, scratch: &mut AttendScratch) {
        let head_dim = self.cache.shape().head_dim;
        let AttendScratch { tasks, workspaces, first_segment, segments } = scratch;
        first_segment.clear();
        let mut num_segments = 0;
        for task in &*tasks {
            first_segment.push(num_segments);
            num_segments += self.view(task).num_segments();
        }
        let state_len = State::len(head_dim);
        segments.grow(num_segments * state_len);
        let (workspaces, states) = (SharedMut::new(workspaces), SharedMut::new(segments));
        let (tasks, first_segment) = (&*tasks, &*first_segment);
        let ops = self.ops.as_ref().expect("only levels with segments deal them");
        // SAFETY: in the first pass each segment's state belongs to the one job that computes it,
        // in the second each task's states to the one that merges them.
        let state = |i: usize| unsafe {
            State::of(states.range(i * state_len..(i + 1) * state_len), head_dim)
        };
        pool.for_each(num_segments, &|thread, i| {
            let task = first_segment.partition_point(|&first| first <= i) - 1;
            let view = self.view(&tasks[task]);
            // SAFETY: each thread has its own workspace and runs one segment at a time.
            let workspace = unsafe { workspace(&workspaces, thread, head_dim) };
            self.load_queries(&tasks[task], &view, workspace.q_rd);
            let segment = i - first_segment[task];
            let Workspace { q_rd, words, scores, .. } = workspace;
            compute_segment(ops, &view, segment, q_rd, words, scores, &mut state(i));
        });
        pool.for_each(tasks.len(), &|_, i| {
            let (task, first) = (&tasks[i], first_segment[i]);
            let (view, mut total) = (self.view(task), state(first));
            for segment in 1..view.num_segments() {
                total.merge(&state(first + segment), view.count, head_dim);
            }
            normalize(&mut total, view.count, head_dim);
            self.store(task, &view, total.out_rd);
        });
    }

    /// Gathers the query rows, scaled so that the softmax can use powers of two.
    fn load_queries(&self, task: &Task, view: &View<'_, E>, q_rd: &mut [f32]) {
        // What is capped counts in units of the cap, everything else in powers of two.
        let unit = self.params.logit_softcap.map_or(LOG2_E, f32::recip);
        let factor = self.params.scale * unit;
        for (row, q) in q_rd.chunks_exact_mut(view.head_dim).take(view.count).enumerate() {
            let (token, head) = self.place(task, view, row);
            let at = token * self.ldq + head * view.head_dim;
            for (q, x) in q.iter_mut().zip(&self.q[at..at + view.head_dim]) {
                *q = x * factor;
            }
        }
    }

    fn store(&self, task: &Task, view: &View<'_, E>, out_rd: &[f32]) {
        let d = view.head_dim;
        for (row, out) in out_rd.chunks_exact(d).take(view.count).enumerate() {
            let (token, head) = self.place(task, view, row);
            let at = (token * self.num_heads + head) * d;
            // SAFETY: rows of sequences are disjoint (`check_rows`), and each folded row belongs to
            // one task.
            unsafe { self.out_thd.range(at..at + d) }.copy_from_slice(out);
        }
    }

    /// Row of the batch and query head of a folded row.
    fn place(&self, task: &Task, view: &View<'_, E>, row: usize) -> (usize, usize) {
        let folded = view.first + row;
        let token = self.seqs[task.seq].first_row + folded / view.group;
        (token, task.g * view.group + folded % view.group)
    }
}

/// Computes one segment of a task from nothing.
fn compute_segment<E: Element>(
    ops: &SegmentOps<E>,
    view: &View<'_, E>,
    segment: usize,
    q_rd: &[f32],
    words: &mut [u32],
    scores: &mut [f32],
    state: &mut State<'_>,
) {
    // SAFETY: a level is only in use where the processor has its features; `check_rows` has
    // verified the blocks of the table, and `attend_at` the head dimension.
    unsafe { ops.segment(view, view.segment(segment), q_rd, words, scores, state) }
}

/// The workspace of a thread.
///
/// # Safety
/// A thread must hold only one at a time.
unsafe fn workspace<'a>(
    workspaces: &SharedMut<'a, f32>,
    thread: usize,
    head_dim: usize,
) -> Workspace<'a> {
    let len = Workspace::len(head_dim);
    // SAFETY: promised by the caller.
    Workspace::of(unsafe { workspaces.range(thread * len..(thread + 1) * len) }, head_dim)
}

fn normalize(state: &mut State<'_>, rows: usize, head_dim: usize) {
    for (out, sum) in state.out_rd.chunks_exact_mut(head_dim).zip(&*state.sum_r).take(rows) {
        let inverse = 1.0 / sum;
        for o in out {
            *o *= inverse;
        }
    }
}
