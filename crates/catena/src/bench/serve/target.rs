//! The server that is measured: one that is already there, or ours in a process of its own.

use crate::failure::{Exit, Failure};
use camino::Utf8Path;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::{fs, thread};

/// What stands before the address that a started server prints.
const ADDRESS: &str = "API: ";
/// The name that our own model is served under.
pub(super) const SERVED: &str = "measured";

/// What a measured server's keys and values may take: enough for every conversation, and full soon
/// enough for its memory to stay what it is.
pub(super) const CACHE_BYTES: u64 = 5 << 28;

/// A running server.
pub(super) struct Target {
    pub(super) url: String,
    /// The model's name in requests.
    pub(super) model: String,
    /// Our own process; ends with this.
    child: Option<Child>,
}

impl Target {
    /// A server that somebody else runs.
    pub(super) fn at(url: &str, model: &str) -> Self {
        Self { url: url.to_owned(), model: model.to_owned(), child: None }
    }

    /// Ours with a model, for so many sequences at once, whose keys and values take at most so many
    /// bytes.
    pub(super) fn of_model(
        path: &Utf8Path,
        threads: usize,
        sequences: usize,
        cache_bytes: u64,
    ) -> Result<Self, Failure> {
        let model = format!("{SERVED}={path}");
        let (sequences, cache) = (sequences.to_string(), cache_bytes.to_string());
        let limits = ["--max-sequences", &sequences, "--cache-bytes", &cache];
        Self::start(threads, &[&[model.as_str()], &limits[..]].concat())
    }

    /// Ours with a model that takes no time.
    pub(super) fn instant() -> Result<Self, Failure> {
        let speeds = ["--sim-step-ms", "0.001", "--sim-sequence-ms", "0.001"];
        let reading = ["--sim-prompt-tokens-per-second", "1000000000"];
        Self::start(1, &[&["--simulate", SERVED][..], &speeds, &reading].concat())
    }

    fn start(threads: usize, args: &[&str]) -> Result<Self, Failure> {
        let goal = "cannot start a server to measure";
        let failed = |error: std::io::Error| Failure::new(Exit::Environment, goal, error);
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .args(["--threads", &threads.to_string(), "serve", "--port", "0"])
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let mut target = Self { url: String::new(), model: SERVED.to_owned(), child: Some(child) };
        let mut last = String::new();
        while target.url.is_empty() {
            let Some(line) = lines.next().transpose().map_err(failed)? else {
                return Err(Failure::new(Exit::Environment, goal, last));
            };
            if let Some((_, address)) = line.split_once(ADDRESS) {
                let address = address.split_whitespace().next().unwrap_or_default();
                address.trim_end_matches("/v1").clone_into(&mut target.url);
            }
            last = line;
        }
        // It must not wait for somebody to read what it says.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(target)
    }

    /// The resident bytes of our own process.
    pub(super) fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.as_ref()?.id()));
        let status = status.ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok().map(|kib: u64| kib * 1024)
    }

    /// Processor time of our own process's threads so far, in ticks: of those that serve HTTP, and
    /// of all.
    pub(super) fn ticks(&self) -> Option<(u64, u64)> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.as_ref()?.id())).ok()?;
        let (mut http, mut all) = (0, 0);
        for task in tasks.filter_map(Result::ok) {
            let stat = fs::read_to_string(task.path().join("stat")).ok()?;
            let (name, ticks) = thread_ticks(&stat)?;
            all += ticks;
            http += if name == "http" { ticks } else { 0 };
        }
        Some((http, all))
    }
}

/// Processor time of this process so far, in ticks, threads that have ended included.
pub(super) fn own_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    Some(thread_ticks(&stat)?.1)
}

/// A thread's name and its ticks, in user and in system mode, from its `stat`.
fn thread_ticks(stat: &str) -> Option<(&str, u64)> {
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    // The state is field 3, the times are fields 14 and 15.
    let mut times = after.split_whitespace().skip(11).map(|ticks| ticks.parse::<u64>().ok());
    Some((name, times.next()?? + times.next()??))
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // One that has ended already needs no end.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::thread_ticks;

    #[test]
    fn the_times_of_a_thread_are_read() {
        let stat = "7 (tokio (1) x) S 1 7 7 0 -1 4194560 9 0 0 0 120 34 0 0 20 0 5 0 1 2 3";
        assert_eq!(thread_ticks(stat), Some(("tokio (1) x", 154)));
        assert_eq!(thread_ticks("7 (http) S 1"), None);
    }
}
