//! Progress on standard error: a bar on a terminal, plain lines in a log.

use catena_protocol::Progress;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
        let template = match total {
            Some(_) if is_bytes(unit) => {
                "  {prefix:<18} {bar:28} {bytes}/{total_bytes} {bytes_per_sec} {eta} {wide_msg}"
            }
            Some(_) => "  {prefix:<18} {bar:28} {pos}/{len} {per_sec} {eta} {wide_msg}",
            None => "  {prefix:<18} {spinner} {pos} {per_sec} {wide_msg}",
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

/// Whether a unit is that of sizes, which are shown as people read them.
fn is_bytes(unit: &str) -> bool {
    ["bytes", "B"].contains(&unit)
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
    /// What, how far, how fast, how long to go after `seconds`.
    fn line(&self, seconds: f64) -> String {
        let mut line = self.so_far(seconds);
        if let Some(total) = self.total.filter(|&total| self.done > 0 && total > self.done) {
            let rate = self.done as f64 / seconds.max(1e-3);
            line.push_str(&format!(", {:.0} s to go", (total - self.done) as f64 / rate));
        }
        self.with_note(line)
    }

    /// What, how far and how fast when it has ended after `seconds`.
    fn last_line(&self, seconds: f64) -> String {
        format!("{} in {seconds:.1} s", self.with_note(self.so_far(seconds)))
    }

    fn so_far(&self, seconds: f64) -> String {
        let Self { what, unit, .. } = self;
        // What is counted while it grows may be more than was expected.
        let done = self.total.map_or(self.done, |total| self.done.min(total));
        let rate = done as f64 / seconds.max(1e-3);
        if is_bytes(unit) {
            let total =
                self.total.map_or_else(String::new, |total| format!("/{}", HumanBytes(total)));
            // The rate of sizes is whole bytes.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above")]
            let rate = HumanBytes(rate as u64);
            return format!("  {what}: {}{total} ({rate}/s)", HumanBytes(done));
        }
        let total = self.total.map_or_else(String::new, |total| format!("/{total}"));
        format!("  {what}: {done}{total} {unit} ({rate:.1}/s)")
    }

    fn with_note(&self, mut line: String) -> String {
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
            say(&work.line(work.started.elapsed().as_secs_f64()));
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
            say(&work.last_line(work.started.elapsed().as_secs_f64()));
        }
    }
}

/// Writes a line to standard error; a closed standard error is not worth failing for.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(unit: &str, done: u64, note: &str) -> Work {
        let (started, note) = (Instant::now(), note.to_owned());
        let (what, unit, total) = ("work".to_owned(), unit.to_owned(), Some(4096));
        Work { what, unit, total, done, note, started, printed: started }
    }

    #[test]
    fn lines_say_how_far_and_how_long_and_the_last_one_how_long_it_took() {
        let steps = work("steps", 1024, "loss 2.5");
        assert_eq!(steps.line(2.0), "  work: 1024/4096 steps (512.0/s), 6 s to go, loss 2.5");
        assert_eq!(steps.last_line(2.0), "  work: 1024/4096 steps (512.0/s), loss 2.5 in 2.0 s");
    }

    #[test]
    fn sizes_are_shown_as_people_read_them_and_never_above_the_whole() {
        for unit in ["bytes", "B"] {
            let half = work(unit, 2048, "");
            assert_eq!(half.line(1.0), "  work: 2.00 KiB/4.00 KiB (2.00 KiB/s), 1 s to go");
            assert_eq!(work(unit, 9000, "").line(2.0), "  work: 4.00 KiB/4.00 KiB (2.00 KiB/s)");
        }
    }
}
