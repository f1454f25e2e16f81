//! A slot and the token in it (PKCS#11 3.2, 5.5 "Slot and token management functions").

use super::account::Account;
use super::kind::SlotKind;
use crate::config::Login;
use crate::error::Result;
use crate::lock::Mutex;
use crate::mechanism::{self, Mechanism, Random};
use cryptoki_sys::*;
use std::sync::Arc;

/// The manufacturer in `CK_INFO`, `CK_SLOT_INFO` and `CK_TOKEN_INFO`.
pub const MANUFACTURER: &str = "stm-pkcs11";

/// The login state of one token, shared by all its sessions.
#[derive(Debug, Default)]
pub struct LoginState {
    /// The normal user is logged in.
    pub user: bool,
    /// The last PIN given was wrong.
    pub wrong_pin: bool,
}

/// One slot; its token is always present.
pub struct Slot {
    /// The slot's id and its index in the slot list.
    pub id: CK_SLOT_ID,
    pub kind: SlotKind,
    /// The account, shared with its other slot.
    pub account: Arc<Account>,
    /// Login belongs to the token, and is visible in all its sessions (5.6).
    pub(in crate::token) login: Mutex<LoginState>,
    /// The token's random numbers. Seeds end with the run.
    pub random: Random,
}

impl Slot {
    /// A slot of an account; logged out.
    pub(in crate::token) fn new(id: CK_SLOT_ID, kind: SlotKind, account: Arc<Account>) -> Self {
        Self { id, kind, account, login: Mutex::new(LoginState::default()), random: Random::default() }
    }

    /// The token's label: the name from the settings, with the suffix `-modern` for the modern slot.
    pub fn label(&self) -> String {
        let name = &self.account.settings().name;
        match self.kind {
            SlotKind::Classic => name.clone(),
            SlotKind::Modern => format!("{name}-modern"),
        }
    }

    /// `C_GetSlotInfo`. Costs no request.
    pub fn info(&self) -> CK_SLOT_INFO {
        let description = match self.kind {
            SlotKind::Classic => "DigiCert Software Trust Manager: RSA and ECDSA",
            SlotKind::Modern => "DigiCert Software Trust Manager: EdDSA and post-quantum",
        };
        CK_SLOT_INFO {
            slotDescription: padded(description),
            manufacturerID: padded(MANUFACTURER),
            flags: CKF_TOKEN_PRESENT,
            hardwareVersion: CK_VERSION { major: 0, minor: 0 },
            firmwareVersion: library_version(),
        }
    }

    /// `C_GetTokenInfo`. Costs no request.
    pub fn token_info(&self, sessions: u64, rw_sessions: u64) -> CK_TOKEN_INFO {
        let mut flags = CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_SO_PIN_LOCKED;
        if self.login_required() {
            flags |= CKF_LOGIN_REQUIRED;
            if self.login.lock().wrong_pin {
                flags |= CKF_USER_PIN_COUNT_LOW;
            }
        }
        CK_TOKEN_INFO {
            label: padded(&self.label()),
            manufacturerID: padded(MANUFACTURER),
            model: padded("STM"),
            serialNumber: padded(&self.serial_number()),
            flags,
            ulMaxSessionCount: CK_EFFECTIVELY_INFINITE,
            ulSessionCount: sessions as CK_ULONG,
            ulMaxRwSessionCount: CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: rw_sessions as CK_ULONG,
            ulMaxPinLen: 255,
            ulMinPinLen: 0,
            ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: CK_VERSION { major: 0, minor: 0 },
            firmwareVersion: library_version(),
            utcTime: [b' '; 16],
        }
    }

    /// Sixteen characters that distinguish the tokens of this library, and are the same in every process.
    fn serial_number(&self) -> String {
        let digest = mechanism::sha256(self.label().as_bytes());
        digest[..8].iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Whether this token requires a PIN before it shows its private keys.
    pub fn login_required(&self) -> bool {
        self.account.settings().login != Login::None
    }

    /// The mechanisms of this slot, in the table's order: those of its keys, and the digests.
    pub fn mechanisms(&self) -> impl Iterator<Item = &'static Mechanism> + '_ {
        mechanism::MECHANISMS.iter().filter(|m| m.family().is_none_or(|family| SlotKind::of(family) == self.kind))
    }

    /// `C_GetMechanismInfo`: `CKR_MECHANISM_INVALID` for one that this slot does not list.
    pub fn mechanism(&self, wanted: CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        self.mechanisms().find(|m| m.mechanism_type == wanted).ok_or_else(|| {
            crate::error::Error::new(
                CKR_MECHANISM_INVALID,
                format!("mechanism {wanted:#x} is not one of slot {}", self.id),
            )
        })
    }
}

/// The version of this library in the standard's form.
pub fn library_version() -> CK_VERSION {
    CK_VERSION {
        major: version_part(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: version_part(env!("CARGO_PKG_VERSION_MINOR")),
    }
}

fn version_part(text: &str) -> u8 {
    text.parse().unwrap_or(0)
}

/// Text for the standard's fixed-size fields: blank-padded, cut at a character boundary, without terminator.
pub fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut field = [b' '; N];
    let end = text.floor_char_boundary(N);
    field[..end].copy_from_slice(&text.as_bytes()[..end]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_tokens_of_an_account_have_serial_numbers_of_their_own() {
        let config = crate::config::load_from(crate::config::Sources::new(None, Default::default()));
        let module = crate::token::Module::new(&config);
        let numbers: Vec<String> = module.slots().iter().map(|slot| slot.serial_number()).collect();
        assert!(numbers.len() == 2 && numbers[0] != numbers[1], "{numbers:?}");
        for number in &numbers {
            assert!(number.len() == 16 && number.bytes().all(|digit| digit.is_ascii_hexdigit()), "{number}");
        }
        assert_eq!(numbers[0], module.slots()[0].serial_number());
    }

    #[test]
    fn the_version_is_that_of_the_crate() {
        let version = library_version();
        let text = format!("{}.{}.", version.major, version.minor);
        assert!(env!("CARGO_PKG_VERSION").starts_with(&text), "{text}");
        assert_eq!((version_part("0"), version_part("1"), version_part("27"), version_part("x")), (0, 1, 27, 0));
    }

    #[test]
    fn padding_fills_with_blanks_and_never_splits_a_character() {
        assert_eq!(padded::<4>("ab"), *b"ab  ");
        assert_eq!(padded::<4>("abcdef"), *b"abcd");
        assert_eq!(padded::<4>("abcé"), *b"abc ");
    }
}
