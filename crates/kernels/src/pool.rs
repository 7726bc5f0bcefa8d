//! Persistent threads for jobs of a few microseconds: spin while work is frequent, sleep when idle.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::share::SharedMut;

/// Values below which one thread is faster than waking the pool.
pub(crate) const PARALLEL_FROM: usize = 1 << 14;

/// Spins before looking at the clock: about 10 us, the gap between two ops of one step.
const SPINS_BEFORE_YIELD: u32 = 500;
/// A worker without work gives its core away after this long; a decode step's gaps are shorter.
const PARK_AFTER: Duration = Duration::from_millis(2);

type Job = *const (dyn Fn(usize) + Sync);
type Panic = Box<dyn Any + Send>;

/// In the count of a barrier: a thread ended its job by a panic and will not come.
const ABANDONED: usize = 1 << (usize::BITS - 1);

/// Keeps counters that different threads write off each other's cache lines (128: pairs prefetch).
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

struct Shared {
    threads: usize,
    next: Padded<Next>,
    finished: Padded<AtomicUsize>,
    /// How often threads have come to a barrier of the job.
    arrived: Padded<AtomicUsize>,
    panic: Mutex<Option<Panic>>,
    asleep: Vec<Padded<AtomicBool>>,
}

/// What a worker looks at to begin a job: one cache line, so it waits for memory once.
struct Next {
    epoch: AtomicUsize,
    /// `None`: the pool ends.
    job: UnsafeCell<Option<Job>>,
}

/// The panic of a thread that waited in vain for one that panicked.
struct Waited;

// SAFETY: `next.job` is written only by the caller of `run`, or when the pool ends, while no worker is
// between an epoch change and its `finished` increment, and read by workers only in that window; the
// epoch's release store and acquire load order the accesses. The pointee is `Sync` and outlives the
// job (see `run`).
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it is tied to a thread.
unsafe impl Send for Shared {}

/// A fixed set of threads that run one job at a time together with the caller.
///
/// An empty job costs about 0.3 us while the workers spin. Workers sleep after 2 ms without
/// work, so an idle process uses no processor time. Jobs must not depend on which thread index
/// does what: results may not change with the number of threads.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    handles: Vec<Thread>,
    turn: Mutex<()>,
}

thread_local! {
    static IN_JOB: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    /// A pool of `threads` threads, the caller of [`Pool::run`] being the first of them.
    /// Zero counts as one. If the system refuses a thread, the pool is smaller.
    pub fn new(threads: usize) -> Pool {
        let threads = threads.max(1);
        let mut shared = Arc::new(Shared::new(threads));
        let (mut workers, refused) = spawn(&shared);
        if refused {
            shared.shut_down(&mut workers);
            shared = Arc::new(Shared::new(1));
        }
        let handles = workers.iter().map(|worker| worker.thread().clone()).collect();
        Pool { shared, workers, handles, turn: Mutex::new(()) }
    }

    /// Number of threads that run a job, the caller's included.
    pub fn threads(&self) -> usize {
        self.shared.threads
    }

    /// Jobs that its threads were given so far: what a step costs of dispatches.
    pub fn num_jobs(&self) -> usize {
        self.shared.next.0.epoch.load(Ordering::Relaxed)
    }

    /// Runs `job(0)`, …, `job(threads - 1)` at once and returns when all are done.
    ///
    /// Calls from several threads take turns. A panic in any of them is raised again here, after
    /// all have ended; the pool stays usable.
    ///
    /// A pool of one thread only calls the job, also from inside a job of another pool.
    ///
    /// # Panics
    /// If a pool of more is called from inside a job: the threads would wait for themselves.
    pub fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        if self.shared.threads == 1 {
            return job(0);
        }
        assert!(!IN_JOB.get(), "Pool::run was called from inside a job");
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.start(job, &self.handles);
        self.shared.take_part(job, 0);
        self.shared.wait();
        let panic = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// The barrier of [`crate::team::Member::meet`], for a job that all threads take part in.
    pub(crate) fn meet(&self, meanwhile: impl FnOnce()) {
        let threads = self.shared.threads;
        let arrived = &self.shared.arrived.0;
        let before = arrived.fetch_add(1, Ordering::AcqRel) & !ABANDONED;
        let all = (before / threads + 1) * threads;
        meanwhile();
        spin_until(|| {
            let count = arrived.load(Ordering::Acquire);
            if count & ABANDONED != 0 {
                resume_unwind(Box::new(Waited));
            }
            count >= all
        });
    }

    /// Splits `out` into rows of `row_len` and gives each thread one run of whole rows.
    ///
    /// `job(rows, part)` gets the row numbers and their values.
    ///
    /// # Panics
    /// If `out.len()` is not a multiple of `row_len`.
    pub fn split_rows<T: Send>(
        &self,
        out: &mut [T],
        row_len: usize,
        job: &(dyn Fn(Range<usize>, &mut [T]) + Sync),
    ) {
        assert!(
            row_len > 0 && out.len().is_multiple_of(row_len),
            "{} in rows of {row_len}",
            out.len()
        );
        let rows = out.len() / row_len;
        if rows <= 1 || self.threads() == 1 {
            return job(0..rows, out);
        }
        let shared = SharedMut::new(out);
        self.run(&|thread| {
            let mine = span(rows, thread, self.threads());
            if !mine.is_empty() {
                // SAFETY: spans of different threads are disjoint.
                let part = unsafe { shared.range(mine.start * row_len..mine.end * row_len) };
                job(mine, part);
            }
        });
    }

    /// Runs `job(0)`, …, `job(tasks - 1)`, each once, on whichever thread is free.
    ///
    /// For tasks of uneven cost: causal attention, or cores shared with other processes.
    pub fn for_each(&self, tasks: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        if tasks <= 1 || self.threads() == 1 {
            return (0..tasks).for_each(|task| job(0, task));
        }
        let next = AtomicUsize::new(0);
        self.run(&|thread| {
            loop {
                let task = next.fetch_add(1, Ordering::Relaxed);
                if task >= tasks {
                    return;
                }
                job(thread, task);
            }
        });
    }
}

