//! The studio: a web app over a Catena project, and the few JSON routes that only it needs.
//!
//! The app (TypeScript, in `web/`) is built by `npm run build` and embedded in this crate. It talks
//! to the model through the public `/v1` routes of `catena-serve` on the same port, like any other
//! client; [`router`] adds the run's report, the documents behind citations, and the app's files.
//!
//! - `GET /api/studio/info`: [`StudioInfo`].
//! - `GET /api/studio/report`: [`catena_protocol::RunReport`], 404 before the first run.
//! - `GET /api/studio/runs`: [`catena_protocol::TrainingRun`]s, also of runs that go on elsewhere.
//! - `GET /api/studio/documents/{id}`: [`catena_protocol::Document`], 404 if there is none.
//! - Any other path that is not an API's: a file of the app, or its page (`/chat`, `/training`, `/report`).
//!
//! Errors are `application/problem+json` (RFC 9457).
//!
//! **Invariant:** the studio reads protocol types only; it never sees weights, the engine or the
//! index. **Invariant:** the page runs no inline script and loads nothing from another host.

mod error;
mod files;
mod headers;
mod routes;
mod state;

pub use error::StudioError;
pub use routes::router;
pub use state::{CuratedSource, DocumentSource, Language, RunSource, StudioInfo, StudioState};

#[cfg(test)]
mod tests;
