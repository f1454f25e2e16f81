//! The signing programs, by the vendor's names.

use crate::codesign::kind::Kind;
use clap::ValueEnum;

/// `--tool`: which files are meant. Which program signs them is ours to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    Signtool,
    Jsign,
    Osslsigncode,
    Jarsigner,
    Apksigner,
    Nuget,
}

const AUTHENTICODE: &[Kind] =
    &[Kind::Pe, Kind::Msi, Kind::Cab, Kind::Cat, Kind::PowerShell, Kind::WindowsScript, Kind::Appx];

impl Tool {
    pub fn name(self) -> &'static str {
        match self {
            Self::Signtool => "signtool",
            Self::Jsign => "jsign",
            Self::Osslsigncode => "osslsigncode",
            Self::Jarsigner => "jarsigner",
            Self::Apksigner => "apksigner",
            Self::Nuget => "nuget",
        }
    }

    /// Whether files of this kind are meant.
    pub fn signs(self, kind: Kind) -> bool {
        match self {
            Self::Signtool | Self::Osslsigncode => AUTHENTICODE.contains(&kind),
            Self::Jsign => AUTHENTICODE.contains(&kind) || matches!(kind, Kind::NuGet | Kind::Vsix),
            Self::Jarsigner => kind == Kind::Jar,
            Self::Apksigner => kind == Kind::Apk,
            Self::Nuget => kind == Kind::NuGet,
        }
    }
}
