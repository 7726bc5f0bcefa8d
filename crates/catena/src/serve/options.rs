//! How a server listens and whom it lets in.

use super::telemetry;
use crate::args::ListenArgs;
use crate::failure::{Exit, Failure};
use crate::keys::keys_failure;
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::KvBudget;
use catena_pipeline::config::{self, FILE_NAME, ServeConfig, ServedModelChoice};
use catena_serve::keys::{KeyFile, Keyring};
use catena_serve::{
    Access, AuditLog, MetricsPush, Observers, ServeLimits, Settings, Shutdown, Tls, Traces,
};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What traces and metrics call this server.
const SERVICE: &str = "catena";
/// Names of the loopback address.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

type Overrides = Arc<dyn Fn(&mut ServeConfig) + Send + Sync>;

/// The keys of `[serve]` with what flags put in their place.
#[derive(Clone)]
pub(crate) struct Options {
    /// What paths are relative to.
    folder: Utf8PathBuf,
    serve: ServeConfig,
    overrides: Overrides,
    /// Whether `serve` can be read again from a project's file.
    is_project: bool,
}

impl Options {
    /// Those of a project, whose file says `serve`.
    ///
    /// # Errors
    /// A flag's value out of range.
    pub(crate) fn of_project(
        folder: &Utf8Path,
        serve: &ServeConfig,
        overrides: impl Fn(&mut ServeConfig) + Send + Sync + 'static,
    ) -> Result<Self, Failure> {
        Self::new(folder.to_owned(), serve.clone(), Arc::new(overrides), true)
    }

    /// Those of a server without a project; paths are relative to the working folder.
    ///
    /// # Errors
    /// A flag's value out of range.
    pub(crate) fn of_flags(args: &ListenArgs) -> Result<Self, Failure> {
        // A file that nobody named must not lock the server, and a folder that nobody named is not made.
        let (keys, files) = (String::new(), String::new());
        let serve = ServeConfig { keys, files, ..ServeConfig::default() };
        Self::new(Utf8PathBuf::new(), serve, args.overrides(), false)
    }

    fn new(
        folder: Utf8PathBuf,
        mut serve: ServeConfig,
        overrides: Overrides,
        is_project: bool,
    ) -> Result<Self, Failure> {
        overrides(&mut serve);
        serve
            .validate()
            .map_err(|error| Failure::new(Exit::Usage, "cannot serve with these options", error))?;
        Ok(Self { folder, serve, overrides, is_project })
    }

    /// What paths are relative to.
    pub(super) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// The section.
    pub(crate) fn serve(&self) -> &ServeConfig {
        &self.serve
    }

