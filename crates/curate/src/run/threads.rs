//! Parts over threads.

use crate::error::CurateError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Does `work` for the numbers below `count` on `threads` threads, each taking the next one.
///
/// # Errors
/// The first error ends all: what is begun stops at its next item, nothing new is begun.
pub(crate) fn for_each(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<(), CurateError> + Sync,
) -> Result<(), CurateError> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let first: Mutex<Option<CurateError>> = Mutex::new(None);
    let run = || {
        while !failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            if let Err(error) = work(index) {
                failed.store(true, Ordering::Relaxed);
                let mut first = first.lock().expect("no holder of the lock panics");
                first.get_or_insert(error);
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, count.max(1)) {
            scope.spawn(run);
        }
    });
    first.into_inner().expect("no holder of the lock panics").map_or(Ok(()), Err)
}

/// What `work` makes of each number below `count`, in the order of the numbers; see [`for_each`].
///
/// # Errors
/// The first error ends all.
pub(crate) fn map_each<T: Send + Sync>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> Result<T, CurateError> + Sync,
) -> Result<Vec<T>, CurateError> {
    let made: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    for_each(count, threads, |index| {
        // Every number is taken once.
        let _ = made[index].set(work(index)?);
        Ok(())
    })?;
    Ok(made.into_iter().filter_map(OnceLock::into_inner).collect())
}
