//! The command line.

use crate::behaviour::Behaviour;
use crate::seed::Seed;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use hyper::http::uri::Authority;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

const ABOUT: &str = "DigiCert Software Trust Manager's signing API on one machine";

/// What `--help` says before the options.
const LONG_ABOUT: &str = "\
DigiCert Software Trust Manager's signing API on one machine.

Serves the REST API that signing clients use, over HTTPS with client
certificates, with real keys, real certificate chains and real signatures, so
that a pipeline can be tried out and tested without an account and without
spending a signature. Nothing it signs is trusted by anyone who does not trust
DIR/signing-root.pem.

When it is ready it prints one line,

  ready https://127.0.0.1:PORT admin http://127.0.0.1:PORT

and has written into the state directory DIR what clients need:

  client.env          settings for a shell:  . DIR/client.env
                      and STM_EMULATOR_ADMIN, STM_EMULATOR_TSA: the other ports
  client.p12          client certificate and key; the password is in client.env
  client.pem          the same as PEM, without a password
  client-legacy.p12   the same, encrypted with SHA-1 and triple DES
  client-rc2.p12      the same, encrypted with SHA-1 and 40-bit RC2
  client-expired.p12  an expired client certificate, same password
  client-soon.p12     one that expires in ten days, same password
  client-other.p12    a client certificate of an unrelated CA, same password
  tls-ca.pem          the CA of the server's certificate
  other-ca.pem        an unrelated CA
  signing-root.pem    the root of all code-signing certificates, and of the
                      time-stamping server's
  pid                 the number of the process, while it runs
  certs/              every keypair's certificate, alone and with its chain";

/// What `--help` says after the options.
const AFTER_HELP: &str = "\
It stops cleanly on SIGTERM and SIGINT. Started again with the same directory,
it has the same keys, certificates, credentials and recorded signatures.

The admin port shows a console to browsers: keypairs, signatures, requests as
they arrive, and switches that make them fail. Programs see what came in
(GET /requests, /signatures, /stats), make requests fail or wait (PUT /faults,
/latency, /rate-limit, /tsa) and add keypairs by the thousand (POST /seed);
GET / lists its calls.

Example:
  stm-emulator --state /tmp/stm --seed full --background
  . /tmp/stm/client.env
  curl --cacert \"$SM_CA_FILE\" --cert /tmp/stm/client.pem \\
       -H \"x-api-key: $SM_API_KEY\" \"$SM_HOST/signingmanager/api/v1/keypairs\"
  kill \"$(cat /tmp/stm/pid)\"";

#[derive(Parser, Debug)]
#[command(name = "stm-emulator", version, about = ABOUT, long_about = LONG_ABOUT, after_long_help = AFTER_HELP)]
pub struct Cli {
    /// Directory for keys, certificates, credentials and records; made if missing
    #[arg(long, value_name = "DIR")]
    pub state: PathBuf,

    /// Address of the API (HTTPS); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// Address of the admin port and the console (plain HTTP, without a password); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub admin: SocketAddr,

    /// Name or address by which others reach the admin port; required if --admin is not on loopback, may be repeated
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub admin_host: Vec<String>,

    /// Address of the time-stamping server (RFC 3161 over plain HTTP); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub tsa: SocketAddr,

    /// Return when it is ready, and print how to stop it
    #[arg(long)]
    pub background: bool,

    /// Keypairs to start with; those that the directory has already stay as they are
    #[arg(long, value_enum, default_value = "demo")]
    pub seed: Seed,

    /// Answer 429 with Retry-After to more than N requests a second; no limit unless given
    #[arg(long, value_name = "N", value_parser = positive)]
    pub rate_limit: Option<NonZeroU32>,

    #[command(flatten)]
    pub behaviour: Behaviour,
}

impl Cli {
    /// Reads the command line; ends the program with a message if it is not valid.
    pub fn read() -> Cli {
        let cli = Cli::parse();
        if let Err(problem) = cli.check() {
            Cli::command().error(ErrorKind::ValueValidation, problem).exit();
        }
        cli
    }

    fn check(&self) -> Result<(), String> {
        if self.admin.ip().is_loopback() || !self.admin_host.is_empty() {
            return Ok(());
        }
        Err(format!(
            "--admin is not on loopback ({}), and everyone who reaches the admin port controls the emulator; use 127.0.0.1 \
             or [::1], or name the host in --admin-host",
            self.admin
        ))
    }

    /// The host and port of the admin port for clients, once it is bound to `bound`.
    pub fn admin_address(&self, bound: SocketAddr) -> String {
        match self.admin_host.first() {
            Some(name) if !bound.ip().is_loopback() => format!("{name}:{}", bound.port()),
            _ => bound.to_string(),
        }
    }
}

/// A host without scheme, user or port, in brackets if it is an IPv6 address.
fn host_name(text: &str) -> Result<String, String> {
    match text.parse::<Authority>() {
        Ok(host) if host.host() == text => Ok(text.to_owned()),
        _ => Err("give a host name or an address alone, such as build.example or [2001:db8::1]".to_owned()),
    }
}

fn positive(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "give a number of at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cli(arguments: &[&str]) -> Result<Cli, String> {
        let cli =
            Cli::try_parse_from([&["x", "--state", "d"], arguments].concat()).map_err(|error| error.to_string())?;
        cli.check().map(|()| cli)
    }

    #[test]
    fn the_admin_port_is_refused_anywhere_but_on_loopback_unless_its_host_is_named() {
        for address in ["0.0.0.0:1", "192.0.2.1:1", "[::]:1"] {
            let problem = cli(&["--admin", address]).unwrap_err();
            assert!(problem.starts_with(&format!("--admin is not on loopback ({address})")), "{problem}");
            assert!(cli(&["--admin", address, "--admin-host", "build.example"]).is_ok());
        }
        assert!(cli(&["--admin", "[::1]:1"]).is_ok());
        for host in ["http://build.example", "build.example:80", "a b", "", "user@host", "2001:db8::1"] {
            assert!(cli(&["--admin-host", host]).unwrap_err().contains("give a host name"), "{host}");
        }
    }

    #[test]
    fn clients_get_an_address_that_they_can_reach() {
        let bound = "0.0.0.0:8000".parse().unwrap();
        let named = cli(&["--admin", "0.0.0.0:0", "--admin-host", "build.example"]).unwrap();
        assert_eq!(named.admin_address(bound), "build.example:8000");
        let loopback = "127.0.0.1:8000".parse().unwrap();
        assert_eq!(named.admin_address(loopback), "127.0.0.1:8000");
    }
}
