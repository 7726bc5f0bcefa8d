//! Collectors' addresses and headers.

use super::{Collector, CollectorError, Signal, headers};

fn at(signal: Signal, url: &str) -> Result<Collector, CollectorError> {
    Collector::at(signal, url, "x", "")
}

#[test]
fn addresses_of_collectors_are_checked() {
    for url in ["", "127.0.0.1:4318", "ftp://x", "http://", "not an address"] {
        assert!(matches!(at(Signal::Traces, url), Err(CollectorError::BadUrl { .. })), "{url}");
    }
}

#[test]
fn headers_for_a_collector_are_read() {
    let read = |text: &str| -> Vec<(String, String)> {
        let text_of = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
        let pairs = headers::parse(text).unwrap();
        pairs.iter().map(|(name, value)| (name.to_string(), text_of(value))).collect()
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert!(read("").is_empty());
    assert_eq!(read("x-key=a=b"), [pair("x-key", "a=b")]);
    let two = [pair("authorization", "Bearer secret"), pair("x-team", "a,b")];
    assert_eq!(read("Authorization=Bearer%20secret, x-team = a%2Cb,"), two);
    for bad in ["x", "=y", "a b=c", "x=%", "x=%2", "x=%+2", "x=%zz", "x=a%0Ab"] {
        let error = headers::parse(&format!("ok=1,{bad}")).unwrap_err().to_string();
        assert!(error.contains("is no header") && !error.contains("%0A"), "{bad}: {error}");
    }
}
