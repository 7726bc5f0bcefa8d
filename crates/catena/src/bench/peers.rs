//! Other engines, run by the scripts in `bench/peers` of this repository.

use super::cells::Samples;
use super::infer::{BATCH_PROMPT, BATCHES, DEPTHS, GENERATED, PREFILLS};
use crate::failure::{Exit, Failure};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// The script that measures the peers of this area, below the repository's root.
const SCRIPT: &str = "bench/peers/infer.py";

/// The peers' script.
pub(crate) struct Peers {
    script: Utf8PathBuf,
}

/// What the script prints.
#[derive(Deserialize)]
struct Measured {
    versions: BTreeMap<String, String>,
    /// Peer, then cell, then figure.
    peers: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Peers {
    /// Finds the script and lets it install what it measures, once per user.
    pub(crate) fn find() -> Result<Self, Failure> {
        let script = Utf8PathBuf::from(SCRIPT);
        if !script.exists() {
            let cause = format!("there is no `{SCRIPT}` here");
            return Err(Failure::new(Exit::Usage, "cannot measure other engines", cause)
                .hint("run it in a checkout of Catena, or leave out --peers"));
        }
        let peers = Self { script };
        peers.call(&["install"])?;
        Ok(peers)
    }

    /// One round of every peer; returns their versions.
    pub(crate) fn round(
        &self,
        model: &Utf8Path,
        format: &str,
        threads: usize,
        samples: &mut BTreeMap<String, Samples>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let task = json!({
            "model": model, "format": format, "threads": threads, "prefills": PREFILLS,
            "depths": DEPTHS, "batches": BATCHES, "batch_prompt": BATCH_PROMPT,
            "generated": GENERATED,
        });
        let text = self.call(&["round", &task.to_string()])?;
        let measured: Measured = serde_json::from_str(&text).map_err(|error| {
            Failure::new(Exit::Bug, format!("cannot read what `{}` printed", self.script), error)
        })?;
        for (peer, cells) in measured.peers {
            let samples = samples.entry(peer).or_default();
            for (name, value) in cells {
                samples.push(&name, value);
            }
        }
        Ok(measured.versions)
    }

    fn call(&self, args: &[&str]) -> Result<String, Failure> {
        let goal = format!("cannot run `python3 {}`", self.script);
        let output = Command::new("python3")
            .arg(&self.script)
            .args(args)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| Failure::new(Exit::Environment, goal.clone(), error))?;
        if !output.status.success() {
            let cause = format!("it ended with {}; its own lines are above", output.status);
            return Err(Failure::new(Exit::Environment, goal, cause));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
