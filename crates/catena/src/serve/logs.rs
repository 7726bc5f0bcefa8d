//! What the server says about its requests, on the standard error.

use catena_pipeline::config::LogFormat;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use tracing::{Event, Level};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, Format, Json, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, Subscriber};
use tracing_subscriber::registry::LookupSpan;

/// What is told: warnings of all libraries, and requests.
const DIRECTIVES: &str = "warn,catena_serve=info";

/// The form of the process's log, which may change while it runs.
static FORM: AtomicU8 = AtomicU8::new(TEXT);
const TEXT: u8 = 0;
const JSON: u8 = 1;
/// Warnings only.
const OFF: u8 = 2;

/// Sends the libraries' events, and what panics say, to the standard error from now on.
pub(super) fn begin(format: LogFormat) {
    set(format);
    let events = Subscriber::builder()
        .with_env_filter(EnvFilter::new(DIRECTIVES))
        .with_writer(std::io::stderr)
        // It would say on the standard error that the standard error takes nothing, and panic.
        .log_internal_errors(false)
        .with_ansi(false)
        .event_format(Form::new());
    // A second server in one process tells its events where the first does.
    if tracing::subscriber::set_global_default(events.finish()).is_ok() {
        tell_panics();
    }
}

/// Has events be told in another form.
pub(super) fn set(format: LogFormat) {
    let form = match format {
        LogFormat::Text => TEXT,
        LogFormat::Json => JSON,
        LogFormat::Off => OFF,
    };
    FORM.store(form, Ordering::Relaxed);
}

/// A panic is an event too, with the name of the request that met it. The one of before adds the
/// calls that led there, if they are asked for.
fn tell_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let request_id = catena_serve::request_id();
        let thread = std::thread::current();
        let location = info.location().map(ToString::to_string);
        let message = info.payload_as_str().unwrap_or("without words");
        tracing::error!(request_id, thread = thread.name(), location, "panicked: {message}");
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            before(info);
        }
    }));
}

/// Writes an event in the form of the moment.
struct Form {
    text: Format,
    json: Format<Json>,
}

impl Form {
    fn new() -> Self {
        let text = format::format().with_ansi(false);
        let json = text.clone().json().flatten_event(true).with_current_span(false);
        Self { text, json }
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        match FORM.load(Ordering::Relaxed) {
            JSON => self.json.format_event(ctx, writer, event),
            OFF if *event.metadata().level() > Level::WARN => Ok(()),
            _ => self.text.format_event(ctx, writer, event),
        }
    }
}
