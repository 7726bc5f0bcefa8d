//! The browser test against the real thing: the example project, served.

use super::deps::{For, ensure};
use super::product::{EXAMPLE, build, product, pull};
use super::server::Server;
use super::studio;
use crate::error::TaskError;

/// Serves the example on a free port and drives its studio in the browser.
pub(crate) fn e2e() -> Result<(), TaskError> {
    ensure(For::Tests)?;
    build()?;
    pull()?;
    let server = Server::start(product(&["up", EXAMPLE, "--port", "0"]))?;
    studio::browser_test(Some(&server.address))
}
