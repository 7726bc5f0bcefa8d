//! [`KvCache::attend`]: cutting attention into tasks and dealing them to the threads, behind new keys.

use std::f32::consts::LOG2_E;

use super::cache::{BLOCK_TOKENS, KvCache, KvShape, SeqSpan};
use super::params::{AttendParams, QkvRows};
use super::planes::{AnyPlanes, Element, Pages, SharedPlanes};
use super::scalar;
use super::segment::SegmentOps;
use super::task::{Operands, State, Task, View, Workspace, push_tasks};
use super::turn::Turn;
use super::write::{NewTokens, Writes};
use crate::ops::scale_values;
use crate::share::SharedMut;
use crate::team::{Deal, Member};
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

/// Query rows, and what becomes of them first.
#[derive(Clone, Copy)]
struct Queries<'a> {
    values: &'a [f32],
    apart: usize,
    num_heads: usize,
    turn: Turn<'a>,
}

/// The arguments of one call.
struct Call<'a, E: Element> {
    level: Level,
    shape: KvShape,
    num_blocks: usize,
    planes: SharedPlanes<'a, E>,
    /// None: the scalar formula.
    ops: Option<SegmentOps<E>>,
    layer: usize,
    seqs: &'a [SeqSpan<'a>],
    queries: Queries<'a>,
    params: &'a AttendParams,
    out_thd: SharedMut<'a, f32>,
}

