//! The operations of a session: searches, digests, signatures, verifications. An operation is a state machine that
//! knows neither its session nor the module. [`super::session`] takes it out, calls it, and puts it back.

mod digest;
mod find;
mod message;
mod output;
mod rules;
mod sign;
mod verify;

pub use digest::DigestOperation;
pub use find::FindOperation;
pub use message::MessageOperation;
pub use output::{Produced, Room};
pub use rules::{null_mechanism, require, single_part};
pub use sign::SignOperation;
pub use verify::VerifyOperation;
