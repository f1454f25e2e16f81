//! The command line.

use crate::behaviour::Behaviour;
use crate::seed::Seed;
use clap::Parser;
use std::net::SocketAddr;
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

The admin port shows what came in (GET /requests, /signatures, /stats), makes
requests fail or wait (PUT /faults, /latency, /tsa) and adds keypairs by the
thousand (POST /seed); GET / lists its calls.

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

    /// Address of the admin port (plain HTTP, loopback only); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0", value_parser = loopback)]
    pub admin: SocketAddr,

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
    pub rate_limit: Option<u32>,

    #[command(flatten)]
    pub behaviour: Behaviour,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|error| format!("{error}; give an address like 127.0.0.1:0"))?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err("the admin port has no protection, so it must be on loopback: 127.0.0.1 or [::1]".to_owned())
    }
}

fn positive(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("give a number of at least 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_is_refused_anywhere_but_on_loopback() {
        assert!(Cli::try_parse_from(["x", "--state", "d", "--admin", "0.0.0.0:1"]).is_err());
        assert!(Cli::try_parse_from(["x", "--state", "d", "--admin", "192.0.2.1:1"]).is_err());
        assert!(Cli::try_parse_from(["x", "--state", "d", "--admin", "[::1]:1"]).is_ok());
    }
}