/// Segments that are dealt: how many, the first of each task's, and their states.
#[derive(Clone, Copy)]
struct Segments<'a> {
    count: usize,
    first: &'a [usize],
    states: SharedMut<'a, f32>,
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
        &mut self,
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
        &mut self,
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
        let queries = Queries { values: q, apart: ldq, num_heads, turn: Turn::default() };
        self.run(level, pool, (layer, seqs), queries, None, params, out_thd);
    }

    /// [`KvCache::write`], then [`KvCache::attend`], of rows that a product gave, as one job: norms
    /// and rotation of queries and keys are done where these are read.
    ///
    /// Keys and values of all rows are written before any row attends.
    ///
    /// # Panics
    /// As both; if `rows.turn` is for heads of another width, or a position is beyond its table.
    pub fn attend_new(
        &mut self,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        rows: &QkvRows<'_>,
        params: &AttendParams,
        out_thd: &mut [f32],
    ) {
        self.attend_new_at(level(), pool, layer, seqs, rows, params, out_thd);
    }

    pub(super) fn attend_new_at(
        &mut self,
        level: Level,
        pool: &Pool,
        layer: usize,
        seqs: &[SeqSpan<'_>],
        rows: &QkvRows<'_>,
        params: &AttendParams,
        out_thd: &mut [f32],
    ) {
        let QkvRows { values, width, num_heads, key_column, value_column, turn } = *rows;
        turn.check(self.shape, seqs);
        let behind = |column: usize| values.get(column..).unwrap_or(&[]);
        let (k, v) = (behind(key_column), behind(value_column));
        self.collect_touched(layer, seqs, k.len().min(v.len()), width);
        let queries = Queries { values, apart: width, num_heads, turn };
        let tokens = NewTokens { k, v, ldkv: width, turn };
        self.run(level, pool, (layer, seqs), queries, Some(tokens), params, out_thd);
    }

    /// Attends, behind the writing of `tokens` whose pages were collected.
    fn run(
        &mut self,
        level: Level,
        pool: &Pool,
        (layer, seqs): (usize, &[SeqSpan<'_>]),
        queries: Queries<'_>,
        tokens: Option<NewTokens<'_>>,
        params: &AttendParams,
        out_thd: &mut [f32],
    ) {
        self.check(layer, seqs, &queries, out_thd.len());
        assert!(params.sliding_window != Some(0), "a window of no positions");
        // Widths without whole registers are for tiny test models only.
        let whole = self.shape.head_dim.is_multiple_of(BLOCK_TOKENS);
        let level_of_ops = if whole { level } else { Level::Scalar };
        let out_thd = SharedMut::new(out_thd);
        let Self { shape, num_blocks, planes, touched, scratch, .. } = self;
        let (shape, num_blocks, touched) = (*shape, *num_blocks, &touched[..]);
        macro_rules! run {
            ($planes:ident) => {{
                let (planes, ops) = ($planes.share(), SegmentOps::of(level_of_ops, params.exact));
                let writes =
                    |tokens| Writes { level, planes, shape, num_blocks, layer, touched, tokens };
                let call = Call {
                    level,
                    shape,
                    num_blocks,
                    planes,
                    ops,
                    layer,
                    seqs,
                    queries,
                    params,
                    out_thd,
                };
                call.run(pool, scratch, tokens.map(writes).as_ref());
            }};
        }
        match planes {
            AnyPlanes::Bf16(planes) => run!(planes),
            AnyPlanes::Int8(planes) => run!(planes),
        }
    }

    fn check(&self, layer: usize, seqs: &[SeqSpan<'_>], queries: &Queries<'_>, out_len: usize) {
        let KvShape { num_layers, num_key_value_heads: kv_heads, head_dim } = self.shape;
        let num_heads = queries.num_heads;
        assert!(layer < num_layers, "layer {layer} of {num_layers}");
        assert!(
            num_heads > 0 && num_heads.is_multiple_of(kv_heads),
            "{num_heads} query heads share {kv_heads} key/value heads"
        );
        let (width, ldq) = (num_heads * head_dim, queries.apart);
        assert!(ldq >= width, "rows of {ldq} hold {width} query values");
        let q_len = queries.values.len();
        let mut next_row = 0;
        for seq in seqs.iter().filter(|seq| seq.num_rows > 0) {
            seq.check_blocks(self.num_blocks);
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
    fn run(&self, pool: &Pool, scratch: &mut AttendScratch, writes: Option<&Writes<'_, E>>) {
        let KvShape { num_key_value_heads: kv_heads, head_dim, .. } = self.shape;
        let AttendScratch { tasks, workspaces, first_segment, segments } = scratch;
        tasks.clear();
        for (seq_idx, seq) in self.seqs.iter().enumerate() {
            push_tasks(tasks, seq_idx, seq, kv_heads, self.queries.num_heads / kv_heads);
        }
        first_segment.clear();
        let mut count = 0;
        if self.should_deal_segments(pool, tasks) {
            for task in &*tasks {
                first_segment.push(count);
                count += self.num_segments(task);
            }
        }
        workspaces.grow(pool.threads() * Workspace::len(head_dim, E::SCALED));
        segments.grow(count * State::len(head_dim));
        let (workspaces, states) = (SharedMut::new(workspaces), SharedMut::new(segments));
        let (tasks, segments) = (&tasks[..], Segments { count, first: first_segment, states });
        let alone = tasks.len().max(count) <= 1 && writes.is_none_or(Writes::are_few);
        let deals = [Deal::new(), Deal::new()];
        pool.run_team(alone, &|member| {
            // SAFETY: each thread has a workspace of its own.
            let mut workspace = unsafe { workspace::<E>(&workspaces, member.thread, head_dim) };
            // SAFETY: pages of different members are disjoint, and all are written before any is
            // read; each segment and each task is dealt once, and merged when all are there.
            unsafe {
                if let Some(writes) = writes {
                    writes.share(member, workspace.operands.q_rd);
                    member.meet(|| ());
                }
                if count == 0 {
                    let attend = |task: usize| self.attend_task(&tasks[task], &mut workspace);
                    return member.take(&deals[0], tasks.len(), attend);
                }
                self.attend_segments(member, &deals, tasks, segments, &mut workspace);
            }
        });
    }

    /// # Safety
    /// Nobody may write to pages of the task's sequence.
    unsafe fn view(&self, task: &Task) -> View<'_, E> {
        let KvShape { num_key_value_heads, head_dim, .. } = self.shape;
        let seq = &self.seqs[task.seq];
        let first = (self.layer * num_key_value_heads + task.g) * self.num_blocks;
        // SAFETY: promised by the caller.
        let pages = unsafe { self.planes.pages(first..first + self.num_blocks, head_dim) };
        let Pages { keys, values, key_scales, value_scales } = pages;
        View {
            keys,
            values,
            key_scales,
            value_scales,
            block_table: seq.block_table,
            head_dim,
            group: self.queries.num_heads / num_key_value_heads,
            start_pos: seq.start_pos,
            first: task.first,
            count: task.count,
            window: self.params.sliding_window.unwrap_or(usize::MAX),
            cap: self.params.logit_softcap.map(|cap| cap * LOG2_E),
        }
    }

    /// Segments of a task, before any thread has begun.
    fn num_segments(&self, task: &Task) -> usize {
        // SAFETY: nobody writes yet, and the view is gone before somebody does.
        unsafe { self.view(task) }.num_segments()
    }

    /// Whether there are too few tasks for the threads, and long enough ones to cut.
    fn should_deal_segments(&self, pool: &Pool, tasks: &[Task]) -> bool {
        if self.ops.is_none() || pool.threads() == 1 || tasks.len() >= FEW_TASKS * pool.threads() {
            return false;
        }
        let segments: usize = tasks.iter().map(|task| self.num_segments(task)).sum();
        (tasks.len() + 1..=MAX_SEGMENTS).contains(&segments)
    }

    /// Attends for a task, its segments one after another.
    ///
    /// # Safety
    /// Nobody may write to pages of its sequence, or do the same task.
    unsafe fn attend_task(&self, task: &Task, workspace: &mut Workspace<'_>) {
        let head_dim = self.shape.head_dim;
        // SAFETY: promised by the caller.
        let view = unsafe { self.view(task) };
        let Workspace { operands, total, part } = workspace;
        self.load_queries(task, &view, operands.q_rd);
        if let Some(ops) = &self.ops {
            compute_segment(ops, &view, 0, operands, total);
            for segment in 1..view.num_segments() {
                compute_segment(ops, &view, segment, operands, part);
                total.merge(self.level, part, view.count, head_dim);
            }
            total.normalize(self.level, view.count, head_dim);
        } else {
            scalar::attend(&view, operands.q_rd, total.out_rd);
        }
        self.store(task, &view, total.out_rd);
    }

    /// Every segment of every task on the thread that is free; then they are merged in order.
    ///
    /// # Safety
    /// Nobody may write to pages of the sequences; all members must come here.
    unsafe fn attend_segments(
        &self,
        member: Member<'_>,
        deals: &[Deal; 2],
        tasks: &[Task],
        segments: Segments<'_>,
        workspace: &mut Workspace<'_>,
    ) {
        let Segments { count, first, states } = segments;
        let head_dim = self.shape.head_dim;
        let state_len = State::len(head_dim);
        let ops = self.ops.as_ref().expect("only levels with segments deal them");
        // SAFETY: in the first pass each segment's state belongs to the member that computes it, in
        // the second each task's states to the one that merges them.
        let state = |i: usize| unsafe {
            State::of(states.range(i * state_len..(i + 1) * state_len), head_dim)
        };
        member.take(&deals[0], count, |i| {
            let task = first.partition_point(|&first| first <= i) - 1;
            // SAFETY: promised by the caller.
            let view = unsafe { self.view(&tasks[task]) };
            let operands = &mut workspace.operands;
            self.load_queries(&tasks[task], &view, operands.q_rd);
            compute_segment(ops, &view, i - first[task], operands, &mut state(i));
        });
        member.meet(|| ());
        member.take(&deals[1], tasks.len(), |i| {
            let (task, first) = (&tasks[i], first[i]);
            // SAFETY: promised by the caller.
            let (view, mut total) = (unsafe { self.view(task) }, state(first));
            for segment in 1..view.num_segments() {
                total.merge(self.level, &state(first + segment), view.count, head_dim);
            }
            total.normalize(self.level, view.count, head_dim);
            self.store(task, &view, total.out_rd);
        });
    }

    /// Gathers the query rows, turned, and scaled so that the softmax can use powers of two.
    fn load_queries(&self, task: &Task, view: &View<'_, E>, q_rd: &mut [f32]) {
        // What is capped counts in units of the cap, everything else in powers of two.
        let unit = self.params.logit_softcap.map_or(LOG2_E, f32::recip);
        let factor = self.params.scale * unit;
        let Queries { values, apart, turn, .. } = self.queries;
        for (row, q) in q_rd.chunks_exact_mut(view.head_dim).take(view.count).enumerate() {
            let (token, head) = self.place(task, view, row);
            let at = token * apart + head * view.head_dim;
            q.copy_from_slice(&values[at..at + view.head_dim]);
            turn.query(self.level, q, view.start_pos + (view.first + row) / view.group);
            scale_values(self.level, q, factor);
        }
    }

    fn store(&self, task: &Task, view: &View<'_, E>, out_rd: &[f32]) {
        let d = view.head_dim;
        for (row, out) in out_rd.chunks_exact(d).take(view.count).enumerate() {
            let (token, head) = self.place(task, view, row);
            let at = (token * self.queries.num_heads + head) * d;
            // SAFETY: rows of sequences are disjoint (`check`), and each folded row belongs to one
            // task.
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
    operands: &mut Operands<'_>,
    state: &mut State<'_>,
) {
    // SAFETY: a level is only in use where the processor has its features; `KvCache::check` has
    // verified the blocks of the table, and `KvCache::run` the head dimension.
    unsafe { ops.segment(view, view.segment(segment), operands, state) }
}

/// The workspace of a thread.
///
/// # Safety
/// A thread must hold only one at a time.
unsafe fn workspace<'a, E: Element>(
    workspaces: &SharedMut<'a, f32>,
    thread: usize,
    head_dim: usize,
) -> Workspace<'a> {
    let len = Workspace::len(head_dim, E::SCALED);
    // SAFETY: promised by the caller.
    let memory = unsafe { workspaces.range(thread * len..(thread + 1) * len) };
    Workspace::of(memory, head_dim, E::SCALED)
}
