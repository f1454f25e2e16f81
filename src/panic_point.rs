//! Places where a test can make the module panic, in debug builds only. Wherever a panic happens, it must not reach the
//! host, leave a lock held, or break the next call. `tests/host.rs` sets the variable.

/// Panics if `STM_PKCS11_PANIC_AT` names this place.
#[cfg(debug_assertions)]
pub fn reached(place: &str) {
    if std::env::var_os("STM_PKCS11_PANIC_AT").is_some_and(|wanted| wanted == place) {
        panic!("injected at {place}");
    }
}

/// Marks a place; expands to nothing in release builds.
macro_rules! panic_point {
    ($place:expr) => {
        #[cfg(debug_assertions)]
        $crate::panic_point::reached($place);
    };
}
