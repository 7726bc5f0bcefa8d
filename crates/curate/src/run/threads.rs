//! Parts over threads.

use crate::error::CurateError;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
