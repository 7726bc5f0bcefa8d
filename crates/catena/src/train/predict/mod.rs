//! `catena train predict`: what a finished run answers to samples, and how often it is right.

mod asked;
mod choices;
mod command;
mod scored;
mod written;

pub(super) use command::run;
