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

/// Keeps counters that different threads write off each other's cache lines (128: pairs prefetch).
#[repr(align(128))]
struct Padded<T>(T);

struct Shared {
    threads: usize,
    epoch: Padded<AtomicUsize>,
    finished: Padded<AtomicUsize>,
    stop: AtomicBool,
    job: UnsafeCell<Option<Job>>,
    panic: Mutex<Option<Panic>>,
    asleep: Vec<Padded<AtomicBool>>,
}

// SAFETY: `job` is written only by the caller of `run` while no worker is between an epoch change
// and its `finished` increment, and read by workers only in that window; the epoch's release store
// and acquire load order the accesses. The pointee is `Sync` and outlives the job (see `run`).
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
        let own = guarded(job, 0);
        self.shared.wait();
        let theirs = self.shared.panic.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(turn);
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        if let Some(panic) = theirs {
            resume_unwind(panic);
        }
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

fn guarded(job: &(dyn Fn(usize) + Sync), thread: usize) -> Result<(), Panic> {
    IN_JOB.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| job(thread)));
    IN_JOB.set(false);
    result
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
            epoch: Padded(AtomicUsize::new(0)),
            finished: Padded(AtomicUsize::new(0)),
            stop: AtomicBool::new(false),
            job: UnsafeCell::new(None),
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
        unsafe { *self.job.get() = Some(job) };
        self.finished.0.store(0, Ordering::Relaxed);
        // Sequentially consistent with `asleep`: either the worker sees the new epoch before it
        // parks, or we see that it is asleep.
        self.epoch.0.fetch_add(1, Ordering::SeqCst);
        self.wake(handles);
    }

    fn wake(&self, handles: &[Thread]) {
        for (asleep, handle) in self.asleep.iter().zip(handles) {
            if asleep.0.load(Ordering::SeqCst) {
                handle.unpark();
            }
        }
    }

    fn wait(&self) {
        let mut spins = 0;
        while self.finished.0.load(Ordering::Acquire) != self.threads - 1 {
            spins += 1;
            if spins < SPINS_BEFORE_YIELD {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    fn work(&self, thread: usize) {
        let mut seen = 0;
        loop {
            self.await_epoch(seen, thread);
            seen += 1;
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            // SAFETY: the epoch changed, so the caller has published the job and waits for us.
            let job = unsafe { (*self.job.get()).expect("an epoch starts with a job") };
            // SAFETY: the pointee lives until the caller has seen our `finished` increment.
            if let Err(panic) = guarded(unsafe { &*job }, thread) {
                *self.panic.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic);
            }
            self.finished.0.fetch_add(1, Ordering::Release);
        }
    }

    fn await_epoch(&self, seen: usize, thread: usize) {
        let unchanged = || self.epoch.0.load(Ordering::SeqCst) == seen;
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
        self.stop.store(true, Ordering::SeqCst);
        self.epoch.0.fetch_add(1, Ordering::SeqCst);
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
