//! What the tests look at in an ELF, PE or Mach-O file; a universal file of macOS is several of these.

use object::macho::{FatArch32, MachHeader64};
use object::pe::{ImageNtHeaders32, ImageNtHeaders64};
use object::read::elf::{ElfFile64, ProgramHeader as _, SectionHeader as _};
use object::read::macho::{FatArch as _, LoadCommandVariant, MachHeader as _, MachOFatFile, MachOFile64};
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader as _, PeFile};
use object::{Architecture, Endianness, FileKind, Object as _, ObjectSymbol as _, elf, macho, pe};
use std::collections::{BTreeMap, BTreeSet};

/// The system that loads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Linux,
    Windows,
    MacOs,
}

/// One image: a file, or the part of a universal file for one machine.
#[derive(Debug)]
pub struct Image {
    pub system: System,
    pub machine: Architecture,
    /// Names that other programs can link with, without the underscore of macOS.
    pub exports: BTreeSet<String>,
    /// Libraries that the loader brings, in lower case on Windows, where the case does not matter.
    pub libraries: BTreeSet<String>,
    /// The newest version that is needed of each library that has symbol versions: `GLIBC` is `[2, 28]`.
    pub newest: BTreeMap<String, Vec<u32>>,
    /// The oldest system that loads it: macOS' minimum version, or the version of the Windows subsystem.
    pub oldest_system: Option<(u16, u16)>,
    /// What a loader needs to protect the process, and this image lacks.
    pub unprotected: Vec<&'static str>,
    /// Whether it has a version resource (Windows).
    pub has_version: bool,
    /// The hash of each page of code is right (macOS, where an ad-hoc signature consists of these).
    pub is_signed: bool,
    /// By what name programs that link with it find it (macOS).
    pub install_name: Option<String>,
    /// Demangled names of all functions, unless they are stripped.
    pub functions: BTreeSet<String>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The images of a file.
pub fn images(data: &[u8]) -> object::read::Result<Vec<Image>> {
    match FileKind::parse(data)? {
        FileKind::Elf64 => Ok(vec![elf_image(data)?]),
        FileKind::Pe32 => Ok(vec![pe_image::<ImageNtHeaders32>(data)?]),
        FileKind::Pe64 => Ok(vec![pe_image::<ImageNtHeaders64>(data)?]),
        FileKind::MachO64 => Ok(vec![mach_image(data)?]),
        FileKind::MachOFat32 => {
            let fat = MachOFatFile::<FatArch32>::parse(data)?;
            fat.arches().iter().map(|part| mach_image(part.data(data)?)).collect()
        }
        other => panic!("{other:?} is not the format of any system that is built for"),
    }
}

fn common<'data>(file: &impl object::Object<'data>, system: System) -> object::read::Result<Image> {
    let mut exports = BTreeSet::new();
    for export in file.exports()? {
        let export = export?;
        let name = export.name().name().map(text).unwrap_or_else(|| "an ordinal without a name".to_owned());
        exports.insert(if system == System::MacOs { name.trim_start_matches('_').to_owned() } else { name });
    }
    let functions = file
        .symbols()
        .filter(|symbol| symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok().map(|name| format!("{:#}", rustc_demangle::demangle(name))))
        .collect();
    Ok(Image {
        system,
        machine: file.architecture(),
        exports,
        libraries: BTreeSet::new(),
        newest: BTreeMap::new(),
        oldest_system: None,
        unprotected: Vec::new(),
        has_version: false,
        is_signed: false,
        install_name: None,
        functions,
    })
}

fn elf_image(data: &[u8]) -> object::read::Result<Image> {
    let file = ElfFile64::<Endianness>::parse(data)?;
    let endian = file.endian();
    let mut image = common(&file, System::Linux)?;
    let (mut bind_now, mut relro, mut stack) = (false, false, None);
    if file.elf_header().e_type.get(endian) != elf::ET_DYN {
        image.unprotected.push("an address that the loader chooses (ET_DYN)");
    }
    let table = file.elf_dynamic_table()?;
    for entry in table.iter() {
        match entry.tag {
            elf::DT_NEEDED => {
                image.libraries.insert(text(table.string(entry)?));
            }
            elf::DT_FLAGS => bind_now |= entry.val & elf::DF_BIND_NOW.0 != 0,
            elf::DT_FLAGS_1 => bind_now |= entry.val & elf::DF_1_NOW.0 != 0,
            elf::DT_BIND_NOW => bind_now = true,
            elf::DT_TEXTREL => image.unprotected.push("code without relocations (DT_TEXTREL)"),
            elf::DT_RPATH | elf::DT_RUNPATH => {
                image.unprotected.push("the system's search path (DT_RPATH, DT_RUNPATH)")
            }
            _ => {}
        }
    }
    for segment in file.elf_program_headers() {
        let flags = segment.p_flags(endian);
        match segment.p_type(endian) {
            elf::PT_GNU_RELRO => relro = true,
            elf::PT_GNU_STACK => stack = Some(flags.0 & elf::PF_X.0 != 0),
            elf::PT_LOAD if flags.0 & elf::PF_X.0 != 0 && flags.0 & elf::PF_W.0 != 0 => {
                image.unprotected.push("memory that is either writable or executable");
            }
            _ => {}
        }
    }
    if !(bind_now && relro) {
        image.unprotected.push("full RELRO");
    }
    // Without the header, the kernel makes the stack executable.
    if stack != Some(false) {
        image.unprotected.push("a stack that is not executable (PT_GNU_STACK)");
    }
    let sections = file.elf_section_table();
    for section in sections.iter() {
        let Some((mut needs, link)) = section.gnu_verneed(endian, data)? else { continue };
        let strings = sections.strings(endian, data, link)?;
        while let Some((_, mut versions)) = needs.next()? {
            while let Some(version) = versions.next()? {
                note_version(&mut image.newest, &text(version.name(endian, strings)?));
            }
        }
    }
    Ok(image)
}

