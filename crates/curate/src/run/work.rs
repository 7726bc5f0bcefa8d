//! The folder of a run: whose work it holds, and what of it is done.

use super::curate::read_card;
use super::part_files::{PartFiles, write_whole};
use super::side_files::{SideFile, SideFiles};
use super::table::is_table;
use super::write::digest;
use crate::account::CardInput;
use crate::documents::Part;
use crate::error::CurateError;
use crate::functions::empty_audit;
use crate::plan::CleaningPlan;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{PiiAudit, ReadOptions, Scratch, Shard, plan_shards};
use catena_protocol::Cancel;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::{fs, io};

/// Memory of looking for repeats.
const SCRATCH_BYTES: usize = 256 << 20;

/// Raised when the same plan gives other results than before, or leaves other files on the way.
const VERSION: u32 = 4;

/// What [`Work`] owns in its folder; all of it goes when work begins anew.
const OWNED: [&str; 10] = [
    "README.md",
    "attributes",
    "card.json",
    "data",
    "duplicates.parquet",
    "passages.parquet",
    "pii_audit.json",
    "plan.toml",
    "rejected",
    "report.html",
];

/// Whose work a folder holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Mark {
    fingerprint: String,
    /// The start of the machine in which the work was begun, if files count before they are on the
    /// disk: a later one may find them torn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// Under what conditions a folder is taken.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    /// Whether other work in it may be replaced.
    pub(crate) overwrite: bool,
    /// Whether every file is to be on the disk before it counts.
    pub(crate) sync: bool,
    pub(crate) cancel: &'a Cancel,
}

/// The work of one run.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    /// The output folder.
    pub(crate) folder: Utf8PathBuf,
    /// Digest of the plan, the inputs and the files that the plan names.
    pub(crate) fingerprint: String,
    /// The files that the plan names.
    pub(crate) side_files: Vec<SideFile>,
    /// The units of work.
    pub(crate) parts: Vec<Part>,
    /// Whether every file is on the disk before it counts.
    pub(crate) sync: bool,
}

impl Work {
    /// Opens `folder` for the work of `plan` over `inputs`; what an earlier run of the same work
    /// left there is kept.
    ///
    /// # Errors
    /// [`CurateError::OtherWork`] unless the folder is empty, holds the same work, or may be
    /// overwritten; errors of the inputs, after which the folder is as it was, and of the disk.
    pub(crate) fn open(
        folder: &Utf8Path,
        plan: &CleaningPlan,
        inputs: &[String],
        options: &ReadOptions,
        claim: Claim<'_>,
    ) -> Result<Self, CurateError> {
        let shards = plan_shards(inputs, options)?;
        let mut hash = Sha256::new();
        hash.update(VERSION.to_le_bytes());
        hash.update(serde_json::to_vec(plan).expect("a plan is plain data"));
        for shard in &shards {
            let version = shard.version.as_deref().unwrap_or_default();
            hash.update(format!("{}\n{}\n{}\n{version}\n", shard.path, shard.id, shard.bytes));
        }
        let side = SideFiles::of(plan, options, claim.cancel)?;
        side.digests.iter().for_each(|digest| hash.update(digest));
        let work = Self {
            folder: folder.to_owned(),
            fingerprint: hex(&hash.finalize()),
            side_files: side.files,
            parts: Part::gather(shards),
            // Where starts of the machine cannot be told apart, nothing counts that is not there.
            sync: claim.sync || boot().is_none(),
        };
        work.claim(plan, claim)?;
        Ok(work)
    }

    fn claim(&self, plan: &CleaningPlan, claim: Claim<'_>) -> Result<(), CurateError> {
        let mark = self.folder.join(".work").join("mark.json");
        let found = fs::read(&mark).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let found = found.filter(|found: &Mark| found.fingerprint == self.fingerprint);
        if let Some(Mark { boot: began, .. }) = &found
            && (began.is_none() || *began == boot() || self.is_whole(claim.cancel)?)
        {
            return Ok(());
        }
        let taken = OWNED.iter().any(|name| self.folder.join(name).exists());
        if taken && found.is_none() && !claim.overwrite {
            return Err(CurateError::OtherWork { folder: self.folder.clone() });
        }
        self.clear()?;
        let text = toml::to_string_pretty(plan).expect("a plan is plain data");
        write_whole(&self.folder.join("plan.toml"), text.as_bytes(), self.sync)?;
        let boot = if self.sync { None } else { boot() };
        let ours = Mark { fingerprint: self.fingerprint.clone(), boot };
        let bytes = serde_json::to_vec(&ours).expect("plain data");
        write_whole(&mark, &bytes, true)
    }

