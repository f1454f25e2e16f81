//! The names under which the library is registered as a provider, and the choice among them.

use super::ADMINISTRATOR;
use crate::print::{Exit, Failure};
use std::path::PathBuf;
use stm_pkcs11::windows::machine::{Directory, Machine};
pub use stm_pkcs11::windows::registration::VENDORS;
use stm_pkcs11::windows::registration::{self, Provider};
use stm_pkcs11::windows::{image_file, image_name};

/// The name of our own.
pub const OWN: &str = "stm-pkcs11 Key Storage Provider";

const REGISTER: &str = "stm-pkcs11 windows register, as an administrator";

/// All registered providers, of whatever library.
pub fn all() -> Result<Vec<Provider>, Failure> {
    registration::providers().map_err(|why| Failure::new("read the registry", why, ADMINISTRATOR))
}

/// Those registered with our library: the vendor's names first, then our own, then the others by the alphabet.
pub fn ours() -> Result<Vec<Provider>, Failure> {
    let mut ours: Vec<Provider> = all()?.into_iter().filter(|one| image_name::is_ours(&one.image)).collect();
    let rank = |name: &str| {
        let mut known = VENDORS.iter().chain([&OWN]);
        known.position(|known| known.eq_ignore_ascii_case(name)).unwrap_or(usize::MAX)
    };
    ours.sort_by_cached_key(|one| (rank(&one.name), one.name.clone()));
    Ok(ours)
}

/// The names of [`ours`].
pub fn names() -> Result<Vec<String>, Failure> {
    Ok(ours()?.into_iter().map(|one| one.name).collect())
}

/// The libraries of an image: their paths, for messages, and the programs that they serve.
pub fn libraries(image: &str) -> Vec<(PathBuf, Machine)> {
    let library = |directory: &Directory| {
        let content = std::fs::read(image_file::path(*directory, image)).ok()?;
        Some((image_file::shown(*directory, image), Machine::of_library(&content).ok()?))
    };
    image_file::host().directories().iter().filter_map(library).collect()
}

/// Whether programs find the provider of this name. If its library serves only programs of another machine type, this
/// program cannot try it.
pub fn opens(name: &str, image: &str) -> bool {
    let libraries = libraries(image);
    let for_others = !libraries.is_empty() && libraries.iter().all(|(_, machine)| *machine != Machine::OF_THIS_PROGRAM);
    for_others || registration::opens(name)
}

/// The one of `names` that is meant by `wanted`.
pub fn named<'a>(wanted: &str, names: &'a [String], what: &str) -> Result<&'a str, Failure> {
    let found = names.iter().find(|name| name.eq_ignore_ascii_case(wanted));
    found.map(String::as_str).ok_or_else(|| {
        let why = format!("'{wanted}' is not registered with this library");
        let remedy = match names {
            [] => REGISTER.to_owned(),
            _ => format!("{REGISTER}; or choose one with --provider: {}", names.join(", ")),
        };
        Failure::new(what, why, remedy).exit(Exit::NotFound)
    })
}

/// The failure if no name is registered.
pub fn none(what: &str) -> Failure {
    Failure::new(what, "none is registered with this library", REGISTER)
}
