//! Places where a test makes the module panic, in debug builds only: no panic may reach the host, leave a lock held, or
//! spoil the next call, wherever it happens. `tests/host.rs` sets the variable.

/// Panics if `STM_PKCS11_PANIC_AT` names this place.
#[cfg(debug_assertions)]
pub fn reached(place: &str) {
    if std::env::var_os("STM_PKCS11_PANIC_AT").is_some_and(|wanted| wanted == place) {
        panic!("injected at {place}");
    }
}

/// Marks a place. Nothing in release builds.
macro_rules! panic_point {
    ($place:expr) => {
        #[cfg(debug_assertions)]
        $crate::panic_point::reached($place);
    };
}
