//! The behaviour of the service where its documentation says nothing, or where it is known to differ: one switch for
//! each.
//!
//! The defaults are the strictest reading of the public documentation, so a client that works here does not rely on
//! anything that the real service may refuse. Each other value is a behaviour that a client must handle.

use clap::ValueEnum;

/// The switches of the command line.
#[derive(clap::Args, Clone, Debug, PartialEq, Eq)]
#[command(next_help_heading = "Behaviour of the service")]
pub struct Behaviour {
    /// Largest `limit` that a list accepts; no page is longer
    #[arg(long, value_name = "N", default_value = "100", value_parser = positive)]
    pub page_limit: usize,

    /// What happens to a list request whose `limit` is larger
    #[arg(long, value_enum, default_value = "refuse")]
    pub over_limit: OverLimit,

    /// What happens to a query parameter that the request does not have
    #[arg(long, value_enum, default_value = "refuse")]
    pub unknown_parameter: UnknownParameter,

    /// How `alias=` in a list request selects
    #[arg(long, value_enum, default_value = "exact")]
    pub alias_match: AliasMatch,

    /// What `total` in a list says
    #[arg(long, value_enum, default_value = "exact")]
    pub total: Total,

    /// What the keypairs of a list show of their certificates
    #[arg(long, value_enum, default_value = "full")]
    pub listed_certificates: ListedCertificates,

    /// The keypairs of a list have no `public_key`; a keypair alone has it
    #[arg(long)]
    pub no_listed_public_key: bool,

    /// Put the one object of an answer into another: keypair, certificate, signature and record
    #[arg(long, value_enum, default_value = "none")]
    pub wrapped_answers: Wrapped,

    /// The first N requests for a signature's record are answered with 404
    #[arg(long, value_name = "N", default_value = "0")]
    pub late_records: u32,

    /// A sign request is answered with its id alone; its record is IN_PROGRESS the first N times that it is read
    #[arg(long, value_name = "N", default_value = "0")]
    pub asynchronous_signatures: u32,

    /// How a path that is not part of the API is answered
    #[arg(long, value_enum, default_value = "not-found")]
    pub unknown_path: UnknownPath,

    /// Refuse requests without an API key with 401, also those with a client certificate
    #[arg(long)]
    pub require_api_key: bool,
}

/// A `limit` beyond the largest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum OverLimit {
    /// 400.
    Refuse,
    /// The page has as many items as the largest limit.
    Clamp,
    /// The page has as many items as without a `limit`.
    Ignore,
    /// 500.
    Fail,
}

/// A query parameter that the request does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum UnknownParameter {
    /// 400.
    Refuse,
    /// As if it were not there.
    Ignore,
}

/// How `alias=` selects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum AliasMatch {
    /// The alias is exactly the value.
    Exact,
    /// The alias contains the value, in upper or lower case.
    Contains,
    /// Not at all: the list is whole.
    Ignore,
    /// 400, as for a parameter that is not known.
    Refuse,
}

/// What `total` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Total {
    /// The items of all pages.
    Exact,
    /// The items of this page.
    Page,
    /// Nothing: the member is missing.
    Missing,
}

/// The `certificates` of a keypair in a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListedCertificates {
    /// As in the keypair alone.
    Full,
    /// Id and alias of each.
    Stubs,
    /// An empty array.
    None,
}

/// What is around the one object of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Wrapped {
    /// Nothing.
    None,
    /// An object with the member `data`.
    Data,
    /// An array of one element.
    List,
}

/// A path that is not part of the API.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum UnknownPath {
    /// 404 in the gateway's words.
    NotFound,
    /// 200 and the page of the web application, even without credentials.
    WebPage,
}

impl Default for Behaviour {
    /// As without any switch.
    fn default() -> Behaviour {
        #[derive(clap::Parser)]
        struct Nothing {
            #[command(flatten)]
            behaviour: Behaviour,
        }
        <Nothing as clap::Parser>::parse_from(["stm-emulator"]).behaviour
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse::<u32>() {
        Ok(number) if number > 0 => Ok(number as usize),
        _ => Err("give a number of at least 1".to_owned()),
    }
}
