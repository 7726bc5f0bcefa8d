//! A compiler with the standard library for Arm, in the cache.

use super::super::deps::DEBIAN_KEYS;
use super::packages::{RUSTC, to_download};
use super::version::version;
use crate::error::TaskError;
use crate::process::{cache_dir, command, first_line, lines_of, run_command};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Debian's newest, whose compiler follows Rust's releases by some weeks; its signature is checked.
/// Only the lists of packages are fetched.
fn source() -> String {
    format!("deb [signed-by={DEBIAN_KEYS} target=Packages] http://deb.debian.org/debian sid main\n")
}

const NATIVE: &str = "amd64";
const ARM: &str = "arm64";
/// The oldest that will do: what the workspace asks for.
const MIN_RUSTC: &str = env!("CARGO_PKG_RUST_VERSION");

/// Runs the compiler with the C library it was built for, which is newer than most systems'.
const WRAPPER: &str = r#"#!/bin/sh
root=${0%/*}/root
rustc=$root/usr/bin/rustc
libraries=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" --argv0 "$rustc" "$rustc" "$@"
"#;

/// The compiler, fetched if it is not there yet.
pub(super) fn installed() -> Result<Utf8PathBuf, TaskError> {
    let home = cache_dir().join("arm");
    let (rustc, stamp) = (home.join("rustc"), home.join("installed.txt"));
    let wanted = [&source(), WRAPPER].concat();
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        check_version(&rustc, &home)?;
        return Ok(rustc);
    }
    remove(&home)?;
    fetch(&home).map_err(|cause| TaskError::NoCompiler { cause: Box::new(cause) })?;
    fs::write(&rustc, WRAPPER).map_err(TaskError::file(&rustc))?;
    fs::set_permissions(&rustc, PermissionsExt::from_mode(0o755))
        .map_err(TaskError::file(&rustc))?;
    check_version(&rustc, &home)?;
    fs::write(&stamp, wanted).map_err(TaskError::file(&stamp))?;
    Ok(rustc)
}

fn check_version(rustc: &Utf8Path, home: &Utf8Path) -> Result<(), TaskError> {
    let found = first_line(rustc.as_str(), &["--version"]).unwrap_or_default();
    if version(&found) >= version(MIN_RUSTC) {
        return Ok(());
    }
    Err(TaskError::OldProgram {
        program: RUSTC,
        found: if found.is_empty() { "not able to run".to_owned() } else { found },
        needed: MIN_RUSTC,
        hint: format!("remove the folder {home}; the next call fetches Debian's newest"),
    })
}

/// Leaves the unpacked packages at `root` in `home`.
fn fetch(home: &Utf8Path) -> Result<(), TaskError> {
    let apt = Apt::new(&home.join("apt"))?;
    apt.run("apt-get", &["update", "-q"])?;
    let depends = lines_of(apt.command("apt-cache", &["depends", "-i", "--recurse", RUSTC]))?;
    let packages = to_download(&depends, NATIVE, ARM);
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    apt.run("apt-get", &[&["download", "-q"], packages.as_slice()].concat())?;
    let root = home.join("root");
    fs::create_dir_all(&root).map_err(TaskError::file(&root))?;
    for file in apt.downloads.read_dir_utf8().map_err(TaskError::file(&apt.downloads))? {
        let file = file.map_err(TaskError::file(&apt.downloads))?;
        run_command(command("dpkg", &["-x", file.path().as_str(), root.as_str()]))?;
    }
    remove(&apt.folder)
}

/// Debian's package manager with folders of its own, so that what it knows of the system stays.
struct Apt {
    folder: Utf8PathBuf,
    configuration: Utf8PathBuf,
    downloads: Utf8PathBuf,
}

impl Apt {
    fn new(folder: &Utf8Path) -> Result<Self, TaskError> {
        let downloads = folder.join("downloads");
        for made in [&downloads, &folder.join("lists"), &folder.join("cache")] {
            fs::create_dir_all(made).map_err(TaskError::file(made))?;
        }
        let configuration = folder.join("apt.conf");
        let files = [
            (folder.join("sources.list"), source()),
            // No package counts as installed.
            (folder.join("status"), String::new()),
            (configuration.clone(), settings(folder)),
        ];
        for (path, text) in files {
            fs::write(&path, text).map_err(TaskError::file(&path))?;
        }
        Ok(Self { folder: folder.to_owned(), configuration, downloads })
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), TaskError> {
        run_command(self.command(program, args))
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let with = ["-c", self.configuration.as_str()];
        let mut command = command(program, &[&with, args].concat());
        command.current_dir(&self.downloads);
        command
    }
}

/// On top of the system's own, which may name a proxy: other folders, both architectures, a failed
/// download is an error, and nothing runs afterwards.
fn settings(folder: &Utf8Path) -> String {
    format!(
        r#"Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
APT::Architecture "{NATIVE}";
#clear APT::Architectures;
APT::Architectures {{ "{NATIVE}"; "{ARM}"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

fn remove(folder: &Utf8Path) -> Result<(), TaskError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(TaskError::file(folder))?;
    }
    Ok(())
}
