//! What befell other servers, each with its number in `docs/security.md`.

mod doors;
mod grammars;
mod leaks;
mod reach;
mod sizes;
mod uploads;
