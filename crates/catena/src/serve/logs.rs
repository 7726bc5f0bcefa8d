//! What the server says about its requests, on the standard error.

use catena_pipeline::config::LogFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

/// Sends the libraries' events to the standard error from now on.
pub(super) fn begin(format: LogFormat) {
    let directives = match format {
        LogFormat::Text | LogFormat::Json => "warn,catena_serve=info",
        LogFormat::Off => "warn",
    };
    let events = Subscriber::builder()
        .with_env_filter(EnvFilter::new(directives))
        .with_writer(std::io::stderr)
        // It would say on the standard error that the standard error takes nothing, and panic.
        .log_internal_errors(false)
        .with_ansi(false);
    // A second server in one process tells its events where the first does.
    let _ = match format {
        LogFormat::Json => tracing::subscriber::set_global_default(
            events.json().flatten_event(true).with_current_span(false).finish(),
        ),
        LogFormat::Text | LogFormat::Off => {
            tracing::subscriber::set_global_default(events.finish())
        }
    };
}
