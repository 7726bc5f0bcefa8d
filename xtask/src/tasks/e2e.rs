//! The browser test against the real thing: the example project, served.

use super::deps::{For, ensure};
use super::product::{EXAMPLE, build, product, pull};
use super::studio;
use crate::error::TaskError;
use crate::process::run;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Stdio};

/// How the line begins that tells where the studio is.
const ADDRESS: &str = "http://127.0.0.1:";

/// Serves the example on a free port and drives its studio in the browser.
pub(crate) fn e2e() -> Result<(), TaskError> {
    ensure(For::Tests)?;
    build()?;
    pull()?;
    let mut up = product(&["up", EXAMPLE, "--port", "0"]);
    let started = up.stderr(Stdio::piped()).spawn();
    let program = "bin/catena".to_owned();
    let mut server =
        Server(started.map_err(|source| TaskError::Start { program: program.clone(), source })?);
    let stderr = server.0.stderr.take().expect("stderr was piped");
    let Some(address) = forward_until_address(stderr) else {
        let status = server.0.wait().map_err(|source| TaskError::Start { program, source })?;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(70);
        let command = format!("bin/catena up {EXAMPLE}");
        return Err(TaskError::Command { command, status: status.to_string(), code });
    };
    studio::browser_test(Some(&address))
}

/// Prints what the server says until it tells its address, and goes on printing beside.
fn forward_until_address(stderr: ChildStderr) -> Option<String> {
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let address = lines.by_ref().find_map(|line| {
        eprintln!("{line}");
        let from = &line[line.find(ADDRESS)?..];
        let end = from.find(|c: char| c.is_whitespace()).unwrap_or(from.len());
        Some(from[..end].trim_end_matches(['/', '.', ',']).to_owned())
    });
    std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
    address
}

/// The served project, stopped as Ctrl-C stops it.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = run("sh", &["-c", &format!("kill -INT {}", self.0.id())]).is_ok();
        if !stopped {
            // It ended by itself, or cannot be told to; either way nothing must be left running.
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
