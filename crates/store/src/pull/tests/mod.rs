//! Tests of pulling, against stand-ins for the hub, a web server and pip. None leaves this machine.

mod archive;
mod cache;
mod download;
mod errors;
mod hub;
mod python;
mod support;
