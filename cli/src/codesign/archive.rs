//! ZIP files: which kind they are, whether they are signed, and copies with other entries.

use super::kind::Kind;
use crate::print::Failure;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The kind of an archive, by what is in it; of a bare ZIP file by its name, for `jarsigner` signs any.
pub fn kind(file: File, path: &Path) -> Option<Kind> {
    let archive = ZipArchive::new(file).ok()?;
    let names = names_of(&archive);
    let has = |name: &str| names.iter().any(|other| other == name);
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    if has("AndroidManifest.xml") {
        Some(Kind::Apk)
    } else if has("AppxManifest.xml") || has("AppxMetadata/AppxBundleManifest.xml") {
        Some(Kind::Appx)
    } else if has("extension.vsixmanifest") {
        Some(Kind::Vsix)
    } else if any(&|name| name.ends_with(".nuspec") && !name.contains('/')) {
        Some(Kind::NuGet)
    } else if has("META-INF/MANIFEST.MF")
        || any(&|name| name.ends_with(".class") || name.starts_with("WEB-INF/"))
        || ["jar", "war", "ear", "sar", "aab"].contains(&ending.as_str())
    {
        Some(Kind::Jar)
    } else {
        None
    }
}

/// Whether an archive has a signature of its kind.
pub fn is_signed(kind: Kind, mut file: File) -> bool {
    if kind == Kind::Apk && has_signing_block(&mut file).unwrap_or(false) {
        return true;
    }
    let Ok(archive) = ZipArchive::new(file) else { return false };
    names_of(&archive).iter().any(|name| match kind {
        Kind::Appx => name == "AppxSignature.p7x",
        Kind::NuGet => name == ".signature.p7s",
        Kind::Vsix => name.starts_with("package/services/digital-signature/"),
        _ => is_signature_file(name),
    })
}

/// Whether an entry belongs to a signature of a Java archive: `META-INF/NAME.SF` and the block beside it.
pub fn is_of_signature(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let endings = [".SF", ".RSA", ".EC", ".DSA"];
    name.strip_prefix("META-INF/")
        .is_some_and(|file| !file.contains('/') && endings.iter().any(|ending| file.ends_with(ending)))
}

/// `META-INF/NAME.SF` of a signed Java archive.
fn is_signature_file(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("META-INF/").is_some_and(|file| file.ends_with(".SF") && !file.contains('/'))
}

/// The last bytes before the central directory are the magic of an APK signing block (schemes v2 and later).
fn has_signing_block(file: &mut File) -> std::io::Result<bool> {
    let archive = ZipArchive::new(&mut *file)?;
    let directory = archive.central_directory_start();
    let Some(at) = directory.checked_sub(16) else { return Ok(false) };
    let mut magic = [0; 16];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut magic)?;
    Ok(magic == *b"APK Sig Block 42")
}

/// The names of all entries.
pub fn names(path: &Path) -> Result<Vec<String>, Failure> {
    Ok(names_of(&open(path)?))
}

/// Names that cannot be read belong to nothing that is known here.
fn names_of(archive: &ZipArchive<File>) -> Vec<String> {
    archive.file_names().flatten().map(Into::into).collect()
}

/// The content of an entry.
pub fn read(path: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let mut archive = open(path)?;
    let mut content = Vec::new();
    let mut entry = archive.by_name(name).map_err(|error| unreadable(path, &error))?;
    entry.read_to_end(&mut content).map_err(|error| unreadable(path, &error))?;
    Ok(content)
}

/// What becomes of an entry of an archive that is copied.
pub enum Entry<'a> {
    AsItIs,
    LeftOut,
    With(&'a [u8]),
}

/// Copies an archive. Entries that stay are copied as they are, compressed, in their order.
pub fn copy<'a>(from: &Path, to: &Path, becomes: impl Fn(&str) -> Entry<'a>) -> Result<(), Failure> {
    let unwritten = |error: &dyn std::fmt::Display| Failure::new(format!("write {}", to.display()), error, "make room");
    let mut archive = open(from)?;
    let mut writer = ZipWriter::new(File::create(to).map_err(|error| unwritten(&error))?);
    for place in 0..archive.len() {
        let entry = archive.by_index_raw(place).map_err(|error| unreadable(from, &error))?;
        let name = entry.name().map(String::from).unwrap_or_default();
        match becomes(&name) {
            Entry::AsItIs => writer.raw_copy_file(entry).map_err(|error| unwritten(&error))?,
            Entry::LeftOut => {}
            Entry::With(content) => {
                let time = entry.last_modified().unwrap_or_default();
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .last_modified_time(time);
                writer.start_file(name, options).map_err(|error| unwritten(&error))?;
                writer.write_all(content).map_err(|error| unwritten(&error))?;
            }
        }
    }
    writer.finish().map_err(|error| unwritten(&error))?;
    Ok(())
}

fn open(path: &Path) -> Result<ZipArchive<File>, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    ZipArchive::new(file).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("read {}", path.display()), error, "name an archive that can be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(path: &Path, names: &[&str]) {
        let mut writer = ZipWriter::new(File::create(path).unwrap());
        for name in names {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn the_entries_of_an_archive_say_its_kind_and_whether_it_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.zip");
        let cases: [(Kind, &[&str], &str); 8] = [
            (Kind::Jar, &["META-INF/MANIFEST.MF", "a.class"], "META-INF/KEY.SF"),
            (Kind::Jar, &["WEB-INF/web.xml"], "meta-inf/key.sf"),
            (Kind::Apk, &["AndroidManifest.xml", "META-INF/MANIFEST.MF"], "META-INF/CERT.SF"),
            (Kind::Appx, &["AppxManifest.xml", "[Content_Types].xml"], "AppxSignature.p7x"),
            (Kind::Appx, &["AppxMetadata/AppxBundleManifest.xml"], "AppxSignature.p7x"),
            (Kind::NuGet, &["[Content_Types].xml", "demo.nuspec"], ".signature.p7s"),
            (
                Kind::Vsix,
                &["[Content_Types].xml", "extension.vsixmanifest"],
                "package/services/digital-signature/x.psdor",
            ),
            (Kind::Jar, &["a.class"], "META-INF/X.SF"),
        ];
        for (expected, names, signature) in cases {
            archive(&path, names);
            assert_eq!(kind(File::open(&path).unwrap(), &path), Some(expected), "{names:?}");
            assert!(!is_signed(expected, File::open(&path).unwrap()), "{names:?}");
            archive(&path, &[names, &[signature]].concat());
            assert!(is_signed(expected, File::open(&path).unwrap()), "{signature}");
        }
        archive(&path, &["photo.jpg", "lib/demo.nuspec"]);
        assert_eq!(kind(File::open(&path).unwrap(), &path), None);
        assert_eq!(kind(File::open(&path).unwrap(), Path::new("a.EAR")), Some(Kind::Jar));
    }

    #[test]
    fn an_entry_is_replaced_or_left_out_and_the_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from.jar", "to.jar"].map(|name| folder.path().join(name));
        archive(&from, &["one", "two", "three", "four"]);
        let becomes = |name: &str| match name {
            "two" => Entry::With(b"another"),
            "three" => Entry::LeftOut,
            _ => Entry::AsItIs,
        };
        copy(&from, &to, becomes).unwrap();
        assert_eq!(names(&to).unwrap(), ["one", "two", "four"]);
        let contents = ["one", "two", "four"].map(|name| read(&to, name).unwrap());
        assert_eq!(contents, [b"one".to_vec(), b"another".to_vec(), b"four".to_vec()]);
    }
}
