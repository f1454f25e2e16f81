//! The application's view: module, slot, session, object, attribute, operation. Safe Rust.
//!
//! A [`Module`] is one run of the library, from `C_Initialize` to `C_Finalize`. It has [`Slot`]s. Two slots (classic
//! and modern) share an [`Account`], which sends the requests and stores the responses in an immutable catalog. A
//! [`Session`] owns its slot and its active operations.
//!
//! Each file knows only those below it:
//!
//! ```text
//! direct, login -> module -> session_table -> session/ -> { operation/, slot/ } -> object/
//! ```

mod direct;
mod login;
mod module;
mod object;
mod operation;
mod session;
mod session_table;
mod slot;

pub use direct::{DirectKey, Padding};
pub use module::Module;
pub use object::generation_markdown as generation_table;
pub use object::markdown as attribute_table;
pub use object::{Class, Object, Template, Value, attribute_name, object_id, vendor};
pub use operation::{Produced, Room};
pub use session::Session;
pub use slot::{Account, Made, Signer, Slot, SlotKind, Unsigned, sig_alg};
