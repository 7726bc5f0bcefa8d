//! A handler with what the document says of it.

use super::Operation;
use crate::app::App;
use crate::ignored::tell_query;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::routing::{self, MethodRouter};

/// What answers one method of a path.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) router: MethodRouter<App>,
    pub(crate) operation: Operation,
    /// What the conventions for traces of generative AI call its work.
    pub(crate) gen_ai: Option<&'static str>,
}

impl Endpoint {
    fn new(method: Method, router: MethodRouter<App>, operation: Operation) -> Self {
        Self { method, router, operation, gen_ai: None }
    }

    /// Traces call its work `name`, a well-known value of `gen_ai.operation.name`.
    pub(crate) fn traced_as(mut self, name: &'static str) -> Self {
        self.gen_ai = Some(name);
        self
    }

    /// Takes bodies of so many bytes.
    pub(crate) fn with_body_limit(mut self, bytes: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes));
        self
    }

    /// What answers, and names in its answer what nobody reads of the query.
    pub(crate) fn into_router(self) -> MethodRouter<App> {
        let known = self.operation.query_names();
        let tell = move |request: Request, next: Next| tell_query(known.clone(), request, next);
        self.router.layer(from_fn(tell))
    }
}

/// Answers GET, and HEAD without a body.
pub(crate) fn get<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint::new(Method::GET, routing::get(handler), operation)
}

/// Answers POST.
pub(crate) fn post<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint::new(Method::POST, routing::post(handler), operation)
}

/// Answers DELETE.
pub(crate) fn delete<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint::new(Method::DELETE, routing::delete(handler), operation)
}
