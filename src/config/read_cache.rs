//! Reads the settings of the cache on disk.

use super::reader::Reader;
use super::setting as row;
use super::{CacheMode, dsn};
use std::path::PathBuf;
use std::time::Duration;

/// The default lifetime of a list, on disk and in memory.
pub(super) fn default_lifetime() -> Duration {
    Duration::from_secs(row::CACHE.default.and_then(|text| text.parse().ok()).unwrap_or(600))
}

/// How long responses are kept, and the file that the settings name. The cache is off if the process has rights that its
/// caller does not have.
pub(super) fn mode(reader: &mut Reader<'_>) -> (CacheMode, Option<PathBuf>) {
    let asked = asked(reader);
    if reader.sources.privileged { (CacheMode::Off, None) } else { asked }
}

fn asked(reader: &mut Reader<'_>) -> (CacheMode, Option<PathBuf>) {
    let offline = reader.switch(&row::OFFLINE_MODE);
    let (memory, path) = match reader.find(&row::DB_DSN).map(|found| (dsn::parse(&found.value), found)) {
        None => (false, None),
        Some((dsn::Dsn::Memory, _)) => (true, None),
        Some((dsn::Dsn::File(path), found)) => (false, Some(reader.beside(&found, &path))),
    };
    let default = match (offline, memory) {
        (_, true) => CacheMode::Off,
        (true, false) => CacheMode::Offline,
        (false, false) => CacheMode::For(default_lifetime()),
    };
    let Some(found) = reader.find(&row::CACHE) else { return (default, path) };
    let mode = match found.value.to_ascii_lowercase().as_str() {
        "off" | "0" => CacheMode::Off,
        "on" => CacheMode::For(default_lifetime()),
        "offline" => CacheMode::Offline,
        seconds => match seconds.parse::<u32>() {
            Ok(seconds) => CacheMode::For(Duration::from_secs(seconds.into())),
            Err(_) => {
                reader.invalid(&row::CACHE, &found, "use off, a number of seconds, or offline");
                default
            }
        },
    };
    (mode, path)
}

/// The directory for caches of the user: the XDG base directory; `%LOCALAPPDATA%` on Windows; `~/Library/Caches` on macOS.
pub(super) fn folder(reader: &Reader<'_>) -> Option<PathBuf> {
    if reader.sources.privileged {
        return None;
    }
    let named = reader.sources.directory(if cfg!(windows) { "LOCALAPPDATA" } else { "XDG_CACHE_HOME" });
    let usual = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    named.or_else(|| reader.sources.home.as_ref().map(|home| home.join(usual)))
}

#[cfg(test)]
mod tests {
    use super::super::read::tests::settings;
    use super::*;

    #[test]
    fn the_cache_is_where_the_environment_says_or_below_the_home() {
        let folder = |pairs: &[(&str, &str)]| settings(pairs).cache_dir;
        let given = folder(&[("XDG_CACHE_HOME", "/x/cache"), ("HOME", "/h")]).expect("a directory");
        assert!(given.starts_with("/x/cache"), "{}", given.display());
        for elsewhere in [vec![("HOME", "/h")], vec![("HOME", "/h"), ("XDG_CACHE_HOME", "not/absolute")]] {
            let usual = folder(&elsewhere).expect("a directory");
            assert!(usual.starts_with("/h/.cache"), "{}", usual.display());
        }
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn the_cache_follows_our_setting_and_the_older_ones() {
        let mode = |pairs: &[(&str, &str)]| settings(pairs).cache;
        assert_eq!(mode(&[]), CacheMode::For(default_lifetime()));
        assert_eq!(default_lifetime(), Duration::from_secs(600));
        assert_eq!(mode(&[("STM_PKCS11_CACHE", "off")]), CacheMode::Off);
        assert_eq!(mode(&[("STM_PKCS11_CACHE", "30")]), CacheMode::For(Duration::from_secs(30)));
        assert_eq!(mode(&[("SM_PKCS11_OFFLINE_MODE", "TRUE")]), CacheMode::Offline);
        assert_eq!(mode(&[("SM_PKCS11_DB_DSN", ":memory:")]), CacheMode::Off);
    }
}
