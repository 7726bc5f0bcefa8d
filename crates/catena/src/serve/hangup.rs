//! SIGHUP, which tells a server to read its configuration again.

use crate::progress::say;
use tokio::runtime::Handle;

/// Calls `reload` on a thread of its own at each SIGHUP, as long as the runtime lives.
#[cfg(unix)]
pub(super) fn on_hangup(runtime: &Handle, reload: impl Fn() + Send + Sync + 'static) {
    use std::sync::Arc;
    use tokio::signal::unix::{SignalKind, signal};
    // Every other command ends at SIGHUP, as at Ctrl-C. tokio would call that handler too.
    // SAFETY: setting a disposition has no conditions, and the default one runs no code of ours.
    unsafe {
        libc::signal(libc::SIGHUP, libc::SIG_DFL);
    }
    let _guard = runtime.enter();
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            say(&format!("warning: SIGHUP will not read the configuration again: {error}"));
            return;
        }
    };
    let reload = Arc::new(reload);
    runtime.spawn(async move {
        while hangups.recv().await.is_some() {
            let reload = reload.clone();
            // A panic in it was printed, and the server goes on with what it had.
            let _ = tokio::task::spawn_blocking(move || reload()).await;
        }
    });
}

#[cfg(not(unix))]
pub(super) fn on_hangup(_runtime: &Handle, _reload: impl Fn() + Send + Sync + 'static) {}
