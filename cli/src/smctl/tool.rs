//! The signing programs of this machine, by the vendor's names.

use crate::on_path;
use std::path::PathBuf;

pub struct Tool {
    pub name: &'static str,
    pub path: Option<PathBuf>,
}

/// The vendor's name, and the program's. On each system those that sign there.
const TOOLS: &[(&str, &str)] = if cfg!(windows) {
    &[("Jarsigner", "jarsigner"), ("Apksigner", "apksigner"), ("Signtool", "signtool")]
} else {
    &[("Jarsigner", "jarsigner"), ("Apksigner", "apksigner"), ("Osslsigncode", "osslsigncode"), ("Jsign", "jsign")]
};

pub fn all() -> impl Iterator<Item = Tool> {
    TOOLS.iter().map(|(name, program)| Tool { name, path: on_path::find(program) })
}
