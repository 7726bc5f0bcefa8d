//! Reading `traceparent`.

use super::span::{Parent, parent};
use super::{Traces, TracesError, headers};

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

/// What a route is called is declared with it, so that a path that looks like another is not taken for
/// it.
#[test]
fn the_work_of_a_route_is_what_it_is_declared_as() {
    use axum::http::Method;
    let operation = |method: Method, route| crate::router::gen_ai_operation(&method, route);
    for (route, name) in [
        ("/v1/chat/completions", "chat"),
        ("/v1/responses", "chat"),
        ("/v1/messages", "chat"),
        ("/v1/completions", "text_completion"),
        ("/api/generate", "text_completion"),
        ("/v1/embeddings", "embeddings"),
        ("/embed_all", "embeddings"),
        ("/v1/embeddings (batch)", "embeddings"),
    ] {
        assert_eq!(operation(Method::POST, route), Some(name), "{route}");
        assert_eq!(operation(Method::GET, route), None, "{route}");
    }
    for route in
        ["/v1/messages/count_tokens", "/v1/responses/{id}", "/v1/responses/input_tokens", "/rerank"]
    {
        assert_eq!(operation(Method::POST, route), None, "{route}");
    }
}
