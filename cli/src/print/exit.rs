//! Exit statuses, which scripts act on. `docs/companion.md` has them for people.

use stm_pkcs11::service::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Anything that has no status of its own: a file that cannot be written, a signature that does not verify.
    Failed = 1,
    /// The command line is wrong. clap ends with this status, too.
    Usage = 2,
    /// A setting is missing or wrong, or the client certificate cannot be used.
    Settings = 3,
    /// The service could not be reached, or did not answer as a service does.
    Network = 4,
    /// The service said no.
    Refused = 5,
    /// There is no such keypair, certificate or signature, or this user may not see it.
    NotFound = 6,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Settings | Kind::Password => Self::Settings,
            Kind::Unreachable
            | Kind::Resources
            | Kind::Tls
            | Kind::Timeout
            | Kind::Unavailable
            | Kind::BadAnswer
            | Kind::LongAnswer => Self::Network,
            Kind::NotFound => Self::NotFound,
            Kind::Cancelled => Self::Failed,
            _ => Self::Refused,
        }
    }
}
