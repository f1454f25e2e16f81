//! Registers and unregisters the provider. Programs continue to sign: the library's file is never overwritten, and a
//! name leads to another build in one step.

use super::{ADMINISTRATOR, WINDOWS_SAYS, provider};
use crate::print::{self, Failure};
use std::path::{Path, PathBuf};
use stm_pkcs11::windows::image_file::{self, Removal, Turn};
use stm_pkcs11::windows::image_name;
use stm_pkcs11::windows::registration::{self, Refused};

/// A library that is to be registered.
struct Library {
    content: Vec<u8>,
    /// Its bare name in System32.
    image: String,
}

impl Library {
    /// The one that is named, or else the one beside this program.
    fn read(named: Option<&Path>) -> Result<Self, Failure> {
        let beside = || Some(std::env::current_exe().ok()?.parent()?.join(image_name::SHIPPED));
        let from = named.map(Path::to_owned).or_else(beside).unwrap_or_else(|| PathBuf::from(image_name::SHIPPED));
        let content = std::fs::read(&from)
            .map_err(|why| Failure::new(format!("read {}", from.display()), why, "name the library with --dll FILE"))?;
        let image = image_name::of(&content, image_file::version(&from).as_deref());
        Ok(Self { content, image })
    }

    fn path(&self) -> PathBuf {
        image_file::system32().join(&self.image)
    }

    /// Whether nothing is left to do: the name leads to this very file, and Windows opens it.
    fn is_registered(&self, name: &str) -> Result<bool, Failure> {
        let ours = provider::ours()?;
        let leads_here = ours.iter().all(|one| one.image.eq_ignore_ascii_case(&self.image));
        let named = ours.iter().any(|one| one.name.eq_ignore_ascii_case(name));
        Ok(named && leads_here && image_file::is_there(&self.image, &self.content) && registration::opens(name))
    }
}

/// Whether a name leads to a library of ours that Windows opens.
fn works(name: &str) -> Result<bool, Failure> {
    Ok(provider::names()?.iter().any(|known| known.eq_ignore_ascii_case(name)) && registration::opens(name))
}

/// Registers a name, and leads all names of ours to the same library.
pub fn register(name: &str, dll: Option<&Path>) -> Result<(), Failure> {
    let library = match Library::read(dll) {
        // A copy of this program without the library has nothing to put in place of what works.
        Err(_) if dll.is_none() && works(name)? => {
            print::line(&format!("registered already: {name}"));
            return Ok(());
        }
        library => library?,
    };
    let place = library.path();
    if library.is_registered(name)? {
        print::line(&format!("registered already: {name}, {}", place.display()));
        return Ok(());
    }
    let what = || format!("register the provider '{name}'");
    let turn = turn(&what())?;
    image_file::place(&library.image, &library.content)
        .map_err(|why| Failure::new(format!("write {}", place.display()), &why, remedy(&why)))?;
    registration::register(name, &library.image).map_err(|why| refused(&what(), why))?;
    for other in provider::ours()? {
        if !other.image.eq_ignore_ascii_case(&library.image) && !other.name.eq_ignore_ascii_case(name) {
            registration::register(&other.name, &library.image)
                .map_err(|why| refused(&format!("register the provider '{}'", other.name), why))?;
        }
    }
    print::line(&format!("registered: {name}, {}", place.display()));
    tidy(&turn, Some(&library.image))
}

/// Registers a name, unless it is registered with our library and the library is in its place. A name that is registered
/// with another library is somebody else's.
pub fn register_unless_there(name: &str) -> Result<(), Failure> {
    let found = provider::all()?.into_iter().find(|provider| provider.name.eq_ignore_ascii_case(name));
    if let Some(provider) = found.filter(|provider| !image_name::is_ours(&provider.image)) {
        let why = format!("it is registered with {}", provider.image);
        let remedy = format!("unregister it, or replace it with stm-pkcs11 windows register --name \"{name}\"");
        return Err(Failure::new(format!("register the provider '{name}'"), why, remedy));
    }
    register(name, None)
}

