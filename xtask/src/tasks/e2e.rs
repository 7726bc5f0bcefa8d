//! The browser test against the real thing: the example project, served.

use super::deps::{For, ensure};
use super::product::{EXAMPLE, PULLED, build, product, pull};
use super::server::Server;
use super::studio;
use crate::error::TaskError;
use crate::process::{lines_of, root, run_command};

/// Cleans the example's documents into a set of its own, for the studio's page of data sets.
fn clean_documents() -> Result<(), TaskError> {
    let pulled = lines_of(product(&["pull", PULLED[2]]))?.concat();
    let documents = format!("{pulled}/documents.json.gz");
    let set = root().join(EXAMPLE).join(".catena/cleaned");
    let rules = ["--rules", "c4,gopher", "--overwrite"];
    let clean = ["data", "clean", &documents, "--out", set.as_str()];
    run_command(product(&[&clean[..], &rules].concat()))
}

/// Serves the example on a free port and drives its studio in the browser.
pub(crate) fn e2e() -> Result<(), TaskError> {
    ensure(For::Tests)?;
    build()?;
    pull()?;
    clean_documents()?;
    let server = Server::start(product(&["up", EXAMPLE, "--port", "0"]))?;
    studio::browser_test(Some(&server.address))
}
