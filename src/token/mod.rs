//! What the application sees: module, slot, session, object, attribute, operation. Safe Rust.
//!
//! A [`Module`] is one run of the library, from `C_Initialize` to `C_Finalize`. It has [`Slot`]s; two slots
//! (classic and modern) share one [`Account`], which asks the service and keeps what it answered in an
//! immutable [`catalog::Catalog`].

mod account;
mod attribute;
mod attribute_table;
pub mod catalog;
mod class;
mod create_object;
mod digest;
mod direct;
mod failure;
mod find;
mod generate;
mod layout;
mod login;
mod message;
mod missing;
mod module;
mod object;
mod operation;
mod output;
mod profile;
mod registry;
mod search;
mod session;
mod session_object;
mod session_table;
mod shelf;
mod sign;
mod signing;
mod slot;
mod slot_kind;
pub mod vendor;
mod verify;

pub use account::Account;
pub use attribute::{Template, Value};
pub use attribute_table::markdown as attribute_table;
pub use class::Class;
pub use direct::{DirectKey, Padding};
pub use module::Module;
pub use object::{Object, object_id};
pub use output::{Produced, Room};
pub use session::Session;
pub use slot::Slot;
pub use slot_kind::SlotKind;
