//! A real kill of a real process.

use super::{Toy, ran, state};
use crate::stage::{Settings, Stage, StageContext, Summary};
use crate::{Pipeline, PipelineError};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, NoProgress};
use catena_store::StoreError;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// Tells the child which folder to work in.
const CHILD_DIR: &str = "CATENA_PIPELINE_TEST_CHILD";

/// Writes half of its result, says so, and waits until it is killed; resumes if the half is there.
struct Slow;

impl Stage for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn version(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [&'static str] {
        &["quick"]
    }
    fn settings(&self) -> Settings {
        Settings::new()
    }
    fn run(&self, context: &StageContext<'_>) -> Result<Summary, Box<dyn Error + Send + Sync>> {
        let half = context.dir().join("half");
        let resumed = half.exists();
        std::fs::write(&half, "half")?;
        if !resumed {
            std::io::stdout().write_all(b"half is written\n")?;
            std::io::stdout().flush()?;
            // Nobody writes to this pipe: the kill ends the wait.
            std::io::stdin().read_line(&mut String::new())?;
        }
        Ok(Summary::from_iter([("resumed".to_owned(), resumed.into())]))
    }
}

fn open(dir: &Utf8Path) -> Result<Pipeline, PipelineError> {
    let quick = Toy {
        name: "quick",
        inputs: &[],
        value: 1,
        runs: std::sync::Arc::default(),
        cancel: None,
        fails: false,
    };
    Pipeline::open(dir, vec![Box::new(quick), Box::new(Slow)])
}

/// Not a test of its own: what the child of the next one runs.
#[test]
fn child() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        let dir = Utf8PathBuf::from_path_buf(dir.into()).unwrap();
        open(&dir).unwrap().run(&NoProgress, &Cancel::new(), &mut |_, _| {}).unwrap();
    }
}

#[test]
fn a_killed_process_frees_the_project_and_its_stage_resumes() {
    let (_guard, dir) = state();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::child", "--nocapture"])
        .env(CHILD_DIR, &dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let said = output.lines().map(Result::unwrap).any(|line| line.contains("half is written"));
    assert!(said, "the child ended before it wrote anything");

    let held = open(&dir).err().unwrap();
    let PipelineError::Store(StoreError::Locked { holder, .. }) = &held else { panic!("{held}") };
    assert_eq!(holder.as_deref(), Some(child.id().to_string().as_str()));

    child.kill().unwrap();
    child.wait().unwrap();
    let finished = open(&dir).unwrap().run(&NoProgress, &Cancel::new(), &mut |_, _| {}).unwrap();
    assert_eq!(ran(&finished), ["slow".to_owned()].into());
    assert_eq!(finished.stages[1].summary["resumed"], true);
}
