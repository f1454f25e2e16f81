//! Exit statuses for scripts. `docs/companion.md` documents them.

use stm_pkcs11::service::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Any failure without its own status: a file that cannot be written, a signature that does not verify.
    Failed = 1,
    /// The command line is wrong. clap uses this status as well.
    Usage = 2,
    /// A setting is missing or wrong, or the client certificate cannot be used.
    Settings = 3,
    /// The service could not be reached, or its response is not valid.
    Network = 4,
    /// The service refused the request.
    Refused = 5,
    /// No such keypair, certificate or signature exists, or this user may not see it.
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
