//! Objects, their attributes, and their handles.

#![allow(clippy::module_inception, reason = "object.rs holds the object itself")]

mod attribute;
mod attribute_table;
mod class;
mod described;
mod entry;
mod handles;
mod key_pair_template;
mod keypair_id;
mod object;
mod profile;
mod session_object;
pub mod vendor;

pub use attribute::{Template, Value};
pub use attribute_table::{known, markdown};
pub use class::{CLASSES, Class};
pub use described::attribute_name;
pub use entry::Entry;
#[cfg(test)]
pub use entry::samples;
pub use handles::{Handles, ObjectKey};
pub use key_pair_template::{check_half, markdown as generation_markdown};
pub use keypair_id::{alias_of_id, keypair_id, object_id};
pub use object::{ChainCertificate, Object, Source};
pub use profile::profiles;
pub use session_object::{SessionObject, TOKEN_SETS, changed};