    /// The same, read again from the project's file.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn again(&self) -> Result<Self, Failure> {
        if !self.is_project {
            return Ok(self.clone());
        }
        let config = config::load(&self.folder).map_err(|error| {
            Failure::new(Exit::Usage, format!("cannot read {FILE_NAME} again"), error)
        })?;
        let mut again = Self::new(self.folder.clone(), config.serve, self.overrides.clone(), true)?;
        // The socket stays where it is, and whether keys are needed goes by that.
        again.serve.host.clone_from(&self.serve.host);
        again.serve.port = self.serve.port;
        Ok(again)
    }

    /// Where to listen.
    pub(super) fn address(&self) -> SocketAddr {
        let host = match self.serve.host.as_str() {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse().expect("the section was checked"),
        };
        SocketAddr::new(host, self.serve.port)
    }

    /// Limits, access and aliases; the keys are read.
    ///
    /// # Errors
    /// Keys that cannot be read; an address for others without keys.
    pub(super) fn settings(&self) -> Result<Settings, Failure> {
        let keys = self.keys()?;
        let host = self.address().ip();
        if keys.is_none() && !host.is_loopback() {
            let cause = "anyone who reaches this address could use the server: there are no keys";
            let hint = if self.is_project {
                "make a key with `catena keys create NAME`, or listen on 127.0.0.1"
            } else {
                "make a key with `catena keys create NAME --file keys.json` and give `--keys keys.json`, or listen on 127.0.0.1"
            };
            return Err(
                Failure::new(Exit::Usage, format!("cannot listen on {host}"), cause).hint(hint)
            );
        }
        let mut hosts = self.serve.hosts.clone();
        if hosts.is_empty() && keys.is_none() {
            hosts = LOOPBACK_HOSTS.map(str::to_owned).to_vec();
            hosts.push(host_name(host));
        }
        let limits = ServeLimits {
            max_body_bytes: self.serve.max_body_bytes,
            max_wait: Duration::from_secs(self.serve.max_wait_seconds),
            workers: self.serve.workers,
            max_queued: self.serve.max_waiting + self.serve.max_sequences,
            ..ServeLimits::default()
        };
        let access = Access {
            keys,
            origins: self.serve.origins.clone(),
            hosts,
            public_metrics: self.serve.public_metrics,
        };
        let shutdown = Shutdown {
            delay: Duration::from_secs(self.serve.drain_delay_seconds),
            drain: Duration::from_secs(self.serve.drain_seconds),
        };
        Ok(Settings { limits, access, aliases: self.serve.aliases.clone(), shutdown })
    }

    /// Refuses aliases that mean no model of `names`, or that are one.
    ///
    /// # Errors
    /// The first of them.
    pub(super) fn check_aliases(&self, names: &BTreeSet<String>) -> Result<(), Failure> {
        for (alias, model) in &self.serve.aliases {
            let cause = if names.contains(alias) {
                "it is a model's own name".to_owned()
            } else if names.contains(model) {
                continue;
            } else {
                let known: Vec<&str> = names.iter().map(String::as_str).collect();
                format!("there is no model `{model}`; known: {}", known.join(", "))
            };
            return Err(Failure::new(
                Exit::Usage,
                format!("cannot use the alias `{alias}`"),
                cause,
            )
            .hint("an alias is given as another name of a model that is served"));
        }
        Ok(())
    }

    fn keys(&self) -> Result<Option<Arc<Keyring>>, Failure> {
        if self.serve.keys.is_empty() {
            return Ok(None);
        }
        let file = KeyFile::at(self.path(&self.serve.keys));
        let records = file.read().map_err(|error| keys_failure("cannot read the keys", error))?;
        if records.is_none() && !self.is_project {
            let cause = format!("there is no `{}`", file.path());
            return Err(Failure::new(Exit::Usage, "cannot read the keys", cause)
                .hint(format!("make one with `catena keys create NAME --file {}`", file.path())));
        }
        Ok(records.map(|records| Arc::new(Keyring::new(records))))
    }

    /// Certificate and key, if there are any.
    ///
    /// # Errors
    /// Files that cannot be used.
    pub(super) fn tls(&self) -> Result<Option<Tls>, Failure> {
        if self.serve.tls_certificate.is_empty() {
            return Ok(None);
        }
        let [certificate, key] =
            [&self.serve.tls_certificate, &self.serve.tls_key].map(|name| self.path(name));
        let tls = Tls::open(&certificate, &key);
        tls.map(Some).map_err(|error| Failure::new(Exit::Usage, "cannot serve with TLS", error))
    }

    /// Who is told about requests.
    ///
    /// # Errors
    /// An audit log that cannot be opened; a collector's address or headers that are none.
    pub(super) fn observers(&self) -> Result<Observers, Failure> {
        let audit = match self.serve.audit_log.as_str() {
            "" => None,
            name => Some(AuditLog::open(&self.path(name)).map_err(|error| {
                Failure::new(Exit::Environment, "cannot keep an audit log", error)
            })?),
        };
        let traces = telemetry::collector(&self.serve.traces, "traces")
            .map(|url| Traces::with_headers(&url, SERVICE, &telemetry::headers("traces")))
            .transpose()
            .map_err(|error| Failure::new(Exit::Usage, "cannot send traces", error))?;
        let metrics = telemetry::collector(&self.serve.push_metrics, "metrics")
            .map(|url| {
                let headers = telemetry::headers("metrics");
                MetricsPush::to(&url, SERVICE, &headers, telemetry::push_interval())
            })
            .transpose()
            .map_err(|error| Failure::new(Exit::Usage, "cannot push metrics", error))?;
        Ok(Observers { audit, traces, metrics })
    }

    /// Where the files of clients are kept, if they are.
    pub(super) fn files(&self) -> Option<Utf8PathBuf> {
        (!self.serve.files.is_empty()).then(|| self.path(&self.serve.files))
    }

    /// Says what the address means for those who use it.
    pub(super) fn warn(&self) {
        if !self.address().ip().is_loopback() && self.serve.tls_certificate.is_empty() {
            say(
                "warning: keys and texts are sent unencrypted; set serve.tls_certificate, or put a proxy before it",
            );
        }
    }

    /// What a language model's cache may take of so many bytes that are free for it.
    pub(super) fn cache_budget(&self, free: u64) -> KvBudget {
        match self.serve.cache_bytes {
            0 => KvBudget::Available(free),
            bytes => KvBudget::Bytes(bytes),
        }
    }

    /// Where a path of the section leads.
    pub(super) fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(name)
    }
}

