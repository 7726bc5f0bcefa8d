//! Reading `traceparent`, and names of work.

use super::span::{Parent, parent};

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
