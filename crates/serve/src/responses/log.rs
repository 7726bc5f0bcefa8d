//! The events of a response in the background, kept so that a client may leave and come back.

use super::store::MAX_BYTES;
use futures_util::stream::{self, Stream};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Bytes of events that a reader takes at once.
const PIECE: usize = 16 * 1024;
/// What stands between two events. No event holds it: their data is JSON, whose texts have no line ends.
const END: &[u8] = b"\n\n";

/// Events as they are sent, in order: the first is number 0. Whoever reads them copies a piece at a time, so that
/// a slow reader holds up nobody and takes no memory. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct EventLog(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    /// Changes with the state.
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Where each event ends.
    ends: Vec<usize>,
    /// How many events came.
    count: usize,
    /// Whether no more come.
    is_over: bool,
    /// Whether they are no longer kept.
    is_lost: bool,
}

/// What there is for a reader.
enum Piece {
    Events(Vec<u8>),
    Wait,
    Over,
    Lost,
}

impl EventLog {
    /// One without any.
    fn over() -> Self {
        let log = Self::default();
        log.end();
        log
    }

    /// Adds events. They are lost, all of them, where they would take more room than all responses may.
    pub(super) fn push(&self, events: &[u8]) {
        let mut state = self.state();
        if state.bytes.len() + events.len() > MAX_BYTES {
            state.lose();
            // Whoever read all that was there lacks something too.
            state.count += 1;
        } else if !state.is_lost {
            let start = state.bytes.len();
            state.bytes.extend_from_slice(events);
            let ends = events.windows(END.len()).enumerate().filter(|(_, bytes)| *bytes == END);
            state.ends.extend(ends.map(|(at, _)| start + at + END.len()));
            state.count = state.ends.len();
        }
        drop(state);
        self.0.changed.send_replace(());
    }

    /// No more events come.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.0.changed.send_replace(());
    }

    /// Forgets the events; who reads them is told.
    pub(super) fn lose(&self) {
        self.state().lose();
        self.0.changed.send_replace(());
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.state().count
    }

    /// Bytes that they take.
    pub(super) fn bytes(&self) -> usize {
        self.state().bytes.len()
    }

    /// The events from number `first` on, those that are to come included.
    pub(super) fn read(&self, first: usize) -> impl Stream<Item = Vec<u8>> + Send + use<> {
        let reader = Reader { log: self.clone(), changes: self.0.changed.subscribe(), next: first };
        stream::unfold(reader, |mut reader| async move {
            let piece = reader.piece().await?;
            Some((piece, reader))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lose(&mut self) {
        (self.bytes, self.ends) = (Vec::new(), Vec::new());
        self.is_lost = true;
    }

    /// Events from `next` on, which moves behind them.
    fn piece(&self, next: &mut usize) -> Piece {
        match (*next >= self.count, self.is_over, self.is_lost) {
            (true, true, _) => return Piece::Over,
            (_, _, true) => return Piece::Lost,
            (true, false, false) => return Piece::Wait,
            (false, _, false) => {}
        }
        let start = next.checked_sub(1).map_or(0, |before| self.ends[before]);
        let rest = &self.ends[*next..];
        // One event at least, however long.
        let count = rest.partition_point(|end| end - start <= PIECE).max(1);
        *next += count;
        Piece::Events(self.bytes[start..rest[count - 1]].to_vec())
    }
}

/// One who reads.
struct Reader {
    log: EventLog,
    changes: watch::Receiver<()>,
    next: usize,
}

impl Reader {
    /// Waits for more events; nothing when all were read.
    async fn piece(&mut self) -> Option<Vec<u8>> {
        loop {
            // Before it is looked at: what changes since is seen below.
            self.changes.mark_unchanged();
            let piece = self.log.state().piece(&mut self.next);
            match piece {
                Piece::Events(events) => return Some(events),
                Piece::Over => return None,
                Piece::Lost => {
                    self.log = EventLog::over();
                    return Some(lost());
                }
                Piece::Wait => {
                    // The sender is in the log.
                    let _ = self.changes.changed().await;
                }
            }
        }
    }
}

/// What is told of events that are no longer kept.
fn lost() -> Vec<u8> {
    let error = json!({
        "type": "error",
        "code": "events_lost",
        "message": "the events of this response are no longer kept; ask for the response itself",
        "param": null,
    });
    format!("event: error\ndata: {error}\n\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{EventLog, MAX_BYTES, PIECE};
    use futures_util::{FutureExt, StreamExt};
    use std::pin::pin;

    fn event(number: usize) -> Vec<u8> {
        format!("event: x\ndata: {{\"text\":\"\\n\\n{number}\"}}\n\n").into_bytes()
    }

    async fn all(log: &EventLog, first: usize) -> Vec<u8> {
        log.read(first).collect::<Vec<_>>().await.concat()
    }

    #[tokio::test]
    async fn events_are_read_from_any_of_them_on() {
        let log = EventLog::default();
        let count = PIECE / 20;
        // Several at once, and one after the other.
        log.push(&(0..10).flat_map(event).collect::<Vec<u8>>());
        (10..count).for_each(|number| log.push(&event(number)));
        log.end();
        assert_eq!(log.count(), count);
        for first in [0, 1, 9, 10, count - 1, count, count + 7] {
            let expected: Vec<u8> = (first..count).flat_map(event).collect();
            assert_eq!(all(&log, first).await, expected, "{first}");
        }
        let pieces: Vec<Vec<u8>> = log.read(0).collect().await;
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= PIECE));
    }

    #[tokio::test]
    async fn readers_wait_for_what_is_to_come() {
        let log = EventLog::default();
        let mut early = pin!(log.read(0));
        assert!(early.next().now_or_never().is_none());
        log.push(&event(0));
        assert_eq!(early.next().await, Some(event(0)));
        let mut late = pin!(log.read(1));
        assert!(late.next().now_or_never().is_none());
        log.push(&event(1));
        log.end();
        for mut reader in [early, late] {
            assert_eq!(reader.next().await, Some(event(1)));
            assert_eq!(reader.next().await, None);
        }
    }

    #[tokio::test]
    async fn lost_events_are_told_once() {
        let log = EventLog::default();
        log.push(&event(0));
        let mut reader = pin!(log.read(0));
        assert_eq!(reader.next().await, Some(event(0)));
        log.push(&event(1));
        log.push(&vec![b'x'; MAX_BYTES]);
        assert_eq!(log.bytes(), 0);
        log.push(&event(2));
        let told = reader.next().await.expect("it is told");
        assert!(String::from_utf8(told).expect("UTF-8").contains("\"code\":\"events_lost\""));
        assert_eq!((reader.next().await, log.bytes()), (None, 0));
    }
}
