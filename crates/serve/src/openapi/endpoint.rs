//! A handler with what the document says of it.

use super::Operation;
use crate::app::App;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodRouter};

/// What answers one method of a path.
pub(crate) struct Endpoint {
    pub(crate) method: Method,
    pub(crate) router: MethodRouter<App>,
    pub(crate) operation: Operation,
}

impl Endpoint {
    /// Takes bodies of so many bytes.
    pub(crate) fn with_body_limit(mut self, bytes: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes));
        self
    }
}

/// Answers GET, and HEAD without a body.
pub(crate) fn get<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint { method: Method::GET, router: routing::get(handler), operation }
}

/// Answers POST.
pub(crate) fn post<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint { method: Method::POST, router: routing::post(handler), operation }
}

/// Answers DELETE.
pub(crate) fn delete<T: 'static>(handler: impl Handler<T, App>, operation: Operation) -> Endpoint {
    Endpoint { method: Method::DELETE, router: routing::delete(handler), operation }
}
