//! Runs what is out of date.

use crate::error::PipelineError;
use crate::fingerprint::fingerprint;
use crate::memory;
use crate::output::{is_whole, remove_folder, sync_files};
use crate::plan::{Action, PlannedStage, reasons};
use crate::record::{Record, Records};
use crate::stage::{Stage, StageContext, Summary};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Progress, StageReport, StageStatus};
use catena_store::{Database, FileLock, sync_dir};
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

/// Results kept per stage: the current one and the one before, so that a setting can be tried and
/// taken back without running twice.
const KEPT_RESULTS: usize = 2;
/// Digits of the fingerprint in a folder's name.
const FOLDER_DIGITS: usize = 16;

/// The stages of one project, held by one process.
pub struct Pipeline {
    root: Utf8PathBuf,
    stages: Vec<Box<dyn Stage>>,
    records: Records,
    _lock: FileLock,
    #[cfg(test)]
    pub(crate) crash: crate::tests::Crash,
}

/// The results of a finished run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// One report per stage, in order.
    pub stages: Vec<StageReport>,
    /// Folder of every stage's result.
    pub outputs: BTreeMap<&'static str, Utf8PathBuf>,
}

impl Pipeline {
    /// Opens the state under `state_dir` (a project's `.catena`) for `stages`, given in an order
    /// in which inputs come first.
    ///
    /// # Errors
    /// [`PipelineError::Store`] when another process holds the project, or the state cannot be
    /// opened.
    ///
    /// # Panics
    /// If a stage names an input that does not come before it.
    pub fn open(state_dir: &Utf8Path, stages: Vec<Box<dyn Stage>>) -> Result<Self, PipelineError> {
        for (index, stage) in stages.iter().enumerate() {
            for input in stage.inputs() {
                let earlier = stages[..index].iter().any(|other| other.name() == *input);
                assert!(earlier, "`{}` reads `{input}`, which is not before it", stage.name());
            }
        }
        let io = |source| PipelineError::Io { path: state_dir.to_owned(), source };
        fs::create_dir_all(state_dir).map_err(io)?;
        let lock = FileLock::try_acquire(&state_dir.join("lock"))?;
        let records = Records::open(Database::open(&state_dir.join("state.sqlite"))?)?;
        Ok(Self {
            root: state_dir.join("stages"),
            stages,
            records,
            _lock: lock,
            #[cfg(test)]
            crash: crate::tests::Crash::default(),
        })
    }

    /// What [`run`](Self::run) would do.
    ///
    /// # Errors
    /// [`PipelineError::Store`] and [`PipelineError::CorruptRecord`].
    pub fn plan(&self) -> Result<Vec<PlannedStage>, PipelineError> {
        let mut fingerprints = BTreeMap::new();
        let mut planned: Vec<PlannedStage> = Vec::new();
        for stage in &self.stages {
            let name = stage.name();
            let print = fingerprint(stage.as_ref(), &fingerprints);
            let running: Vec<&'static str> = stage
                .inputs()
                .iter()
                .copied()
                .filter(|input| {
                    planned.iter().any(|p| p.name == *input && p.action != Action::Cached)
                })
                .collect();
            let cached = self.cached(name, &print)?.is_some();
            let last = self.records.latest(name)?;
            let action = if cached {
                Action::Cached
            } else if partial(&self.folder(name, &print)).is_dir() {
                Action::Resume
            } else {
                Action::Run
            };
            let reasons = if cached {
                Vec::new()
            } else {
                reasons(last.as_ref(), stage.version(), &stage.settings(), &running)
            };
            let last = last.map(|record| (record.seconds, record.peak_bytes));
            planned.push(PlannedStage { name, action, reasons, last });
            fingerprints.insert(name, print);
        }
        Ok(planned)
    }

