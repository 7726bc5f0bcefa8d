//! `catena bench serve`: a server under load, over HTTP and in a process of its own as its users
//! have it, and what HTTP costs beside the engine.

mod chats;
mod client;
mod command;
mod http;
mod target;
mod users;

pub(super) use command::run;
