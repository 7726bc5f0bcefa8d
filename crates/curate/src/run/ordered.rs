//! Work over threads whose results are taken in order.

use crate::error::CurateError;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// What waits before and behind each thread: enough that none of them runs dry.
const WAITING: usize = 2;

/// Takes what `work` makes of each of the things that `next` gives, in their order. `threads`
/// threads work, one more takes, and this one asks for the next; with one thread all is done here.
///
/// # Errors
/// The first error of the taken, of the work, or of what was asked for ends all.
pub(crate) fn in_order<I: Send, O: Send>(
    threads: usize,
    mut next: impl FnMut() -> Result<Option<I>, CurateError>,
    work: impl Fn(I) -> Result<O, CurateError> + Sync,
    mut take: impl FnMut(O) -> Result<(), CurateError> + Send,
) -> Result<(), CurateError> {
    if threads < 2 {
        while let Some(one) = next()? {
            take(work(one)?)?;
        }
        return Ok(());
    }
    std::thread::scope(|scope| {
        let (mut given, mut made) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (to, from) = sync_channel(WAITING);
            let (back, results) = sync_channel(WAITING);
            let work = &work;
            scope.spawn(move || work_on(&from, &back, work));
            given.push(to);
            made.push(results);
        }
        let taker = scope.spawn(move || take_all(&made, &mut take));
        let asked = give_all(&given, &mut next);
        drop(given);
        let taken = taker.join().expect("no thread of a run panics");
        taken.and(asked)
    })
}

/// Does the work of one thread until no more comes, or nobody wants it.
fn work_on<I, O>(
    from: &Receiver<I>,
    back: &SyncSender<Result<O, CurateError>>,
    work: &impl Fn(I) -> Result<O, CurateError>,
) {
    for one in from {
        if back.send(work(one)).is_err() {
            return;
        }
    }
}

/// Gives each thread the next thing in turn, as long as they take them.
fn give_all<I>(
    given: &[SyncSender<I>],
    next: &mut impl FnMut() -> Result<Option<I>, CurateError>,
) -> Result<(), CurateError> {
    for to in given.iter().cycle() {
        let Some(one) = next()? else { return Ok(()) };
        if to.send(one).is_err() {
            // The taker has its reason.
            return Ok(());
        }
    }
    Ok(())
}

/// Takes a result of each thread in turn, until one has no more.
fn take_all<O>(
    made: &[Receiver<Result<O, CurateError>>],
    take: &mut impl FnMut(O) -> Result<(), CurateError>,
) -> Result<(), CurateError> {
    for from in made.iter().cycle() {
        let Ok(result) = from.recv() else { return Ok(()) };
        take(result?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Squares the numbers below `count`; fails where it is told to.
    fn squares(
        threads: usize,
        count: u64,
        fails: [Option<u64>; 3],
    ) -> (Result<(), CurateError>, Vec<u64>) {
        let [asking, working, taking] = fails;
        let fail_at = |at: Option<u64>, number: u64| {
            if at == Some(number) { Err(CurateError::Interrupted) } else { Ok(()) }
        };
        let (mut number, mut taken) = (0, Vec::new());
        let next = || {
            fail_at(asking, number)?;
            number += 1;
            Ok((number <= count).then_some(number - 1))
        };
        let work = |number: u64| {
            fail_at(working, number)?;
            if number.is_multiple_of(3) {
                std::thread::yield_now();
            }
            Ok(number * number)
        };
        let take = |square: u64| {
            fail_at(taking, square)?;
            taken.push(square);
            Ok(())
        };
        (in_order(threads, next, work, take), taken)
    }

    #[test]
    fn results_come_in_order_whatever_the_threads() {
        for threads in [0, 1, 2, 3, 7] {
            for count in [0, 1, 2, 5, 200] {
                let (outcome, taken) = squares(threads, count, [None; 3]);
                assert!(outcome.is_ok());
                assert_eq!(taken, (0..count).map(|number| number * number).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn an_error_anywhere_ends_all_and_what_was_before_it_is_taken() {
        for threads in [1, 2, 5] {
            let before: Vec<u64> = (0..50).map(|number| number * number).collect();
            for fails in [[Some(50), None, None], [None, Some(50), None], [None, None, Some(2500)]]
            {
                let (outcome, taken) = squares(threads, 200, fails);
                assert!(matches!(outcome, Err(CurateError::Interrupted)), "{threads} {fails:?}");
                assert_eq!(taken, before, "{threads} {fails:?}");
            }
        }
    }
}
