//! Running other programs.

use crate::error::TaskError;
use camino::Utf8PathBuf;
use std::process::{Command, ExitStatus, Stdio};

/// The checkout: the folder above this crate's manifest, as cargo tells it when it runs us. What
/// was known when we were compiled may be another checkout that shares the build folder.
pub(crate) fn root() -> Utf8PathBuf {
    let compiled_in = || env!("CARGO_MANIFEST_DIR").to_owned();
    let manifest_dir =
        Utf8PathBuf::from(variable("CARGO_MANIFEST_DIR").unwrap_or_else(compiled_in));
    manifest_dir.parent().expect("xtask stands in the checkout").to_owned()
}

/// The user's cache for Catena, as the product computes it.
pub(crate) fn cache_dir() -> Utf8PathBuf {
    let cache_home = variable("XDG_CACHE_HOME").map(Utf8PathBuf::from);
    let home = || Utf8PathBuf::from(variable("HOME").unwrap_or_else(|| ".".to_owned()));
    cache_home.unwrap_or_else(|| home().join(".cache")).join("catena")
}

/// Where cargo builds: outside the checkout unless the user chose a place, and in a folder of this
/// checkout's own. Cargo names a workspace's crates by their place inside it and decides by file
/// times, so in a folder shared by two checkouts it may take the crates of one for the other's.
pub(crate) fn target_dir() -> Utf8PathBuf {
    let own = root().as_str().trim_start_matches('/').replace('/', "_");
    variable("CARGO_TARGET_DIR")
        .map_or_else(|| cache_dir().join("target").join(own), Utf8PathBuf::from)
}

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `program` with `args` in the checkout, building where [`target_dir`] says.
///
/// What cargo told us about our own package is taken away: build scripts look at it (`ring`'s does),
/// and would run again, with all that stands on them, whenever somebody calls cargo directly.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).env("CARGO_TARGET_DIR", target_dir());
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy();
        if ours.starts_with("CARGO_PKG_") || ours.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Says what runs, runs it, and turns a bad end into an error.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<(), TaskError> {
    run_command(command(program, args))
}

/// [`run`] for a prepared command.
pub(crate) fn run_command(mut command: Command) -> Result<(), TaskError> {
    let shown = show(&command);
    println!("$ {shown}");
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|source| TaskError::Start { program, source })?;
    ended_well(shown, status)
}

/// [`run_command`] for a command whose answer is its lines on standard output.
pub(crate) fn lines_of(mut command: Command) -> Result<Vec<String>, TaskError> {
    let shown = show(&command);
    println!("$ {shown}");
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| TaskError::Start { program, source })?;
    ended_well(shown, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

fn ended_well(command: String, status: ExitStatus) -> Result<(), TaskError> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(130);
    Err(TaskError::Command { command, status: status.to_string(), code })
}

/// Replaces this process by the command, so that Ctrl-C reaches only the command.
pub(crate) fn become_command(mut command: Command) -> TaskError {
    use std::os::unix::process::CommandExt;
    println!("$ {}", show(&command));
    let program = command.get_program().to_string_lossy().into_owned();
    TaskError::Start { program, source: command.exec() }
}

/// First line a program prints, or `None` if it is not there.
pub(crate) fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().unwrap_or_default().trim().to_owned();
    output.status.success().then_some(line)
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
