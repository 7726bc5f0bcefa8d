//! Progress on standard error: a bar on a terminal, plain lines in a log.

use catena_protocol::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a log gets a line about running work.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Chooses bars or lines once, by whether standard error is a terminal.
pub(crate) fn for_stderr() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::default())
    }
}

/// One bar at a time, drawn by `indicatif`.
#[derive(Default)]
struct Bars(Mutex<Option<ProgressBar>>);

impl Bars {
    fn with(&self, use_bar: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            use_bar(bar);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) {
        let template = match (total, unit) {
            (Some(_), "bytes") => {
                "  {prefix:<18} {bar:28} {bytes}/{total_bytes} {bytes_per_sec} {eta} {wide_msg}"
            }
            (Some(_), _) => "  {prefix:<18} {bar:28} {pos}/{len} {per_sec} {eta} {wide_msg}",
            (None, _) => "  {prefix:<18} {spinner} {pos} {per_sec} {wide_msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the templates are constants");
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.set_prefix(what.to_owned());
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = slot.replace(bar) {
            old.finish_and_clear();
        }
    }

    fn update(&self, done: u64) {
        self.with(|bar| bar.set_position(done));
    }

    fn note(&self, text: &str) {
        self.with(|bar| bar.set_message(text.to_owned()));
    }

    fn end(&self) {
        if let Some(bar) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

struct Work {
    what: String,
    unit: String,
    total: Option<u64>,
    done: u64,
    note: String,
    started: Instant,
    printed: Instant,
}

impl Work {
    /// What, how far, how fast, how long to go.
    fn line(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let rate = self.done as f64 / seconds;
        let mut line = format!("  {}: {}", self.what, self.done);
        if let Some(total) = self.total {
            line.push_str(&format!("/{total}"));
        }
        line.push_str(&format!(" {} ({rate:.1}/s)", self.unit));
        if let Some(total) = self.total.filter(|&total| self.done > 0 && total > self.done) {
            line.push_str(&format!(", {:.0} s to go", (total - self.done) as f64 / rate));
        }
        if !self.note.is_empty() {
            line.push_str(&format!(", {}", self.note));
        }
        line
    }
}

/// A line when ten seconds have passed since the last one.
#[derive(Default)]
struct Lines(Mutex<Option<Work>>);

impl Progress for Lines {
    fn begin(&self, what: &str, total: Option<u64>, unit: &str) {
        let now = Instant::now();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Work {
            what: what.to_owned(),
            unit: unit.to_owned(),
            total,
            done: 0,
            note: String::new(),
            started: now,
            printed: now,
        });
    }

    fn update(&self, done: u64) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = slot.as_mut() else { return };
        work.done = done;
        if work.printed.elapsed() >= LINE_INTERVAL {
            work.printed = Instant::now();
            say(&work.line());
        }
    }

    fn note(&self, text: &str) {
        if let Some(work) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            text.clone_into(&mut work.note);
        }
    }

    fn end(&self) {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work.filter(|work| work.started.elapsed() >= Duration::from_secs(2)) {
            say(&format!("{} in {:.1} s", work.line(), work.started.elapsed().as_secs_f64()));
        }
    }
}

/// Writes a line to standard error; a closed standard error is not worth failing for.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
