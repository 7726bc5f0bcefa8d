//! Tests of fingerprints, plans and interruption, with toy stages.

mod config;
mod crash;
mod kill;

pub(crate) use crash::Crash;

use crate::stage::{Settings, Stage, StageContext, Summary};
use crate::{Action, Finished, Pipeline, PipelineError};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, NoProgress, StageStatus};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Toy graph: `a -> b -> d`, `a -> c -> d`, `e` alone.
const GRAPH: [(&str, &[&str]); 5] =
    [("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"]), ("e", &[])];

struct Toy {
    name: &'static str,
    inputs: &'static [&'static str],
    value: u32,
    runs: Arc<AtomicUsize>,
    cancel: Option<Cancel>,
    fails: bool,
}

impl Stage for Toy {
    fn name(&self) -> &'static str {
        self.name
    }
    fn version(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [&'static str] {
        self.inputs
    }
    fn settings(&self) -> Settings {
        BTreeMap::from([(format!("{}.value", self.name), self.value.to_string())])
    }
    fn run(&self, context: &StageContext<'_>) -> Result<Summary, Box<dyn Error + Send + Sync>> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let half = context.dir().join("half");
        let resumed = half.exists();
        std::fs::write(&half, b"half")?;
        if let Some(cancel) = self.cancel.as_ref().filter(|_| !resumed) {
            cancel.cancel();
            return Err("stopped".into());
        }
        if self.fails {
            return Err("the toy broke".into());
        }
        let mut text = format!("{}{}", self.name, self.value);
        for input in self.inputs {
            text += &std::fs::read_to_string(context.input(input).join("text"))?;
        }
        std::fs::write(context.dir().join("text"), &text)?;
        let mut summary = Summary::new();
        summary.insert("resumed".to_owned(), resumed.into());
        Ok(summary)
    }
}

#[derive(Default)]
struct World {
    values: BTreeMap<&'static str, u32>,
    runs: BTreeMap<&'static str, Arc<AtomicUsize>>,
    cancel_in: Option<(&'static str, Cancel)>,
    fail_in: Option<&'static str>,
}

impl World {
    fn open(&self, dir: &Utf8Path) -> Pipeline {
        let stages = GRAPH.iter().map(|(name, inputs)| {
            let stage: Box<dyn Stage> = Box::new(Toy {
                name,
                inputs,
                value: self.values.get(name).copied().unwrap_or(0),
                runs: self.runs.get(name).cloned().unwrap_or_default(),
                cancel: self.cancel_in.as_ref().filter(|(n, _)| n == name).map(|(_, c)| c.clone()),
                fails: self.fail_in == Some(*name),
            });
            stage
        });
        Pipeline::open(dir, stages.collect()).unwrap()
    }

    fn run(&self, dir: &Utf8Path) -> Result<Finished, PipelineError> {
        let cancel = self.cancel_in.as_ref().map_or_else(Cancel::new, |(_, c)| c.clone());
        self.open(dir).run(&NoProgress, &cancel, &mut |_, _| {})
    }
}

fn state() -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join(".catena")).unwrap();
    (dir, path)
}

fn ran(finished: &Finished) -> BTreeSet<String> {
    let ran = finished.stages.iter().filter(|s| s.status == StageStatus::Ran);
    ran.map(|s| s.name.clone()).collect()
}

fn text(finished: &Finished, stage: &str) -> String {
    std::fs::read_to_string(finished.outputs[stage].join("text")).unwrap()
}

#[test]
fn a_second_run_runs_nothing() {
    let (_guard, dir) = state();
    let world = World::default();
    assert_eq!(ran(&world.run(&dir).unwrap()).len(), 5);
    let second = world.run(&dir).unwrap();
    assert!(ran(&second).is_empty());
    assert_eq!(text(&second, "d"), "d0b0a0c0a0");
}

#[test]
fn a_setting_taken_back_finds_its_old_result() {
    let (_guard, dir) = state();
    let mut world = World::default();
    world.run(&dir).unwrap();
    world.values.insert("b", 7);
    assert_eq!(ran(&world.run(&dir).unwrap()), ["b", "d"].map(str::to_owned).into());
    world.values.remove("b");
    let third = world.run(&dir).unwrap();
    assert!(ran(&third).is_empty());
    assert_eq!(text(&third, "d"), "d0b0a0c0a0");
}

#[test]
fn only_two_results_of_a_stage_are_kept() {
    let (_guard, dir) = state();
    let mut world = World::default();
    for value in 0..5 {
        world.values.insert("e", value);
        world.run(&dir).unwrap();
    }
    let left = dir.join("stages/e").read_dir_utf8().unwrap().count();
    assert_eq!(left, 2);
}

