//! A kill between every two effects.

use super::{World, ran, state, text};
use catena_protocol::{Cancel, NoProgress};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many effects are left before the pretended kill.
#[derive(Default)]
pub(crate) struct Crash(Cell<Option<usize>>);

impl Crash {
    /// Passes one point between two effects.
    pub(crate) fn pass(&self) {
        match self.0.get() {
            None => {}
            // Unwinds without the noise of a panic; nothing on the way cleans up files.
            Some(0) => resume_unwind(Box::new("killed")),
            Some(left) => self.0.set(Some(left - 1)),
        }
    }
}

/// The second run of a project in which `b` changed and old results have to go, killed after
/// `effects` effects. Returns whether it got that far.
fn second_run_is_killed_and_mended(effects: usize) -> bool {
    let (_guard, dir) = state();
    let mut world = World::default();
    for value in 1..=3 {
        world.values.insert("b", value);
        world.run(&dir).unwrap();
    }
    world.values.insert("b", 4);
    let pipeline = world.open(&dir);
    pipeline.crash.0.set(Some(effects));
    let run = || pipeline.run(&NoProgress, &Cancel::new(), &mut |_, _| {});
    let killed = catch_unwind(AssertUnwindSafe(run)).is_err();
    drop(pipeline);

    let mended = world.run(&dir).unwrap();
    assert_eq!(text(&mended, "d"), "d0b4a0c0a0", "after {effects} effects");
    assert!(ran(&mended).iter().all(|name| ["b", "d"].contains(&name.as_str())));
    assert!(ran(&world.run(&dir).unwrap()).is_empty(), "after {effects} effects");
    for stage in ["a", "b", "c", "d", "e"] {
        let left = dir.join("stages").join(stage).read_dir_utf8().unwrap();
        for folder in left.map(|entry| entry.unwrap().into_path()) {
            let finished = folder.extension().is_none() && folder.join("text").is_file();
            assert!(finished, "{folder} is left after {effects} effects");
        }
    }
    killed
}

#[test]
fn a_kill_between_any_two_effects_is_mended_by_the_next_run() {
    let effects = (0..100).take_while(|effects| second_run_is_killed_and_mended(*effects)).count();
    assert!((12..100).contains(&effects), "{effects} points were tried");
}
