//! Jobs of several parts, with barriers between them instead of a dispatch for each.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::pool::Padded;
use crate::{Pool, span};

/// One thread of a job of several parts.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    /// `None`: it is the only one.
    pool: Option<&'a Pool>,
    /// Its number.
    pub(crate) thread: usize,
    /// How many there are.
    pub(crate) threads: usize,
}

/// Numbers that are dealt to whichever member is free.
pub(crate) struct Deal(Padded<AtomicUsize>);

impl Deal {
    /// Nothing has been dealt.
    pub(crate) fn new() -> Self {
        Self(Padded(AtomicUsize::new(0)))
    }
}

impl Pool {
    /// Runs `job` on every thread, or on the calling one only if `alone`: for what is done sooner
    /// than the others have begun.
    ///
    /// # Panics
    /// As [`Pool::run`].
    pub(crate) fn run_team(&self, alone: bool, job: &(dyn Fn(Member<'_>) + Sync)) {
        let threads = self.threads();
        if alone || threads == 1 {
            return job(Member { pool: None, thread: 0, threads: 1 });
        }
        self.run(&|thread| job(Member { pool: Some(self), thread, threads }));
    }
}

impl Member<'_> {
    /// A barrier: returns when all members have come. What one wrote before it, all see behind it.
    /// `meanwhile` runs between the own arrival and the wait.
    ///
    /// All must come to it equally often. If one panics instead, those that wait for it end too.
    pub(crate) fn meet(self, meanwhile: impl FnOnce()) {
        match self.pool {
            Some(pool) => pool.meet(meanwhile),
            None => meanwhile(),
        }
    }

    /// Its part of `0..n`; the parts differ by at most one.
    pub(crate) fn share(self, n: usize) -> Range<usize> {
        span(n, self.thread, self.threads)
    }

    /// Runs `job` for those of `0..tasks` that it gets.
    pub(crate) fn take(self, deal: &Deal, tasks: usize, mut job: impl FnMut(usize)) {
        if self.threads == 1 {
            return (0..tasks).for_each(job);
        }
        loop {
            let task = deal.0.0.fetch_add(1, Ordering::Relaxed);
            if task >= tasks {
                return;
            }
            job(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn what_is_written_before_a_barrier_is_read_behind_it() {
        for threads in [1, 2, 3, 5] {
            let pool = Pool::new(threads);
            for alone in [false, true] {
                let sums: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
                let waited = AtomicUsize::new(0);
                pool.run_team(alone, &|member| {
                    for round in 0..100 {
                        // Relaxed: only the barrier orders them.
                        sums[round].fetch_add(member.thread + 1, Ordering::Relaxed);
                        member.meet(|| {
                            waited.fetch_add(1, Ordering::Relaxed);
                        });
                        let all = member.threads * (member.threads + 1) / 2;
                        assert_eq!(sums[round].load(Ordering::Relaxed), all, "round {round}");
                    }
                });
                let members = if alone { 1 } else { threads };
                assert_eq!(waited.into_inner(), 100 * members);
            }
        }
    }

    #[test]
    fn tasks_are_each_dealt_once_and_shares_cover_all() {
        for threads in [1, 2, 4] {
            let pool = Pool::new(threads);
            let done: Vec<AtomicUsize> = (0..60).map(|_| AtomicUsize::new(0)).collect();
            let deals = [Deal::new(), Deal::new()];
            pool.run_team(false, &|member| {
                let count = |task: usize| {
                    done[task].fetch_add(1, Ordering::Relaxed);
                };
                member.take(&deals[0], 50, count);
                member.take(&deals[1], 50, count);
                member.share(60).for_each(count);
            });
            let done: Vec<usize> = done.into_iter().map(AtomicUsize::into_inner).collect();
            assert_eq!(done, [vec![3; 50], vec![1; 10]].concat(), "{threads} threads");
        }
    }

    #[test]
    fn a_panic_ends_those_who_wait_for_its_thread_and_is_the_one_that_is_told() {
        let pool = Pool::new(3);
        for bad in 0..3 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                pool.run_team(false, &|member| {
                    member.meet(|| ());
                    assert!(member.thread != bad, "thread {bad} fails");
                    member.meet(|| ());
                    member.meet(|| ());
                });
            }));
            let message = *caught.unwrap_err().downcast::<String>().unwrap();
            assert_eq!(message, format!("thread {bad} fails"));
            pool.run_team(false, &|member| member.meet(|| ()));
        }
    }
}