#[test]
fn the_plan_says_why() {
    let (_guard, dir) = state();
    let mut world = World::default();
    let plan = world.open(&dir).plan().unwrap();
    assert!(plan.iter().all(|p| p.action == Action::Run));
    assert_eq!(plan[1].reasons, ["no result yet", "`a` runs"]);
    world.run(&dir).unwrap();
    world.values.insert("b", 3);
    let plan = world.open(&dir).plan().unwrap();
    let said: Vec<String> = plan
        .iter()
        .map(|p| format!("{} {:?} {}", p.name, p.action, p.reasons.join("; ")))
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn an_interrupted_stage_resumes_in_its_folder() {
    let (_guard, dir) = state();
    let mut world = World { cancel_in: Some(("c", Cancel::new())), ..World::default() };
    let error = world.run(&dir).unwrap_err();
    assert!(matches!(error, PipelineError::Interrupted { stage: "c" }), "{error}");
    let plan = world.open(&dir).plan().unwrap();
    let actions: Vec<Action> = plan.iter().map(|p| p.action.clone()).collect();
    assert_eq!(actions, [Action::Cached, Action::Cached, Action::Resume, Action::Run, Action::Run]);
    world.cancel_in = None;
    let finished = world.run(&dir).unwrap();
    assert_eq!(ran(&finished), ["c", "d", "e"].map(str::to_owned).into());
    assert_eq!(finished.stages[2].summary["resumed"], true);
}

#[test]
fn a_kill_between_rename_and_record_is_mended() {
    let (_guard, dir) = state();
    let world = World::default();
    let finished = world.run(&dir).unwrap();
    // The folder is in place, the record never got to the disk.
    let database = catena_store::Database::open(&dir.join("state.sqlite")).unwrap();
    database.write(|tx| tx.execute("DELETE FROM stage_results WHERE name = 'd'", &[])).unwrap();
    drop(database);
    let second = world.run(&dir).unwrap();
    assert_eq!(ran(&second), ["d".to_owned()].into());
    assert_eq!(text(&second, "d"), text(&finished, "d"));
}

#[test]
fn a_removed_result_is_made_again() {
    let (_guard, dir) = state();
    let world = World::default();
    let finished = world.run(&dir).unwrap();
    std::fs::remove_dir_all(&finished.outputs["a"]).unwrap();
    assert_eq!(ran(&world.run(&dir).unwrap()), ["a".to_owned()].into());
}

#[test]
fn a_result_with_a_missing_or_short_file_is_made_again() {
    let (_guard, dir) = state();
    let world = World::default();
    let finished = world.run(&dir).unwrap();
    std::fs::write(finished.outputs["a"].join("text"), "").unwrap();
    std::fs::remove_file(finished.outputs["e"].join("half")).unwrap();
    let second = world.run(&dir).unwrap();
    assert_eq!(ran(&second), ["a", "e"].map(str::to_owned).into());
    assert_eq!(second.stages[0].summary["resumed"], false, "nothing of a damaged result is used");
    assert_eq!(text(&second, "a"), "a0");
}

#[test]
fn a_result_that_was_used_again_is_not_the_one_to_go() {
    let (_guard, dir) = state();
    let mut world = World::default();
    for value in [0, 1, 0, 2, 0] {
        world.values.insert("e", value);
        world.run(&dir).unwrap();
    }
    let last = world.run(&dir).unwrap();
    assert!(ran(&last).is_empty());
    world.values.insert("e", 1);
    let plan = world.open(&dir).plan().unwrap();
    assert_eq!(plan[4].reasons, ["e.value 0 -> 1"], "compared with the result used last");
}

#[test]
fn a_failing_stage_is_named_and_what_is_done_stays() {
    let (_guard, dir) = state();
    let mut world = World { fail_in: Some("d"), ..World::default() };
    let error = world.run(&dir).unwrap_err();
    assert_eq!(error.to_string(), "stage `d` did not finish");
    assert_eq!(error.source().unwrap().to_string(), "the toy broke");
    world.fail_in = None;
    assert_eq!(ran(&world.run(&dir).unwrap()), ["d", "e"].map(str::to_owned).into());
}

#[test]
fn two_processes_do_not_share_a_project() {
    let (_guard, dir) = state();
    let world = World::default();
    let _held = world.open(&dir);
    let error = Pipeline::open(&dir, Vec::new()).err().unwrap();
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Changing values reruns exactly the changed stages and what depends on them.
    #[test]
    fn exactly_the_dependents_run(changed in proptest::collection::btree_set(0_usize..5, 0..5)) {
        let (_guard, dir) = state();
        let mut world = World::default();
        for (name, _) in GRAPH {
            world.runs.insert(name, Arc::default());
        }
        world.run(&dir).unwrap();
        let mut expected: BTreeSet<&str> = changed.iter().map(|&i| GRAPH[i].0).collect();
        for (name, inputs) in GRAPH {
            if inputs.iter().any(|input| expected.contains(input)) {
                expected.insert(name);
            }
        }
        for &i in &changed {
            world.values.insert(GRAPH[i].0, 9);
        }
        let finished = world.run(&dir).unwrap();
        prop_assert_eq!(ran(&finished), expected.iter().map(|s| (*s).to_owned()).collect());
        for (name, _) in GRAPH {
            let runs = world.runs[name].load(Ordering::SeqCst);
            prop_assert_eq!(runs, if expected.contains(name) { 2 } else { 1 });
        }
    }
}
