//! Other engines, run by the scripts in `bench/peers` of this repository.

use super::cells::Samples;
use crate::failure::{Exit, Failure};
use camino::Utf8PathBuf;
use catena_protocol::Cancel;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// The script that measures the peers of this area, below the repository's root.
const SCRIPT: &str = "bench/peers/infer.py";
/// How often a running script is looked at, and Ctrl-C with it.
const LOOK: Duration = Duration::from_millis(50);

/// The peers' script.
pub(crate) struct Peers<'a> {
    script: Utf8PathBuf,
    cancel: &'a Cancel,
    /// The names of those that are wanted; all if empty.
    only: &'a [String],
    /// What could not be installed, and why.
    absent: BTreeMap<String, String>,
}

/// All that the peers measured, before medians are taken.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    /// Peer, then cell, then figures.
    pub(crate) samples: BTreeMap<String, Samples>,
    /// How our results compare with theirs, by cell.
    pub(crate) checks: Samples,
    pub(crate) versions: BTreeMap<String, String>,
    /// What could not be measured, and how the rest was.
    pub(crate) notes: BTreeMap<String, String>,
}

impl Collected {
    /// The peers' figures of a cell.
    pub(crate) fn medians(&self, name: &str) -> BTreeMap<String, f64> {
        let measured = self.samples.iter();
        measured.filter_map(|(peer, all)| Some((peer.clone(), all.median(name)?))).collect()
    }
}

/// What the script prints.
#[derive(Deserialize)]
struct Measured {
    versions: BTreeMap<String, String>,
    /// Peer, then cell, then figure.
    peers: BTreeMap<String, BTreeMap<String, f64>>,
    checks: BTreeMap<String, f64>,
    notes: BTreeMap<String, String>,
}

/// What the script prints after installing.
#[derive(Deserialize)]
struct Installed {
    notes: BTreeMap<String, String>,
}

impl<'a> Peers<'a> {
    /// The engines: finds their script and lets it install what it measures, once per user.
    pub(crate) fn find(only: &'a [String], cancel: &'a Cancel) -> Result<Self, Failure> {
        Self::of(SCRIPT, only, cancel)
    }

    /// The peers of another `script`.
    pub(crate) fn of(
        script: &str,
        only: &'a [String],
        cancel: &'a Cancel,
    ) -> Result<Self, Failure> {
        let script = Utf8PathBuf::from(script);
        if !script.exists() {
            let cause = format!("there is no `{script}` here");
            return Err(Failure::new(Exit::Usage, "cannot measure other engines", cause)
                .hint("run it in a checkout of Catena, or leave out --peers"));
        }
        let mut peers = Self { script, cancel, only, absent: BTreeMap::new() };
        if !only.is_empty() {
            let known: Vec<String> = peers.call("names", "")?;
            if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
                let cause = format!("no engine is called `{unknown}`");
                return Err(Failure::new(Exit::Usage, "cannot measure other engines", cause)
                    .hint(format!("known names: {}", known.join(", "))));
            }
        }
        let installed: Installed = peers.call("install", "")?;
        peers.absent = installed.notes;
        Ok(peers)
    }

    /// One round of every peer of the task's area. If the script itself fails, that is a note: what
    /// was measured before is worth keeping.
    pub(crate) fn round(&self, mut task: Value, into: &mut Collected) -> Result<(), Failure> {
        task["only"] = self.only.into();
        task["without"] = self.absent.keys().cloned().collect();
        let measured: Measured = match self.call("round", &task.to_string()) {
            Ok(measured) => measured,
            Err(failure) if failure.exit() == Exit::Interrupted => return Err(failure),
            Err(failure) => {
                let about = format!("peers, {}", task["format"].as_str().unwrap_or_default());
                let cause = std::error::Error::source(&failure).map(ToString::to_string);
                into.notes.insert(about, format!("{failure}: {}", cause.unwrap_or_default()));
                return Ok(());
            }
        };
        for (peer, cells) in measured.peers {
            let samples = into.samples.entry(peer).or_default();
            for (name, value) in cells {
                samples.push(&name, value);
            }
        }
        for (name, value) in measured.checks {
            into.checks.push(&name, value);
        }
        into.versions.extend(measured.versions);
        into.notes.extend(self.absent.clone());
        into.notes.extend(measured.notes);
        Ok(())
    }

    fn call<T: for<'de> Deserialize<'de>>(&self, verb: &str, input: &str) -> Result<T, Failure> {
        let goal = format!("cannot run `python3 {}`", self.script);
        let failed = |error: std::io::Error| Failure::new(Exit::Environment, goal.clone(), error);
        let mut child = Command::new("python3")
            .arg(&self.script)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let mut stdout = child.stdout.take().expect("stdout is piped");
        // The script may print before it has read everything, so both ends move at once.
        let (status, text) = thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input.as_bytes()));
            let text = scope.spawn(move || {
                let mut text = String::new();
                stdout.read_to_string(&mut text).map(|_| text)
            });
            let status = self.wait(&mut child);
            (status, text.join().expect("reading does not panic"))
        });
        let status = status.map_err(failed)?;
        check_cancel(self.cancel)?;
        if !status.success() {
            let cause = format!("it ended with {status}; its own lines are above");
            return Err(Failure::new(Exit::Environment, goal, cause));
        }
        serde_json::from_str(&text.map_err(failed)?).map_err(|error| {
            Failure::new(Exit::Bug, format!("cannot read what `{}` printed", self.script), error)
        })
    }

    /// Waits for the script's end, and brings it about if the user asks to stop.
    fn wait(&self, child: &mut Child) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if self.cancel.is_cancelled() {
                child.kill()?;
                return child.wait();
            }
            thread::sleep(LOOK);
        }
    }
}

/// Ends the measurement if the user asked to stop.
pub(crate) fn check_cancel(cancel: &Cancel) -> Result<(), Failure> {
    if cancel.is_cancelled() { Err(interrupted()) } else { Ok(()) }
}

/// The user asked to stop.
pub(crate) fn interrupted() -> Failure {
    Failure::new(Exit::Interrupted, "the measurement did not finish", "Ctrl-C")
}