fn host_name(host: IpAddr) -> String {
    match host {
        IpAddr::V4(host) => host.to_string(),
        IpAddr::V6(host) => format!("[{host}]"),
    }
}

impl ListenArgs {
    /// Puts what was given into the section.
    pub(crate) fn overrides(&self) -> Overrides {
        let text = |given: &Option<String>| given.clone();
        let (host, keys) = (text(&self.host), text(&self.keys));
        let (certificate, key) = (text(&self.tls_certificate), text(&self.tls_key));
        let (audit_log, traces) = (text(&self.audit_log), text(&self.traces));
        let (files, push_metrics) = (text(&self.files), text(&self.push_metrics));
        let origins = self.origin.clone();
        let (port, log, drain_seconds) = (self.port, self.log, self.drain_seconds);
        let (public_metrics, workers) = (self.public_metrics, self.workers);
        let drain_delay_seconds = self.drain_delay_seconds;
        let (max_sequences, aliases) = (self.max_sequences, self.alias.clone());
        let (models, adapters) = (self.on_demand.clone(), self.adapter.clone());
        let folders = (text(&self.models_folder), text(&self.adapters_folder));
        let (models_memory_bytes, cache_bytes) = (self.models_memory_bytes, self.cache_bytes);
        Arc::new(move |serve: &mut ServeConfig| {
            put(&mut serve.host, host.as_ref());
            put(&mut serve.port, port.as_ref());
            put(&mut serve.keys, keys.as_ref());
            put(&mut serve.tls_certificate, certificate.as_ref());
            put(&mut serve.tls_key, key.as_ref());
            put(&mut serve.audit_log, audit_log.as_ref());
            put(&mut serve.files, files.as_ref());
            put(&mut serve.traces, traces.as_ref());
            put(&mut serve.push_metrics, push_metrics.as_ref());
            put(&mut serve.log, log.as_ref());
            put(&mut serve.drain_seconds, drain_seconds.as_ref());
            put(&mut serve.drain_delay_seconds, drain_delay_seconds.as_ref());
            put(&mut serve.workers, workers.as_ref());
            put(&mut serve.max_sequences, max_sequences.as_ref());
            serve.public_metrics |= public_metrics;
            serve.origins.extend_from_slice(&origins);
            serve.aliases.extend(aliases.iter().cloned());
            let source = |(name, model): &(String, String)| {
                (name.clone(), ServedModelChoice::Source(model.clone()))
            };
            serve.models.extend(models.iter().map(source));
            serve.adapters.extend(adapters.iter().cloned());
            put(&mut serve.models_folder, folders.0.as_ref());
            put(&mut serve.adapters_folder, folders.1.as_ref());
            put(&mut serve.cache_bytes, cache_bytes.as_ref());
            put(&mut serve.models_memory_bytes, models_memory_bytes.as_ref());
        })
    }
}

fn put<T: Clone>(to: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        *to = given.clone();
    }
}