    /// Whether the work was done, and all of it is still there: what nobody waited for may have
    /// been lost with the machine's power.
    fn is_whole(&self, cancel: &Cancel) -> Result<bool, CurateError> {
        let Ok(card) = read_card(&self.folder) else { return Ok(false) };
        let mut tables = self.parts.iter().map(|part| self.files(part).attributes);
        if !tables.all(|path| is_table(&path)) || !is_table(&self.folder.join("duplicates.parquet"))
        {
            return Ok(false);
        }
        for file in &card.files {
            let path = self.folder.join(&file.path);
            if !path.exists() || digest(&path, cancel)? != file.sha256 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes a whole file of the folder.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CurateError> {
        write_whole(&self.folder.join(name), bytes, self.sync)
    }

    fn clear(&self) -> Result<(), CurateError> {
        for name in OWNED.into_iter().chain([".work"]) {
            let path = self.folder.join(name);
            if path.is_dir() {
                fs::remove_dir_all(&path).map_err(CurateError::io("remove", &path))?;
            }
            remove_if_there(&path)?;
        }
        Ok(())
    }

    /// The files of `part`.
    pub(crate) fn files(&self, part: &Part) -> PartFiles {
        PartFiles::new(&self.folder, &part.name(), self.sync)
    }

    /// Where and with what memory repeats are looked for.
    pub(crate) fn scratch(&self, threads: usize) -> Scratch {
        Scratch { folder: self.folder.join(".work"), memory_bytes: SCRATCH_BYTES, threads }
    }

    /// The inputs, file by file.
    pub(crate) fn inputs(&self) -> Vec<CardInput> {
        inputs_of(self.parts.iter().flat_map(|part| &part.shards))
    }

    /// What was masked in all parts, for review; none if nothing was looked for.
    pub(crate) fn audit(&self) -> Result<Option<PiiAudit>, CurateError> {
        let mut audit: Option<PiiAudit> = None;
        for part in &self.parts {
            let path = self.files(part).audit;
            if !path.exists() {
                continue;
            }
            let bytes = fs::read(&path).map_err(CurateError::io("read", &path))?;
            let part = serde_json::from_slice(&bytes).map_err(io::Error::from);
            let part = part.map_err(CurateError::io("read", &path))?;
            audit.get_or_insert_with(empty_audit).merge(part);
        }
        Ok(audit)
    }

    /// Removes what only the run itself needs; its mark stays.
    pub(crate) fn tidy(&self) -> Result<(), CurateError> {
        for part in &self.parts {
            let files = self.files(part);
            remove_if_there(&files.audit)?;
            remove_if_there(&files.cut)?;
            remove_if_there(&files.documents)?;
        }
        Ok(())
    }

    /// Whether the whole work was done before.
    pub(crate) fn is_done(&self) -> bool {
        self.folder.join("card.json").exists()
    }
}

/// The files of `shards`, in their order.
pub(crate) fn inputs_of<'s>(shards: impl IntoIterator<Item = &'s Shard>) -> Vec<CardInput> {
    let mut files: Vec<CardInput> = Vec::new();
    for shard in shards {
        match files.last_mut() {
            Some(file) if *file.path == *shard.path => file.bytes += shard.bytes,
            _ => files.push(CardInput {
                path: shard.path.to_string(),
                bytes: shard.bytes,
                version: shard.version.as_deref().map(str::to_owned),
                sha256: None,
            }),
        }
    }
    files
}

/// What tells this start of the machine from others; none where the system does not say.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// `bytes` as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

fn remove_if_there(path: &Utf8Path) -> Result<(), CurateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CurateError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
