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
        assert_eq!(pool.num_jobs(), if threads > 1 { 200 } else { 0 });
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
fn a_pool_of_one_thread_runs_inside_a_job_and_leaves_it_one() {
    let (pool, alone) = (Pool::new(2), Pool::new(1));
    let ran = AtomicUsize::new(0);
    let inner = || {
        alone.run(&|_| {
            ran.fetch_add(1, Ordering::Relaxed);
        });
    };
    pool.run(&|_| inner());
    assert_eq!(ran.load(Ordering::Relaxed), 2);
    let nested = catch_unwind(AssertUnwindSafe(|| {
        pool.run(&|_| {
            inner();
            pool.run(&|_| {});
        });
    }));
    assert!(nested.is_err(), "the job of two threads goes on behind that of one");
}

#[test]
fn blocks_of_rows_are_each_done_once_by_a_thread_with_its_own() {
    for (threads, rows, block_rows) in [(1, 7, 3), (2, 7, 3), (3, 9, 1), (2, 4, 8), (2, 0, 4)] {
        let pool = Pool::new(threads);
        let (mut a, mut b) = (vec![0.0; rows * 2], vec![0.0; rows * 3 + 1]);
        let mut own = vec![0; threads];
        let matrices = [(&mut a[..], 2), (&mut b[..], 3)];
        pool.for_each_block((rows, block_rows), matrices, &mut own, &|own, (mine, [a, b])| {
            assert!(mine.len() <= block_rows && mine.start.is_multiple_of(block_rows));
            *own += mine.len();
            for (row, values) in mine.clone().zip(a.chunks_exact_mut(2)) {
                for value in values {
                    *value += row as f32;
                }
            }
            for (row, values) in mine.zip(b.chunks_exact_mut(3)) {
                for value in values {
                    *value -= row as f32;
                }
            }
        });
        assert_eq!(a, (0..rows * 2).map(|i| (i / 2) as f32).collect::<Vec<_>>());
        let negative = (0..rows * 3).map(|i| 0.0 - (i / 3) as f32);
        assert_eq!(b, negative.chain([0.0]).collect::<Vec<_>>());
        assert_eq!(own.iter().sum::<usize>(), rows);
    }
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

#[test]
fn items_are_each_done_once_by_a_thread_with_its_own() {
    for threads in [1, 2, 3] {
        let pool = Pool::new(threads);
        let mut items: Vec<String> = (0..20).map(|i| i.to_string()).collect();
        let mut own = vec![0; threads];
        pool.for_each_item(&mut items, &mut own, &|own, item| {
            *own += 1;
            item.push('x');
        });
        assert_eq!(items, (0..20).map(|i| format!("{i}x")).collect::<Vec<_>>());
        assert_eq!(own.iter().sum::<i32>(), 20);
        let few = catch_unwind(AssertUnwindSafe(|| {
            pool.for_each_item(&mut [0; 4], &mut own[1..], &|_, _| {});
        }));
        assert!(few.is_err(), "{threads} threads");
    }
}
