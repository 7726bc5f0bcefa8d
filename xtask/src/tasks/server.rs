//! A product that serves, for tasks that talk to it.

use crate::error::TaskError;
use crate::process::run;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// How the address begins in the line that tells it.
const ADDRESS: &str = "http://127.0.0.1:";

/// A served product, stopped as Ctrl-C stops it.
pub(super) struct Server {
    child: Child,
    /// Where it listens, as `http://host:port`.
    pub(super) address: String,
}

impl Server {
    /// Starts `command` and waits until it tells its address.
    pub(super) fn start(mut command: Command) -> Result<Self, TaskError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
        let shown = [program.clone()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ");
        let started = command.stderr(Stdio::piped()).spawn();
        let child =
            started.map_err(|source| TaskError::Start { program: program.clone(), source })?;
        let mut server = Self { child, address: String::new() };
        let stderr = server.child.stderr.take().expect("stderr was piped");
        if let Some(address) = forward_until_address(stderr) {
            server.address = address;
            return Ok(server);
        }
        let status = server.child.wait().map_err(|source| TaskError::Start { program, source })?;
        let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(70);
        Err(TaskError::Command { command: shown, status: status.to_string(), code })
    }
}

/// Prints what the server says until it tells its address, and goes on printing beside.
fn forward_until_address(stderr: ChildStderr) -> Option<String> {
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let address = lines.by_ref().find_map(|line| {
        eprintln!("{line}");
        let from = &line[line.find(ADDRESS)?..];
        let port = from[ADDRESS.len()..].bytes().take_while(u8::is_ascii_digit).count();
        Some(from[..ADDRESS.len() + port].to_owned())
    });
    std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
    address
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = run("sh", &["-c", &format!("kill -INT {}", self.child.id())]).is_ok();
        if !stopped {
            // It ended by itself, or cannot be told to; either way nothing must be left running.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
