//! Registers and unregisters the provider. Programs continue to sign: the library's file is never overwritten, and a
//! name leads to another build in one step.

use super::{ADMINISTRATOR, WINDOWS_SAYS, provider};
use crate::print::{self, Exit, Failure};
use std::path::{Path, PathBuf};
use stm_pkcs11::windows::image_file::{self, Removal, Turn};
use stm_pkcs11::windows::image_name;
use stm_pkcs11::windows::machine::{Directory, Host, Machine};
use stm_pkcs11::windows::registration::{self, Refused};

/// A build of the library, for the programs of one machine type.
struct Build {
    machine: Machine,
    /// Where Windows looks for it.
    directory: Directory,
    content: Vec<u8>,
    from: PathBuf,
}

impl Build {
    fn read(from: &Path) -> Result<Self, Failure> {
        let content = std::fs::read(from)
            .map_err(|why| Failure::new(format!("read {}", from.display()), why, "name the library with --dll FILE"))?;
        let host = image_file::host();
        let refused = |why: String, remedy: String| {
            Failure::new(format!("register {}", from.display()), why, remedy).exit(Exit::Usage)
        };
        let machine = Machine::of_library(&content)
            .map_err(|why| refused(why.to_string(), "name stm_pkcs11.dll with --dll FILE".to_owned()))?;
        let directory = host.directory_for(machine).ok_or_else(|| {
            let why = format!("it is for {machine}, and no program on this machine ({}) can load it", host.native);
            refused(why, format!("use the build for {}", usable(host)))
        })?;
        if !image_file::has(directory) {
            let why = format!("it is for {machine}, and this Windows does not run such programs");
            return Err(refused(why, format!("use the build for {}", host.native)));
        }
        Ok(Self { machine, directory, content, from: from.to_owned() })
    }
}

/// The builds that programs on this machine can load.
fn usable(host: Host) -> String {
    let all = [Machine::Arm64, Machine::X64, Machine::X86].into_iter();
    let usable: Vec<String> =
        all.filter(|machine| host.directory_for(*machine).is_some()).map(|machine| machine.to_string()).collect();
    usable.join(" or ")
}

/// The library beside this program.
fn beside() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.with_file_name(image_name::SHIPPED)
}

/// The libraries of the archive that this program is from: that beside it, and where 32-bit programs run on 64-bit Windows,
/// that for them.
fn shipped() -> Vec<PathBuf> {
    let own = beside();
    let x86 = own.with_file_name("x86").join(image_name::SHIPPED);
    let served = image_file::host().native != Machine::X86 && image_file::has(Directory::SysWow64);
    std::iter::once(own).chain((served && x86.exists()).then_some(x86)).collect()
}

/// The builds that are to be registered, by one name for all.
struct Library {
    /// That in System32 first.
    builds: Vec<Build>,
    /// The bare file name.
    image: String,
}

impl Library {
    /// The builds that are named, or else those shipped with this program; and for programs that these do not serve, the one
    /// that is registered.
    fn read(named: &[PathBuf]) -> Result<Self, Failure> {
        let files = if named.is_empty() { shipped() } else { named.to_vec() };
        let mut builds: Vec<Build> = Vec::new();
        for file in &files {
            let build = Build::read(file)?;
            if let Some(other) = builds.iter().find(|other| other.directory == build.directory) {
                let why = format!(
                    "{} ({}) and {} ({}) would both be {} in {}",
                    other.from.display(),
                    other.machine,
                    build.from.display(),
                    build.machine,
                    image_name::SHIPPED,
                    build.directory.name()
                );
                let remedy = "name one of them only";
                return Err(Failure::new("register the libraries", why, remedy).exit(Exit::Usage));
            }
            builds.push(build);
        }
        let ours = provider::ours()?;
        for directory in image_file::host().directories() {
            if builds.iter().all(|build| build.directory != *directory) {
                let mut registered = ours.iter().map(|one| image_file::path(*directory, &one.image));
                builds.extend(
                    registered.find_map(|file| Build::read(&file).ok().filter(|build| build.directory == *directory)),
                );
            }
        }
        builds.sort_by_key(|build| build.directory != Directory::System32);
        let contents: Vec<&[u8]> = builds.iter().map(|build| &build.content[..]).collect();
        let version = builds.first().and_then(|build| image_file::version(&build.from));
        let image = image_name::of(&contents, version.as_deref());
        Ok(Self { builds, image })
    }