/// Unregisters a name, or else the only one; succeeds if there is nothing to do.
pub fn unregister(wanted: Option<&str>) -> Result<(), Failure> {
    let names = provider::names()?;
    let name = match (wanted, names.as_slice()) {
        (Some(wanted), names) => names.iter().find(|name| name.eq_ignore_ascii_case(wanted)),
        (None, []) => None,
        (None, [one]) => Some(one),
        (None, several) => {
            let remedy = format!("choose one with --name: {}", several.join(", "));
            return Err(Failure::new("unregister the provider", "several are registered", remedy));
        }
    };
    match (name, wanted) {
        (Some(name), _) => one(name),
        (None, Some(wanted)) => {
            let others = if names.is_empty() { String::new() } else { format!("; registered: {}", names.join(", ")) };
            print::line(&format!("not registered: {wanted}{others}"));
            left_over()
        }
        (None, None) => {
            print::line("nothing is registered");
            left_over()
        }
    }
}

/// Unregisters those of these names that our library has.
pub fn unregister_all(wanted: &[&str]) -> Result<(), Failure> {
    let names = provider::names()?;
    let meant = |name: &&String| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
    names.iter().filter(meant).try_for_each(|name| one(name))?;
    left_over()
}

/// The names under which our library is registered, one a line.
pub fn list() -> Result<(), Failure> {
    provider::names()?.iter().for_each(|name| print::line(name));
    Ok(())
}

fn one(name: &str) -> Result<(), Failure> {
    let what = format!("unregister the provider '{name}'");
    let turn = turn(&what)?;
    registration::unregister(name).map_err(|why| refused(&what, why))?;
    print::line(&format!("unregistered: {name}"));
    let others = provider::ours()?;
    if let Some(one) = others.first() {
        let names: Vec<&str> = others.iter().map(|one| one.name.as_str()).collect();
        print::line(&format!("kept: {}, for {}", image_file::system32().join(&one.image).display(), names.join(", ")));
    }
    tidy(&turn, None)
}

/// Removes files that an interrupted or earlier command left, if there are any.
fn left_over() -> Result<(), Failure> {
    let needed: Vec<String> = provider::ours()?.into_iter().map(|one| one.image).collect();
    if image_file::files().iter().all(|file| needed.iter().any(|needed| needed.eq_ignore_ascii_case(file))) {
        return Ok(());
    }
    tidy(&turn("remove the library")?, None)
}

/// Removes the files that no name needs, and says so. `new` is needed in any case.
fn tidy(_: &Turn, new: Option<&str>) -> Result<(), Failure> {
    let names = provider::ours()?.into_iter().map(|one| one.image);
    let needed: Vec<String> = names.chain(new.map(str::to_owned)).collect();
    for removal in image_file::tidy(&needed) {
        match removal {
            Removal::Removed(path) => print::line(&format!("removed: {}", path.display())),
            Removal::AtRestart(path) => {
                print::line(&format!("in use: {}; Windows removes it when it restarts", path.display()));
            }
            Removal::Kept(path, why) => {
                print::line(&format!("kept: {} ({why}); the next register or unregister removes it", path.display()));
            }
        }
    }
    Ok(())
}

fn turn(what: &str) -> Result<Turn, Failure> {
    image_file::turn().map_err(|why| Failure::new(what, &why, remedy(&why)))
}

fn remedy(why: &std::io::Error) -> &'static str {
    match why.kind() {
        std::io::ErrorKind::PermissionDenied => ADMINISTRATOR,
        std::io::ErrorKind::StorageFull => "make room on the disk of Windows",
        _ => "end the other stm-pkcs11 that registers, and try again",
    }
}

fn refused(what: &str, why: Refused) -> Failure {
    Failure::new(what, why, if why.is_denied() { ADMINISTRATOR } else { WINDOWS_SAYS })
}