/// The part of `0..n` that belongs to `part` of `parts`; the parts differ by at most one.
pub fn span(n: usize, part: usize, parts: usize) -> Range<usize> {
    n * part / parts..n * (part + 1) / parts
}

/// Spins until `done`, giving the core to others that want it once that takes long.
fn spin_until(mut done: impl FnMut() -> bool) {
    let mut spins = 0;
    while !done() {
        if spins < SPINS_BEFORE_YIELD {
            spins += 1;
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

/// The workers, and whether the system refused one of them.
fn spawn(shared: &Arc<Shared>) -> (Vec<JoinHandle<()>>, bool) {
    let mut workers = Vec::new();
    for thread in 1..shared.threads {
        let shared = Arc::clone(shared);
        let name = format!("kernel-{thread}");
        match std::thread::Builder::new().name(name).spawn(move || shared.work(thread)) {
            Ok(worker) => workers.push(worker),
            Err(_) => return (workers, true),
        }
    }
    (workers, false)
}

impl Shared {
    fn new(threads: usize) -> Shared {
        Shared {
            threads,
            next: Padded(Next { epoch: AtomicUsize::new(0), job: UnsafeCell::new(None) }),
            finished: Padded(AtomicUsize::new(0)),
            arrived: Padded(AtomicUsize::new(0)),
            panic: Mutex::new(None),
            asleep: (1..threads).map(|_| Padded(AtomicBool::new(false))).collect(),
        }
    }

    /// Publishes the job and wakes the workers that sleep.
    fn start(&self, job: &(dyn Fn(usize) + Sync), handles: &[Thread]) {
        // SAFETY: extends the lifetime only in the type: `run` does not return or unwind before
        // `wait` has seen every worker done with the job.
        let job: Job = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), Job>(job) };
        // SAFETY: all workers wait for the next epoch, so nobody reads the cell now.
        unsafe { *self.next.0.job.get() = Some(job) };
        self.finished.0.store(0, Ordering::Relaxed);
        self.arrived.0.store(0, Ordering::Relaxed);
        // Sequentially consistent with `asleep`: either the worker sees the new epoch before it
        // parks, or we see that it is asleep.
        self.next.0.epoch.fetch_add(1, Ordering::SeqCst);
        self.wake(handles);
    }

    /// Runs a thread's part of a job. The first panic is kept; whoever waits for this thread hears
    /// of it.
    fn take_part(&self, job: &(dyn Fn(usize) + Sync), thread: usize) {
        IN_JOB.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| job(thread)));
        IN_JOB.set(false);
        let Err(panic) = result else { return };
        if !panic.is::<Waited>() {
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(panic);
        }
        self.arrived.0.fetch_or(ABANDONED, Ordering::Release);
    }

    fn wake(&self, handles: &[Thread]) {
        for (asleep, handle) in self.asleep.iter().zip(handles) {
            if asleep.0.load(Ordering::SeqCst) {
                handle.unpark();
            }
        }
    }

    fn wait(&self) {
        spin_until(|| self.finished.0.load(Ordering::Acquire) == self.threads - 1);
    }

    fn work(&self, thread: usize) {
        let mut seen = 0;
        loop {
            self.await_epoch(seen, thread);
            seen += 1;
            // SAFETY: the epoch changed, so the caller has published the job and waits for us.
            let Some(job) = (unsafe { *self.next.0.job.get() }) else { return };
            // SAFETY: the pointee lives until the caller has seen our `finished` increment.
            self.take_part(unsafe { &*job }, thread);
            self.finished.0.fetch_add(1, Ordering::Release);
        }
    }

    fn await_epoch(&self, seen: usize, thread: usize) {
        let unchanged = || self.next.0.epoch.load(Ordering::SeqCst) == seen;
        for _ in 0..SPINS_BEFORE_YIELD {
            if !unchanged() {
                return;
            }
            std::hint::spin_loop();
        }
        let start = Instant::now();
        while unchanged() {
            if start.elapsed() < PARK_AFTER {
                std::thread::yield_now();
                continue;
            }
            let asleep = &self.asleep[thread - 1].0;
            asleep.store(true, Ordering::SeqCst);
            while unchanged() {
                std::thread::park();
            }
            asleep.store(false, Ordering::SeqCst);
        }
    }

    fn shut_down(&self, workers: &mut Vec<JoinHandle<()>>) {
        // SAFETY: no job runs, so all workers wait for the next epoch.
        unsafe { *self.next.0.job.get() = None };
        self.next.0.epoch.fetch_add(1, Ordering::SeqCst);
        for worker in workers.drain(..) {
            worker.thread().unpark();
            // A worker cannot panic: its jobs are caught. If it did, there is nothing to save.
            let _ = worker.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.shut_down(&mut self.workers);
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
