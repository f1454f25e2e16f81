//! A file signed in its own format: Windows programs and installers, packages, Java archives.
//!
//! ```text
//! Signer::find  ->  Plan::new(signer, targets, options)  ->  plan.run(pace, done)  ->  one Outcome a file
//! ```
//!
//! [`signer`] knows who signs; [`kind`] has the one table of kinds and programs; [`program`] has a file for each program. [`plan`]
//! tries all that can fail before anything is spent; [`run`] signs each file in a [`place`] beside it. Nothing here prints.

pub mod anchors;
mod archive;
mod cms;
mod fingerprint;
pub mod kind;
mod options;
mod pe;
mod place;
pub mod plan;
pub mod program;
pub mod removal;
pub mod run;
pub mod signatures;
pub mod signer;
mod timestamp;
mod token_key;
mod turns;
pub mod verification;

pub use cms::Opus;
pub use options::{Existing, Options, digest};
pub use plan::{Plan, Target};
pub use program::{Tool, Verified};
pub use run::{Outcome, Pace};
pub use signer::{Signer, Which};
