//! A listener before there is anything to serve, and the server that it becomes.

use super::on_demand::OnDemand;
use super::{Options, hangup, logs};
use crate::failure::{Exit, Failure, render};
use crate::models::BoxError;
use crate::progress::say;
use axum::Router;
use catena_protocol::Cancel;
use catena_serve::{App, ConnectionLimits, Endpoint, Observers, Settings, Tls};
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How far the threads that serve HTTP step back, in the system's steps of priority.
#[cfg(target_os = "linux")]
const NICENESS: libc::c_int = 10;

/// How often a foreground server looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);

/// A port that is taken, with all that is checked before models are loaded.
pub(crate) struct Listener {
    socket: std::net::TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    settings: Settings,
    observers: Observers,
    options: Options,
}

impl Listener {
    /// Reads keys and certificate, and takes the port.
    ///
    /// # Errors
    /// What is wrong with either.
    pub(crate) fn open(options: Options) -> Result<Self, Failure> {
        let settings = options.settings()?;
        let tls = options.tls()?;
        let observers = options.observers()?;
        let address = options.address();
        let goal = format!("cannot serve on port {}", address.port());
        let taken = |error| {
            Failure::new(Exit::Environment, &goal, error)
                .hint("another program may use the port: give `--port 0` or another number")
        };
        let listener = std::net::TcpListener::bind(address).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        options.warn();
        logs::begin(options.serve().log);
        Ok(Self { socket: listener, address, tls, settings, observers, options })
    }

    /// The options it was opened with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Settings and observers of the [`App`] to be served.
    pub(crate) fn app_parts(&self) -> (Settings, Observers) {
        (self.settings.clone(), self.observers.clone())
    }

    /// Serves `router` on a thread of its own; `on_demand` declared what comes and goes.
    ///
    /// # Errors
    /// Aliases of nothing; if the system gives no threads, or no folder for clients' files.
    pub(super) fn serve(
        self,
        app: App,
        router: Router,
        on_demand: Option<OnDemand>,
    ) -> Result<Server, BoxError> {
        let Self { socket, address, tls, options, observers, .. } = self;
        options.check_aliases(&app.model_names().into_iter().collect())?;
        if let Some(folder) = options.files() {
            app.keep_files(&folder)?;
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (stop, mut stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("http")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        let (app_again, tls_again, audit) = (app.clone(), tls.clone(), observers.audit);
        hangup::on_hangup(runtime.handle(), move || {
            match read_again(&app_again, &options, on_demand.as_ref()) {
                Ok(()) => say("keys, limits, models and their names were read again"),
                Err(failure) => say(&format!("nothing was changed: {}", render(&failure))),
            }
            if let Some(Err(error)) = tls_again.as_ref().map(Tls::reload) {
                say(&format!("the certificate was not changed: {error}"));
            }
            if let Some(audit) = &audit {
                audit.reopen();
            }
        });
        let work = async move {
            let listener = TcpListener::from_std(socket)?;
            let connections = ConnectionLimits::default();
            let endpoint = Endpoint { listener, tls, connections };
            let shutdown = async move {
                // An error means that the sender is gone, which stops the server as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            catena_serve::serve(endpoint, app, router, shutdown).await.map(|_| ())
        };
        let thread = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || runtime.block_on(work))?;
        Ok(Server { address: format!("{scheme}://{address}"), stop, thread })
    }
}

/// Lets the threads that compute go first on a core that is wanted by both.
///
/// A step waits for all of them, so one that is interrupted for every token that is sent holds up
/// the others. They leave a core often enough for what HTTP has to do.
fn give_way() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes a number and no pointer. On Linux it is about the calling thread.
    // It returns the new value, and leaves the old one where it is refused, which is no harm.
    unsafe {
        libc::nice(NICENESS);
    }
}

/// Takes what the project's file says now, all of it or nothing.
fn read_again(app: &App, options: &Options, on_demand: Option<&OnDemand>) -> Result<(), Failure> {
    let options = options.again()?;
    let settings = options.settings()?;
    let change = on_demand.map(|on_demand| on_demand.change(&options).map(|c| (on_demand, c)));
    let change = change.transpose()?;
    let names = match &change {
        Some((on_demand, change)) => on_demand.names_after(change),
        None => app.model_names().into_iter().collect(),
    };
    options.check_aliases(&names)?;
    let wanted = change.map(|(on_demand, change)| on_demand.apply(change));
    app.reload(settings);
    logs::set(options.serve().log);
    for name in wanted.unwrap_or_default() {
        if let Err(error) = Handle::current().block_on(app.load(&name)) {
            say(&format!("warning: the pinned model `{name}` is not in memory: {error}"));
        }
    }
    Ok(())
}

/// A running server.
pub(crate) struct Server {
    address: String,
    stop: watch::Sender<bool>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Its address, such as `http://127.0.0.1:8017`.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Serves until `cancel` is set, then lets running answers end.
    pub(crate) fn wait(self, cancel: &Cancel) -> Result<(), Failure> {
        while !cancel.is_cancelled() && !self.thread.is_finished() {
            std::thread::sleep(POLL);
        }
        self.stop()
    }

    /// Stops listening and lets running answers end.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        // The receiver is gone only when the server has ended by itself.
        let _ = self.stop.send(true);
        let ended = self.thread.join().expect("the server thread catches its handlers' panics");
        ended.map_err(|error| Failure::new(Exit::Environment, "the server stopped", error))
    }
}
