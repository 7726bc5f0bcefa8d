//! Pushes the metrics to a collector, on a thread of its own.
//!
//! A push that is not taken is not tried again: values come together since the start, so that the next
//! one makes up for it.

use super::collect::collect;
use super::otlp::{Starts, metrics};
use crate::app::WeakApp;
use crate::otlp::{Collector, CollectorError, FLUSH, Losses, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Commands that wait: there are hardly any.
const QUEUE: usize = 4;

/// What the pushing thread is sent.
enum Command {
    /// Push what this server measures.
    Watch(WeakApp),
    /// Push now, and answer then.
    Flush(SyncSender<()>),
}

/// A collector that metrics are pushed to. Clones share it.
#[derive(Clone, Debug)]
pub struct MetricsPush {
    commands: SyncSender<Command>,
    lost: Arc<AtomicU64>,
}

impl MetricsPush {
    /// How often metrics are pushed where nobody says otherwise.
    pub const INTERVAL: Duration = Duration::from_mins(1);

    /// Pushes the metrics of `service` to the collector at `url`, over OTLP/HTTP, every `interval`, and
    /// once more before the server ends: to its path `/v1/metrics` unless `url` has a path. `headers` are
    /// in the form of `OTEL_EXPORTER_OTLP_HEADERS`; there may be none.
    ///
    /// # Errors
    /// [`CollectorError`]. Whether the collector answers is seen later.
    pub fn to(
        url: &str,
        service: &str,
        headers: &str,
        interval: Duration,
    ) -> Result<Self, CollectorError> {
        let collector = Collector::at(Signal::Metrics, url, service, headers)?;
        let (commands, inbox) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let losses = Losses::counted_by(Signal::Metrics, lost.clone());
        let mut pusher = Pusher { collector, losses, watched: None };
        std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(move || pusher.run(&inbox, interval))
            .map_err(CollectorError::Thread)?;
        Ok(Self { commands, lost })
    }

    /// Pushes that were not taken.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Pushes what `app` measures from now on.
    pub(crate) fn watch(&self, app: WeakApp) {
        // The thread ends with the last sender.
        let _ = self.commands.send(Command::Watch(app));
    }

    /// Pushes once more, and waits for that for a while.
    pub(crate) fn flush(&self) {
        let (done, pushed) = sync_channel(1);
        // A collector that hangs must not keep the process.
        if self.commands.try_send(Command::Flush(done)).is_ok() {
            let _ = pushed.recv_timeout(FLUSH);
        }
    }
}

struct Pusher {
    collector: Collector,
    losses: Losses,
    watched: Option<(WeakApp, Starts)>,
}

impl Pusher {
    fn run(&mut self, inbox: &Receiver<Command>, interval: Duration) {
        let mut due = Instant::now() + interval;
        loop {
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Command::Watch(app)) => {
                    let begin = app.upgrade().map_or(0, |app| app.created());
                    let starts = Starts::at(Duration::from_secs(begin));
                    self.watched = Some((app, starts));
                }
                Ok(Command::Flush(done)) => {
                    self.push();
                    // Nobody waits any more.
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.push();
                    due = Instant::now() + interval;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Pushes what is known now, if the server is still there.
    fn push(&mut self) {
        let Some((app, starts)) = &mut self.watched else { return };
        let Some(families) = app.upgrade().map(|app| collect(&app)) else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Err(error) = self.collector.send(&metrics(&families, starts, now)) {
            self.losses.add(1, &error);
        }
    }
}