    /// Brings every stage up to date. `on_stage` hears of each stage before it is looked at
    /// (`None`) and after (its report).
    ///
    /// # Errors
    /// [`PipelineError::Interrupted`] when `cancel` is set, [`PipelineError::Stage`] with what a
    /// stage says; what is finished stays.
    pub fn run(
        &self,
        progress: &dyn Progress,
        cancel: &Cancel,
        on_stage: &mut dyn FnMut(&'static str, Option<&StageReport>),
    ) -> Result<Finished, PipelineError> {
        let mut fingerprints = BTreeMap::new();
        let mut outputs = BTreeMap::new();
        let mut reports = Vec::new();
        for stage in &self.stages {
            let name = stage.name();
            let print = fingerprint(stage.as_ref(), &fingerprints);
            on_stage(name, None);
            let (record, status) = if let Some(record) = self.cached(name, &print)? {
                self.records.insert(name, &record)?;
                (record, StageStatus::Cached)
            } else {
                let ran = self.run_stage(stage.as_ref(), &print, &outputs, progress, cancel)?;
                (ran, StageStatus::Ran)
            };
            let report = StageReport {
                name: name.to_owned(),
                status,
                seconds: record.seconds,
                peak_bytes: record.peak_bytes,
                summary: record.summary,
            };
            on_stage(name, Some(&report));
            reports.push(report);
            outputs.insert(name, self.folder(name, &print));
            fingerprints.insert(name, print);
        }
        Ok(Finished { stages: reports, outputs })
    }

    fn run_stage(
        &self,
        stage: &dyn Stage,
        print: &str,
        outputs: &BTreeMap<&'static str, Utf8PathBuf>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Record, PipelineError> {
        let name = stage.name();
        if cancel.is_cancelled() {
            return Err(PipelineError::Interrupted { stage: name });
        }
        let folder = self.folder(name, print);
        let work = partial(&folder);
        let io = |source| PipelineError::Io { path: work.clone(), source };
        if self.records.find(name, print)?.is_none() && folder.is_dir() && !work.is_dir() {
            // Killed after the rename and before the record: the stage looks at it once more.
            fs::rename(&folder, &work).map_err(io)?;
            self.effect();
        }
        fs::create_dir_all(&work).map_err(io)?;
        self.effect();
        let inputs = stage.inputs().iter().map(|input| (*input, outputs[input].clone())).collect();
        let context = StageContext { dir: work.clone(), inputs, progress, cancel };
        memory::reset_peak();
        let start = Instant::now();
        let outcome = stage.run(&context);
        progress.end();
        let summary: Summary = outcome.map_err(|source| {
            if cancel.is_cancelled() {
                PipelineError::Interrupted { stage: name }
            } else {
                PipelineError::Stage { stage: name, source }
            }
        })?;
        self.effect();
        let record = Record {
            fingerprint: print.to_owned(),
            version: stage.version(),
            settings: stage.settings(),
            seconds: start.elapsed().as_secs_f64(),
            peak_bytes: memory::peak_bytes(),
            summary,
            files: sync_files(&work)?,
        };
        self.keep(name, &work, &folder, &record)?;
        Ok(record)
    }

    /// Makes a finished result visible, then removes what is too old to keep.
    fn keep(
        &self,
        name: &'static str,
        work: &Utf8Path,
        folder: &Utf8Path,
        record: &Record,
    ) -> Result<(), PipelineError> {
        let io = |source| PipelineError::Io { path: folder.to_owned(), source };
        if folder.is_dir() {
            remove_folder(folder)?;
            self.effect();
        }
        fs::rename(work, folder).map_err(io)?;
        self.effect();
        sync_dir(&self.root.join(name))?;
        self.records.insert(name, record)?;
        self.effect();
        for old in self.records.fingerprints(name)?.iter().skip(KEPT_RESULTS) {
            self.records.remove(name, old)?;
            self.effect();
        }
        self.sweep(name)
    }

    /// Removes the stage's folders that no record points at.
    fn sweep(&self, name: &'static str) -> Result<(), PipelineError> {
        let kept: Vec<Utf8PathBuf> =
            self.records.fingerprints(name)?.iter().map(|p| self.folder(name, p)).collect();
        let parent = self.root.join(name);
        let io = |source| PipelineError::Io { path: parent.clone(), source };
        for entry in parent.read_dir_utf8().map_err(io)? {
            let path = entry.map_err(io)?.into_path();
            if !kept.contains(&path) {
                remove_folder(&path)?;
                self.effect();
            }
        }
        Ok(())
    }

    fn cached(&self, name: &str, print: &str) -> Result<Option<Record>, PipelineError> {
        let record = self.records.find(name, print)?;
        Ok(record.filter(|record| is_whole(&self.folder(name, print), &record.files)))
    }

    fn folder(&self, name: &str, print: &str) -> Utf8PathBuf {
        self.root.join(name).join(&print[..FOLDER_DIGITS])
    }

    /// A point between two effects, where a test may pretend a kill.
    #[cfg(test)]
    fn effect(&self) {
        self.crash.pass();
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "only the test build has something to look at")]
    fn effect(&self) {}
}

fn partial(folder: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{folder}.partial"))
}
