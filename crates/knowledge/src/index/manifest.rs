//! What a generation holds, and whether it is still what was written.

use super::files::{io, read, sync_folder, write};
use crate::error::KnowledgeError;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::fs;

/// Version of the folder's layout.
const VERSION: u32 = 1;
/// The file that names the generation to read.
const CURRENT: &str = "CURRENT";
const MANIFEST: &str = "manifest.json";
const GENERATION_PREFIX: &str = "gen-";
const BUILD_PREFIX: &str = "build-";

/// One file of a generation.
#[derive(Debug, Serialize, Deserialize)]
struct FileEntry {
    path: Utf8PathBuf,
    bytes: u64,
    crc32c: u32,
}

/// The description of a generation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) embedder: String,
    pub(super) dim: usize,
    pub(super) num_chunks: usize,
    files: Vec<FileEntry>,
}

/// A fresh folder beside the generations of `dir`; what earlier killed builds left is removed.
pub(super) fn begin_generation(dir: &Utf8Path) -> Result<Utf8PathBuf, KnowledgeError> {
    fs::create_dir_all(dir).map_err(io("create", dir))?;
    remove_others(dir, current_generation(dir).ok().as_deref())?;
    let build = dir.join(format!("{BUILD_PREFIX}{}", std::process::id()));
    fs::create_dir(&build).map_err(io("create", &build))?;
    Ok(build)
}

/// Seals the files in `build`, makes them the current generation of `dir`, drops the others.
pub(super) fn publish(
    dir: &Utf8Path,
    build: &Utf8Path,
    embedder: &str,
    dim: usize,
    num_chunks: usize,
) -> Result<(), KnowledgeError> {
    let mut files = Vec::new();
    list(build, build, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let embedder = embedder.to_owned();
    let manifest = Manifest { version: VERSION, embedder, dim, num_chunks, files };
    let json = serde_json::to_vec_pretty(&manifest).expect("a manifest is plain data");
    write(&build.join(MANIFEST), &json)?;
    sync_folder(build)?;

    let name = format!("{GENERATION_PREFIX}{:08x}", crc32c::crc32c(&json));
    let generation = dir.join(&name);
    if !generation.exists() {
        fs::rename(build, &generation).map_err(io("rename", build))?;
    }
    let next = dir.join("CURRENT.new");
    write(&next, name.as_bytes())?;
    fs::rename(&next, dir.join(CURRENT)).map_err(io("rename", &next))?;
    sync_folder(dir)?;
    remove_others(dir, Some(&name))
}

/// The current generation of `dir` and its manifest, every file checked.
pub(super) fn open_current(dir: &Utf8Path) -> Result<(Utf8PathBuf, Manifest), KnowledgeError> {
    let name = current_generation(dir)?;
    let generation = dir.join(&name);
    let path = generation.join(MANIFEST);
    let json = read(&path)?;
    let sealed = u32::from_str_radix(name.trim_start_matches(GENERATION_PREFIX), 16);
    check(&path, "checksum", crc32c::crc32c(&json).into(), sealed.map_or(0, u64::from))?;
    let manifest: Manifest = serde_json::from_slice(&json).map_err(|source| {
        KnowledgeError::Json { path: path.clone(), line: source.line(), source }
    })?;
    check(&path, "format version", manifest.version.into(), VERSION.into())?;
    for file in &manifest.files {
        let path = generation.join(&file.path);
        let bytes = read(&path)?;
        check(&path, "length", bytes.len() as u64, file.bytes)?;
        check(&path, "checksum", crc32c::crc32c(&bytes).into(), file.crc32c.into())?;
    }
    Ok((generation, manifest))
}

/// Says that `path` is damaged unless `found` is `expected`.
pub(super) fn check(
    path: &Utf8Path,
    what: &'static str,
    found: u64,
    expected: u64,
) -> Result<(), KnowledgeError> {
    if found == expected {
        return Ok(());
    }
    Err(KnowledgeError::Damaged { path: path.to_owned(), what, found, expected })
}

/// The name in `CURRENT`, if it is a plain generation name.
fn current_generation(dir: &Utf8Path) -> Result<String, KnowledgeError> {
    let missing = || KnowledgeError::NoIndex { dir: dir.to_owned() };
    let path = dir.join(CURRENT);
    let name = match fs::read_to_string(&path) {
        Ok(name) => name.trim().to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
        Err(source) => return Err(io("read", &path)(source)),
    };
    let digits = name.strip_prefix(GENERATION_PREFIX).ok_or_else(missing)?;
    let plain = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if plain { Ok(name) } else { Err(missing()) }
}

/// Removes every generation and unfinished build of `dir` but `keep`.
fn remove_others(dir: &Utf8Path, keep: Option<&str>) -> Result<(), KnowledgeError> {
    for entry in dir.read_dir_utf8().map_err(io("read", dir))? {
        let entry = entry.map_err(io("read", dir))?;
        let name = entry.file_name();
        let ours = name.starts_with(GENERATION_PREFIX) || name.starts_with(BUILD_PREFIX);
        if ours && Some(name) != keep {
            fs::remove_dir_all(entry.path()).map_err(io("remove", entry.path()))?;
        }
    }
    Ok(())
}

/// Every file under `folder`, by its path from `root`. Lock files are no content.
fn list(
    root: &Utf8Path,
    folder: &Utf8Path,
    files: &mut Vec<FileEntry>,
) -> Result<(), KnowledgeError> {
    for entry in folder.read_dir_utf8().map_err(io("read", folder))? {
        let entry = entry.map_err(io("read", folder))?;
        let path = entry.path();
        if path.is_dir() {
            list(root, path, files)?;
        } else if path.extension() != Some("lock") {
            let bytes = read(path)?;
            let crc32c = crc32c::crc32c(&bytes);
            let path = path.strip_prefix(root).expect("listed under root").to_owned();
            files.push(FileEntry { path, bytes: bytes.len() as u64, crc32c });
        }
    }
    Ok(())
}
