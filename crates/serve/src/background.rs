//! Work that no connection waits for.

use std::sync::Arc;
use tokio::sync::watch;

/// Counts what runs in the background, so that the server does not end before it. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Background(Arc<watch::Sender<usize>>);

impl Background {
    /// Something begins; it runs until what is handed back is dropped.
    pub(crate) fn begin(&self) -> Running {
        self.0.send_modify(|count| *count += 1);
        Running(self.clone())
    }

    /// Waits until nothing runs.
    pub(crate) async fn all_ended(&self) {
        // The sender is here, so that the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Something that runs.
pub(crate) struct Running(Background);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