/// `GLIBC_2.28` is version 2.28 of GLIBC.
fn note_version(newest: &mut BTreeMap<String, Vec<u32>>, name: &str) {
    let (family, version) = name.rsplit_once('_').unwrap_or((name, ""));
    let version: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    let known = newest.entry(family.to_owned()).or_default();
    *known = std::mem::take(known).max(version);
}

fn pe_image<Pe: ImageNtHeaders>(data: &[u8]) -> object::read::Result<Image> {
    let file = PeFile::<Pe>::parse(data)?;
    let mut image = common(&file, System::Windows)?;
    let header = file.nt_headers().optional_header();
    image.oldest_system = Some((header.major_subsystem_version(), header.minor_subsystem_version()));
    let flags = header.dll_characteristics().0;
    let mut protections = vec![
        (pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, "an address that the loader chooses (DYNAMIC_BASE)"),
        (pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT, "data that is not executable (NX_COMPAT)"),
    ];
    if file.is_64() {
        protections.push((pe::IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, "64-bit addresses (HIGH_ENTROPY_VA)"));
    }
    image.unprotected.extend(protections.into_iter().filter(|(flag, _)| flags & flag.0 == 0).map(|(_, what)| what));
    if file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_BASERELOC).is_none() {
        image.unprotected.push("relocations, without which it has one address");
    }
    for section in file.section_table().iter() {
        let flags = section.characteristics.get(object::LittleEndian).0;
        let both = pe::IMAGE_SCN_MEM_EXECUTE.0 | pe::IMAGE_SCN_MEM_WRITE.0;
        if flags & both == both {
            image.unprotected.push("memory that is either writable or executable");
        }
    }
    if let Some(table) = file.import_table()? {
        let mut descriptors = table.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            image.libraries.insert(text(table.name(descriptor.name.get(object::LittleEndian))?).to_lowercase());
        }
    }
    if let Some(resources) = file.data_directories().resource_directory(data, &file.section_table())? {
        image.has_version = resources
            .root()?
            .entries
            .iter()
            .any(|entry| entry.name_or_id().id().is_some_and(|id| id == pe::RT_VERSION));
    }
    Ok(image)
}

fn mach_image(data: &[u8]) -> object::read::Result<Image> {
    let file = MachOFile64::<Endianness>::parse(data)?;
    let endian = file.endian();
    let mut image = common(&file, System::MacOs)?;
    let header: &MachHeader64<Endianness> = file.macho_header();
    let flags = header.flags(endian).0;
    if header.filetype(endian) == macho::MH_EXECUTE && flags & macho::MH_PIE.0 == 0 {
        image.unprotected.push("an address that the loader chooses (MH_PIE)");
    }
    if flags & macho::MH_ALLOW_STACK_EXECUTION.0 != 0 {
        image.unprotected.push("a stack that is not executable");
    }
    if flags & macho::MH_TWOLEVEL.0 == 0 {
        image.unprotected.push("names that are bound to their library (MH_TWOLEVEL)");
    }
    let mut commands = file.macho_load_commands()?;
    while let Some(command) = commands.next()? {
        match command.variant()? {
            LoadCommandVariant::Dylib(library) => {
                image.libraries.insert(text(command.string(endian, library.dylib.name)?));
            }
            LoadCommandVariant::IdDylib(own) => {
                image.install_name = Some(text(command.string(endian, own.dylib.name)?));
            }
            LoadCommandVariant::Rpath(_) => image.unprotected.push("the system's search path (LC_RPATH)"),
            LoadCommandVariant::BuildVersion(version, _) => {
                let minimum = version.minos.get(endian).0;
                image.oldest_system = Some(((minimum >> 16) as u16, (minimum >> 8 & 0xff) as u16));
            }
            LoadCommandVariant::LinkeditData(place) if command.cmd() == macho::LC_CODE_SIGNATURE => {
                let from = place.dataoff.get(endian) as usize;
                let signature = data.get(from..from + place.datasize.get(endian) as usize).unwrap_or_default();
                image.is_signed = super::signature::is_right(signature, data);
            }
            _ => {}
        }
    }
    Ok(image)
}
