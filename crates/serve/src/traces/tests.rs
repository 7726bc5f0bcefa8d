//! Reading `traceparent`.

use super::span::{Parent, parent};
use super::{Traces, TracesError};

#[test]
fn the_example_of_the_standard() {
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let expected = Parent {
        trace_id: "0af7651916cd43dd8448eb211c80319c",
        span_id: "b7ad6b7169203331",
        is_sampled: true,
    };
    assert_eq!(parent(text), Some(expected));
    assert!(!parent(&format!("{}00", &text[..53])).expect("a parent").is_sampled);
}

#[test]
fn what_is_none_is_ignored() {
    for text in [
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
    ] {
        assert_eq!(parent(text), None, "{text}");
    }
}

#[test]
fn addresses_of_collectors_are_checked() {
    for url in ["", "127.0.0.1:4318", "ftp://x", "http://", "not an address"] {
        assert!(matches!(Traces::to(url, "x"), Err(TracesError::BadUrl { .. })), "{url}");
    }
    assert!(Traces::to("http://127.0.0.1:1/v1/traces", "x").is_ok());
}
