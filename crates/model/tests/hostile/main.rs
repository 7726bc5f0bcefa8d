//! Changed model files: whatever a file says, it is read or refused, in bounded time and memory.
//!
//! Every case is a target (a real model and what is changed of it) and a seed; what a seed does is
//! always the same. `cases.txt` keeps those that once went wrong. `CATENA_HOSTILE_CASES` sets how many
//! seeds are tried of each target, for long runs:
//!
//! ```text
//! CATENA_HOSTILE_CASES=20000 cargo test --release --test hostile
//! ```

mod change;
mod read;
mod target;

use peak_alloc::PeakAlloc;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use target::Target;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Seeds of each target that every run tries.
const CASES: u64 = 60;
/// Cases that once went wrong: target, seed, what happened.
const KEPT: &str = include_str!("cases.txt");
/// Memory that no small file may ask for. The tables of rotary embeddings for 262,144 positions are
/// the largest thing that a few bytes can rightly ask for.
const MAX_BYTES: usize = 1 << 30;
/// Time after which a file counts as one that never ends.
const MAX_TIME: Duration = Duration::from_secs(30);

/// Whether the changed model was accepted, or what went wrong.
fn outcome(target: &Target, seed: u64) -> Result<bool, String> {
    let folder = tempfile::tempdir().expect("there is room for a copy");
    let folder = camino::Utf8Path::from_path(folder.path()).expect("paths are UTF-8");
    target.write_changed(folder, seed);
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let begin = Instant::now();
    let read = catch_unwind(AssertUnwindSafe(|| target.read(folder)));
    let (time, bytes) = (begin.elapsed(), MEMORY.peak_usage().saturating_sub(before));
    match read {
        Err(_) => Err("panics".to_owned()),
        Ok(_) if bytes > MAX_BYTES => Err(format!("takes {} MiB", bytes >> 20)),
        Ok(_) if time > MAX_TIME => Err(format!("takes {time:?}")),
        Ok(accepted) => Ok(accepted),
    }
}

#[test]
fn kept_cases_stay_right() {
    let targets = target::all();
    for line in KEPT.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (name, seed) = (words.next().expect("a name"), words.next().expect("a seed"));
        let target = targets.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("`{name}` is no target"));
        let outcome = outcome(target, seed.parse().expect("a number"));
        assert!(outcome.is_ok(), "{line}: {outcome:?}");
    }
}

#[test]
fn changed_files_are_read_or_refused() {
    let told = std::env::var("CATENA_HOSTILE_CASES").ok();
    let cases = told.map_or(CASES, |told| told.parse().expect("a number of cases"));
    let (mut accepted, mut refused, mut faults) = (0, 0, Vec::new());
    for target in target::all() {
        assert!(target.read(&target.folder), "{}: unchanged, it is refused", target.name);
        for seed in 0..cases {
            match outcome(&target, seed) {
                Ok(true) => accepted += 1,
                Ok(false) => refused += 1,
                Err(fault) => faults.push(format!("{} {seed} {fault}", target.name)),
            }
        }
    }
    assert!(faults.is_empty(), "lines for cases.txt:\n{}", faults.join("\n"));
    // Changes that are all refused at the door would try nothing behind it.
    let all = accepted + refused;
    assert!(accepted > all / 20 && refused > all / 4, "{accepted} of {all} accepted");
}
