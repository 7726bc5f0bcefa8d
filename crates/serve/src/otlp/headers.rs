//! Headers for a collector.
//!
//! # Source
//! OpenTelemetry protocol exporter, `OTEL_EXPORTER_OTLP_HEADERS`: the form of W3C Baggage without
//! properties.

use super::CollectorError;
use axum::http::{HeaderName, HeaderValue};

/// Reads `name=value` pairs with commas between them.
///
/// # Errors
/// [`CollectorError::BadHeader`], which tells the name only: values are secrets.
pub(super) fn parse(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, CollectorError> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| read(pair).ok_or_else(|| bad(pair))).collect()
}

fn read(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let name = HeaderName::try_from(name.trim()).ok()?;
    let mut value = HeaderValue::from_bytes(&decoded(value.trim())?).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// The bytes of a percent-encoded text.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2)?;
        bytes.push(u8::from_str_radix(code, 16).ok().filter(|_| !code.starts_with('+'))?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    Some(bytes)
}

fn bad(pair: &str) -> CollectorError {
    let name = pair.split_once('=').map_or("", |(name, _)| name);
    CollectorError::BadHeader { pair: format!("{}=...", name.chars().take(80).collect::<String>()) }
}
