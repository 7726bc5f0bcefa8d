//! The room on the disk that a run's checkpoints take.

use super::record::gib;
use crate::failure::{Exit, Failure};
use crate::machine::free_disk_bytes;
use camino::Utf8Path;
use catena_train::{Checkpoint, Forecast};
use serde::{Deserialize, Serialize};

/// Checkpoints, and what the disk has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::train) struct DiskPlan {
    /// How many will be written, each in the place of the one before.
    pub(in crate::train) checkpoints: u64,
    pub(in crate::train) checkpoint_bytes: u64,
    /// The most that is there at a time: a new one is whole before the old one goes.
    pub(in crate::train) peak_bytes: u64,
    /// What the run's folder has of them already.
    pub(in crate::train) held_bytes: u64,
    /// Nothing where the system does not tell.
    pub(in crate::train) free_bytes: Option<u64>,
}

impl DiskPlan {
    /// Of a run whose checkpoints go into `dir`.
    ///
    /// # Errors
    /// The disk has no room for a single one.
    pub(in crate::train) fn new(forecast: &Forecast, dir: &Utf8Path) -> Result<Self, Failure> {
        let file = dir.join(Checkpoint::FILE_NAME);
        let held_bytes = std::fs::metadata(file).map_or(0, |file| file.len());
        Self::of(forecast, held_bytes, free_disk_bytes(dir)).checked(dir)
    }

    fn of(forecast: &Forecast, held_bytes: u64, free_bytes: Option<u64>) -> Self {
        let &Forecast { checkpoints, checkpoint_bytes, .. } = forecast;
        let at_once = if held_bytes > 0 || checkpoints > 1 { 2 } else { 1 };
        let peak_bytes = at_once * checkpoint_bytes;
        Self { checkpoints, checkpoint_bytes, peak_bytes, held_bytes, free_bytes }
    }

    /// Refuses a run that would lose its steps when it saves them.
    fn checked(self, dir: &Utf8Path) -> Result<Self, Failure> {
        let needed = self.checkpoint_bytes;
        let Some(free) = self.free_bytes.filter(|&free| free < needed) else { return Ok(self) };
        let cause = format!(
            "a checkpoint in `{dir}` takes {}, and {} are free there",
            gib(needed),
            gib(free)
        );
        Err(Failure::new(Exit::Environment, "the run does not fit the disk", cause)
            .hint("free some space, or choose an `output` on another disk"))
    }

    /// What is said before the first step.
    pub(super) fn line(&self) -> String {
        let (one, most) = (gib(self.checkpoint_bytes), gib(self.peak_bytes));
        let what = match self.checkpoints {
            1 => format!("a checkpoint of {one}"),
            count => format!("{count} checkpoints of {one}, one in the place of the other"),
        };
        let free = self.free_bytes.map_or_else(String::new, |free| format!(", {} free", gib(free)));
        let warning = if self.is_short() { "; too little for a second one beside it" } else { "" };
        format!("        disk {what}: {most} at most{free}{warning}")
    }

    /// Whether the second checkpoint will find no room.
    fn is_short(&self) -> bool {
        self.free_bytes.is_some_and(|free| free.saturating_add(self.held_bytes) < self.peak_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn disk(checkpoints: u64, held: u64, free: u64) -> DiskPlan {
        let checkpoint_bytes = 100 * MIB;
        let forecast = Forecast { checkpoints, checkpoint_bytes, ..Forecast::default() };
        DiskPlan::of(&forecast, held * MIB, Some(free * MIB))
    }

    #[test]
    fn a_run_is_refused_when_no_checkpoint_fits() {
        let dir = Utf8Path::new("out/run");
        assert!(disk(3, 0, 100).checked(dir).is_ok());
        let refused = disk(3, 0, 99).checked(dir).unwrap_err();
        assert_eq!(refused.exit(), Exit::Environment);
        // One that goes on writes the next beside the one that is there.
        assert!(disk(3, 100, 99).checked(dir).is_err());
        assert!(DiskPlan { free_bytes: None, ..disk(3, 0, 0) }.checked(dir).is_ok());
    }

    #[test]
    fn two_are_there_while_one_takes_the_place_of_the_other() {
        assert_eq!(
            disk(3, 0, 150).line(),
            "        disk 3 checkpoints of 100 MiB, one in the place of the other: 200 MiB at most, \
             150 MiB free; too little for a second one beside it"
        );
        assert_eq!(
            disk(1, 0, 150).line(),
            "        disk a checkpoint of 100 MiB: 100 MiB at most, 150 MiB free"
        );
        assert!(!disk(1, 100, 100).is_short() && !disk(3, 0, 200).is_short());
    }
}
