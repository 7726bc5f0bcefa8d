//! Listening, and ending well.

use crate::app::App;
use axum::Router;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that had begun was answered.
    Drained,
    /// Some were still running when their time was over and were cut off.
    CutOff,
}

/// Serves `router` on `listener` until `shutdown` resolves; then refuses new requests, lets the
/// running ones end within `drain`, and returns.
///
/// # Errors
/// If the listener fails.
pub async fn serve(
    listener: TcpListener,
    app: App,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> io::Result<Ended> {
    let (begun, drain_begun) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        app.begin_drain();
        // The receiver is gone only when the server ended by itself.
        let _ = begun.send(());
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(signal);
    let deadline = async move {
        match drain_begun.await {
            Ok(()) => tokio::time::sleep(drain).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = server => ended.map(|()| Ended::Drained),
        () = deadline => Ok(Ended::CutOff),
    }
}