    /// Its paths, for messages.
    fn places(&self) -> String {
        let place = |build: &Build| {
            let path = image_file::shown(build.directory, &self.image);
            format!("{} ({})", path.display(), build.machine)
        };
        self.builds.iter().map(place).collect::<Vec<_>>().join(", ")
    }

    /// Whether nothing is left to do: the name leads to these very files, and Windows opens them.
    fn is_registered(&self, name: &str) -> Result<bool, Failure> {
        let ours = provider::ours()?;
        let leads_here = ours.iter().all(|one| one.image.eq_ignore_ascii_case(&self.image));
        let named = ours.iter().any(|one| one.name.eq_ignore_ascii_case(name));
        let there = |build: &Build| image_file::is_there(build.directory, &self.image, &build.content);
        Ok(named && leads_here && self.builds.iter().all(there) && provider::opens(name, &self.image))
    }
}

/// Whether a name leads to a library of ours that Windows opens.
fn works(name: &str) -> Result<bool, Failure> {
    let found = provider::ours()?.into_iter().find(|one| one.name.eq_ignore_ascii_case(name));
    Ok(found.is_some_and(|one| provider::opens(name, &one.image)))
}

/// Registers a name, and leads all names of ours to the same library. `dlls`: builds for different machine types.
pub fn register(name: &str, dlls: &[PathBuf]) -> Result<(), Failure> {
    let library = match Library::read(dlls) {
        // A copy of this program without the library has nothing to put in place of what works.
        Err(_) if dlls.is_empty() && !beside().exists() && works(name)? => {
            print::line(&format!("registered already: {name}"));
            return Ok(());
        }
        library => library?,
    };
    if library.is_registered(name)? {
        print::line(&format!("registered already: {name}, {}", library.places()));
        return Ok(());
    }
    let what = || format!("register the provider '{name}'");
    let turn = turn(&what())?;
    // Another process may have registered a build for other programs in the meantime.
    let library = Library::read(dlls)?;
    for build in &library.builds {
        image_file::place(build.directory, &library.image, &build.content).map_err(|why| {
            let path = image_file::shown(build.directory, &library.image);
            Failure::new(format!("write {}", path.display()), &why, remedy(&why))
        })?;
    }
    registration::register(name, &library.image).map_err(|why| refused(&what(), why))?;
    for other in provider::ours()? {
        if !other.image.eq_ignore_ascii_case(&library.image) && !other.name.eq_ignore_ascii_case(name) {
            registration::register(&other.name, &library.image)
                .map_err(|why| refused(&format!("register the provider '{}'", other.name), why))?;
        }
    }
    print::line(&format!("registered: {name}, {}", library.places()));
    let host = image_file::host();
    if library.builds.iter().any(|build| build.directory == Directory::System32 && build.machine != host.native) {
        print::line(&format!("programs for {0} cannot load it; they require the build for {0}", host.native));
    }
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
    register(name, &[])
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
        let kept: Vec<String> =
            provider::libraries(&one.image).into_iter().map(|(path, _)| path.display().to_string()).collect();
        print::line(&format!("kept: {}, for {}", kept.join(" and "), names.join(", ")));
    }
    tidy(&turn, None)
}

/// Removes files that an interrupted or earlier command left, if there are any.
fn left_over() -> Result<(), Failure> {
    let needed: Vec<String> = provider::ours()?.into_iter().map(|one| one.image).collect();
    if image_file::files().iter().all(|(_, file)| needed.iter().any(|needed| needed.eq_ignore_ascii_case(file))) {
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
