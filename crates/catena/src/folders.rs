//! Folders below a project that hold the work of commands.

use camino::{Utf8Path, Utf8PathBuf};
use std::io;
use std::time::{Duration, SystemTime};

/// How deep below the project they are looked for, and in how many folders.
const DEPTH: usize = 5;
const MAX_FOLDERS: usize = 2000;
/// Folders without such work that may be large.
const PASSED_OVER: [&str; 4] = ["target", "node_modules", "artefacts", "tensorboard"];

/// A folder that holds work.
pub(crate) struct Found {
    pub(crate) folder: Utf8PathBuf,
    written: SystemTime,
}

impl Found {
    /// How long ago its file was written.
    pub(crate) fn idle(&self) -> Duration {
        SystemTime::now().duration_since(self.written).unwrap_or_default()
    }
}

/// The `most` folders below `project` whose file `holds` names was written last, the newest first.
/// Nothing is looked for below one.
pub(crate) fn find(
    project: &Utf8Path,
    most: usize,
    holds: impl Fn(&Utf8Path) -> Option<Utf8PathBuf>,
) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    enter(project, DEPTH, &mut 0, &holds, &mut found)?;
    found.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| a.folder.cmp(&b.folder)));
    found.truncate(most);
    Ok(found)
}

fn enter(
    dir: &Utf8Path,
    depth: usize,
    folders: &mut usize,
    holds: &dyn Fn(&Utf8Path) -> Option<Utf8PathBuf>,
    found: &mut Vec<Found>,
) -> io::Result<()> {
    let mut below = Vec::new();
    for entry in dir.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            below.push(entry.path().to_owned());
        }
    }
    below.sort();
    for folder in below {
        let name = folder.file_name().unwrap_or_default();
        let hidden = name.starts_with('.') && name != ".catena";
        if hidden || PASSED_OVER.contains(&name) || *folders >= MAX_FOLDERS {
            continue;
        }
        *folders += 1;
        if let Some(file) = holds(&folder) {
            found.push(Found { written: std::fs::metadata(file)?.modified()?, folder });
        } else if depth > 0 {
            enter(&folder, depth - 1, folders, holds, found)?;
        }
    }
    Ok(())
}
