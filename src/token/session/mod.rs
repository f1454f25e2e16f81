//! Sessions, and the functions that work in one: a file for each chapter of the standard.

#![allow(clippy::module_inception, reason = "session.rs holds the session itself")]

mod create_object;
mod digest;
mod find;
mod generate;
mod message;
mod session;
mod sign;
mod verify;

pub use session::Session;
