//! Runs the built binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary with a clean environment: no terminal, no network sources.
pub(crate) fn catena(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("CATENA_SIMD")
        .env_remove("HF_ENDPOINT")
        .env("HF_HUB_OFFLINE", "1")
        .env("COLUMNS", "100");
    command
}

/// What a finished command printed.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn done(output: Output) -> Done {
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn run(args: &[&str]) -> Done {
    done(catena(args).output().unwrap())
}

/// The folder of real models and documents.
pub(crate) fn test_models() -> PathBuf {
    let folder = std::env::var_os("CATENA_TEST_MODELS").map(PathBuf::from);
    folder.expect("CATENA_TEST_MODELS names a folder of models; `make test` pulls and sets it")
}

/// Writes `catena.toml` and returns the project's path as text.
pub(crate) fn project(dir: &Path, config: &str) -> String {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("catena.toml"), config).unwrap();
    dir.to_str().unwrap().to_owned()
}

/// A shell script that may mount small disks for itself; none where the machine lets no user do so.
#[expect(clippy::print_stderr, reason = "who reads the test's output shall know")]
pub(crate) fn with_mounts(script: &str) -> Option<Command> {
    let namespace = ["--user", "--map-root-user", "--mount"];
    let allowed = Command::new("unshare").args(namespace).arg("true").status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("not tested: this machine does not let a user mount a small disk");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(namespace).args(["sh", "-c", script, "sh"]);
    Some(command)
}

/// What commands that end well print, one after the other.
pub(crate) fn printed(commands: &[&[&str]]) -> String {
    let page = |args: &&[&str]| {
        let done = run(args);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        format!("$ catena {}\n{}", args.join(" "), done.stdout)
    };
    commands.iter().map(page).collect::<Vec<_>>().join("\n")
}
