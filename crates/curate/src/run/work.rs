//! The folder of a run: whose work it holds, and what of it is done.

use super::part_files::{PartFiles, write_atomically};
use super::side_files::{SideFile, SideFiles};
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

/// Raised when the same plan gives other results than before.
const VERSION: u32 = 3;

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
}

impl Work {
    /// Opens `folder` for the work of `plan` over `inputs`; what an earlier run of the same work
    /// left there is kept.
    ///
    /// # Errors
    /// [`CurateError::OtherWork`] unless the folder is empty, holds the same work, or may be
    /// overwritten; errors of the inputs and of the disk.
    pub(crate) fn open(
        folder: &Utf8Path,
        plan: &CleaningPlan,
        inputs: &[String],
        options: &ReadOptions,
        (overwrite, cancel): (bool, &Cancel),
    ) -> Result<Self, CurateError> {
        let shards = plan_shards(inputs, options)?;
        let mut hash = Sha256::new();
        hash.update(VERSION.to_le_bytes());
        hash.update(serde_json::to_vec(plan).expect("a plan is plain data"));
        for shard in &shards {
            let version = shard.version.as_deref().unwrap_or_default();
            hash.update(format!("{}\n{}\n{}\n{version}\n", shard.path, shard.id, shard.bytes));
        }
        let side = SideFiles::of(plan, options, cancel)?;
        side.digests.iter().for_each(|digest| hash.update(digest));
        let work = Self {
            folder: folder.to_owned(),
            fingerprint: hex(&hash.finalize()),
            side_files: side.files,
            parts: Part::gather(shards),
        };
        work.claim(plan, overwrite)?;
        Ok(work)
    }

    fn claim(&self, plan: &CleaningPlan, overwrite: bool) -> Result<(), CurateError> {
        let mark = self.folder.join(".work").join("mark.json");
        let found = fs::read(&mark).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let ours = Mark { fingerprint: self.fingerprint.clone() };
        if found.as_ref() == Some(&ours) {
            return Ok(());
        }
        let taken = OWNED.iter().any(|name| self.folder.join(name).exists());
        if taken && !overwrite {
            return Err(CurateError::OtherWork { folder: self.folder.clone() });
        }
        self.clear()?;
        let text = toml::to_string_pretty(plan).expect("a plan is plain data");
        write_atomically(&self.folder.join("plan.toml"), text.as_bytes())?;
        let bytes = serde_json::to_vec(&ours).expect("plain data");
        write_atomically(&mark, &bytes)
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
        PartFiles::new(&self.folder, &part.name())
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
