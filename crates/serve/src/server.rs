//! Listening, and ending well.

use crate::access::protect;
use crate::app::App;
use crate::connection::{self, Connections};
use crate::tls::Tls;
use axum::Router;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::net::TcpListener;

/// Wait after a failed `accept`: the usual cause is too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time in which the last words of cut off answers are sent.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every request that had begun was answered.
    Drained,
    /// Some were still running when their time was over and were cut off.
    CutOff,
}

/// Where and how a server listens.
pub struct Endpoint {
    /// The listener.
    pub listener: TcpListener,
    /// Encrypts connections.
    pub tls: Option<Tls>,
    /// Limits of connections.
    pub connections: ConnectionLimits,
}

impl Endpoint {
    /// An endpoint without encryption.
    pub fn plain(listener: TcpListener) -> Self {
        Self { listener, tls: None, connections: ConnectionLimits::default() }
    }
}

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Most connections at once; more wait in the system's queue.
    pub max_connections: usize,
    /// Most bytes of a request's line and headers.
    pub max_header_bytes: usize,
    /// Most headers of a request.
    pub max_headers: usize,
    /// Time for the handshake, and for the headers of each request; a connection that asks for
    /// nothing as long is closed.
    pub header_timeout: Duration,
    /// Longest time for which a client may take nothing of an answer.
    pub write_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_header_bytes: 64 << 10,
            max_headers: 100,
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
        }
    }
}

/// Serves `router` behind the guard of `app` until `shutdown` resolves; then refuses new requests, for
/// a while in words and after that by not listening, lets the running ones end within the time of the app's settings, tells the others that they are cut off,
/// and returns.
///
/// # Errors
/// If the listener's address cannot be read.
pub async fn serve(
    endpoint: Endpoint,
    app: App,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Ended> {
    let Endpoint { listener, tls, connections: limits } = endpoint;
    let service = protect(&app, router);
    let connections = Connections::new(limits.max_connections);
    {
        let mut accept = pin!(accept(&listener, &connections, tls.as_ref(), &service, limits));
        tokio::select! {
            () = shutdown => {}
            () = &mut accept => {}
        }
        app.begin_drain();
        // Only the end of the time ends it.
        let _ = tokio::time::timeout(app.settings().shutdown.delay, accept).await;
    }
    drop(listener);
    connections.begin_end();
    let drain = app.settings().shutdown.drain;
    let all_ended = async || {
        connections.all_ended().await;
        app.background().all_ended().await;
    };
    let is_drained = tokio::time::timeout(drain, all_ended()).await.is_ok();
    if !is_drained {
        app.cut_off();
        let _ = tokio::time::timeout(LAST_WORDS, all_ended()).await;
    }
    // A panic in it loses the last lines of a log, and no answer.
    let _ = tokio::task::spawn_blocking(move || app.flush()).await;
    Ok(if is_drained { Ended::Drained } else { Ended::CutOff })
}

/// Takes connections, each in a task of its own, for as long as it is polled.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    tls: Option<&Tls>,
    service: &Router,
    limits: ConnectionLimits,
) {
    loop {
        let place = connections.place().await;
        match listener.accept().await {
            Ok(client) => {
                let tls = tls.map(Tls::acceptor);
                let ending = connections.ending();
                let work = connection::run(client, tls, service.clone(), limits, ending);
                tokio::spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
