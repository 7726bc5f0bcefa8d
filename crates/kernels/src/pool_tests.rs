use super::*;

#[test]
fn every_thread_runs_once_per_job_and_results_are_visible() {
    for threads in [0, 1, 2, 3, 5] {
        let pool = Pool::new(threads);
        let counts: Vec<AtomicUsize> = (0..pool.threads()).map(|_| AtomicUsize::new(0)).collect();
        for _ in 0..200 {
            pool.run(&|thread| {
                counts[thread].fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(pool.threads(), threads.max(1));
        assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 200), "{threads} threads");
    }
}

#[test]
fn sleeping_workers_wake_for_the_next_job() {
    let pool = Pool::new(3);
    for _ in 0..3 {
        let until = Instant::now() + Duration::from_secs(10);
        while !pool.shared.asleep.iter().all(|a| a.0.load(Ordering::SeqCst)) {
            assert!(Instant::now() < until, "the workers never went to sleep");
            std::thread::yield_now();
        }
        let ran = AtomicUsize::new(0);
        pool.run(&|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(ran.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn a_panic_in_any_thread_reaches_the_caller_and_the_pool_survives() {
    let pool = Pool::new(3);
    for bad in 0..3 {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(&|thread| assert!(thread != bad, "thread {bad} fails"));
        }));
        let message = *caught.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(message, format!("thread {bad} fails"));
        pool.run(&|_| {});
    }
}

#[test]
fn a_job_inside_a_job_is_refused_instead_of_hanging() {
    let pool = Pool::new(2);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.run(&|_| pool.run(&|_| {})))).is_err());
    pool.run(&|_| {});
}

#[test]
fn callers_from_several_threads_take_turns() {
    let pool = Pool::new(2);
    let total = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    pool.run(&|_| {
                        total.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    assert_eq!(total.load(Ordering::Relaxed), 4 * 100 * 2);
}

#[test]
fn rows_and_tasks_are_each_done_once() {
    for threads in [1, 2, 4] {
        let pool = Pool::new(threads);
        let mut rows = vec![0usize; 7 * 3];
        pool.split_rows(&mut rows, 3, &|range, part| {
            for (row, values) in range.zip(part.chunks_exact_mut(3)) {
                for value in values {
                    *value += row + 1;
                }
            }
        });
        assert_eq!(rows, (0..21).map(|i| i / 3 + 1).collect::<Vec<_>>());
        let done: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
        pool.for_each(50, &|_, task| {
            done[task].fetch_add(1, Ordering::Relaxed);
        });
        assert!(done.iter().all(|d| d.load(Ordering::Relaxed) == 1));
    }
}
