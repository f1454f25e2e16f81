//! Who may use the admin port: programs on this machine, and the pages that it serves itself.
//!
//! A browser on this machine also runs pages of other sites. Such a page can send requests to the port, and if its name
//! was rebound to 127.0.0.1, it can read the responses, too. Programs such as curl send no `Origin` and no
//! `Sec-Fetch-Site`; a browser cannot leave out or change either, or `Host`.

use hyper::header::{HOST, ORIGIN, REFERER};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use std::fmt;
use std::net::IpAddr;

/// The host names that lead to the admin port.
pub struct Guard {
    /// Besides `localhost` and the loopback addresses, in lower case and without port: those of `--admin-host`.
    names: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The `Host` header is missing, is there twice, or has this name of another machine.
    Host(String),
    /// A page of another origin sent it; the text is the header that says so.
    Origin(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Host(host) => write!(
                f,
                "Host is not a name of the admin port ('{host}'); use 127.0.0.1 or localhost, or start the emulator with --admin-host NAME"
            ),
            Refusal::Origin(header) => write!(
                f,
                "the request was sent by a page of another site ({header}); type the address of the console into the browser"
            ),
        }
    }
}

impl Guard {
    pub fn new(names: &[String]) -> Guard {
        Guard { names: names.iter().map(|name| name.to_lowercase()).collect() }
    }

    /// # Errors
    /// The request comes from a page of another site, or through a name of another machine. It must neither change nor
    /// read anything.
    pub fn admit(&self, request: &Parts) -> Result<(), Refusal> {
        let header = |name: &str| -> Vec<String> {
            let values = request.headers.get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        };
        let [host] = &header(HOST.as_str())[..] else { return Err(Refusal::Host(String::new())) };
        // A target with a host of its own counts instead of the header (RFC 9112, section 3.2.2).
        for name in [Some(host.as_str()), request.uri.authority().map(Authority::as_str)].into_iter().flatten() {
            if !self.is_ours(name) {
                return Err(Refusal::Host(name.to_owned()));
            }
        }
        let own = format!("http://{host}");
        if let Some(value) = header(ORIGIN.as_str()).iter().find(|value| !value.eq_ignore_ascii_case(&own)) {
            return Err(Refusal::Origin(format!("Origin: {value}")));
        }
        let sites = header("sec-fetch-site");
        if let Some(value) = sites.iter().find(|value| !["same-origin", "none"].contains(&value.as_str())) {
            return Err(Refusal::Origin(format!("Sec-Fetch-Site: {value}")));
        }
        // Browsers too old for the two headers above.
        let known = !sites.is_empty() || request.headers.contains_key(ORIGIN);
        let of_own_page = |value: &str| value.get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(&own));
        let ends_there = |value: &str| value[own.len()..].is_empty() || value[own.len()..].starts_with('/');
        match header(REFERER.as_str()).iter().find(|value| !(of_own_page(value) && ends_there(value))) {
            Some(value) if !known => Err(Refusal::Origin(format!("Referer: {value}"))),
            _ => Ok(()),
        }
    }

    /// Whether a host, with or without port, is this machine's loopback or a name of `--admin-host`.
    fn is_ours(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host().to_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        name == "localhost" || address.is_ok_and(|address| address.is_loopback()) || self.names.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn admit(uri: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut builder = Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        Guard::new(&["Build.Example".to_owned()]).admit(&builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_names_of_this_machine_and_those_of_the_command_line_are_hosts() {
        for good in ["127.0.0.1:1", "127.9.9.9", "localhost:1", "LOCALHOST", "[::1]:1", "[::1]", "build.example:1"] {
            assert_eq!(admit("/", &[("host", good)]), Ok(()), "{good}");
        }
        for bad in [
            "evil.example",
            "evil.example:1",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.localhost",
            "localhost.",
            "user@localhost",
            "192.0.2.1",
            "0.0.0.0:1",
            "[::]:1",
            "127.1",
            "",
            "local host",
        ] {
            assert_eq!(admit("/", &[("host", bad)]), Err(Refusal::Host(bad.to_owned())), "{bad}");
        }
        assert!(matches!(admit("/", &[]), Err(Refusal::Host(_))));
        assert!(matches!(admit("/", &[("host", "localhost"), ("host", "localhost")]), Err(Refusal::Host(_))));
        assert!(matches!(admit("http://evil.example/", &[("host", "localhost")]), Err(Refusal::Host(_))));
        assert_eq!(admit("http://localhost/", &[("host", "localhost")]), Ok(()));
    }

    #[test]
    fn a_request_of_a_page_is_accepted_from_the_same_origin_only() {
        let host = ("host", "127.0.0.1:8000");
        for good in [
            ("origin", "http://127.0.0.1:8000"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("referer", "http://127.0.0.1:8000/console/faults"),
            ("referer", "http://127.0.0.1:8000"),
        ] {
            assert_eq!(admit("/", &[host, good]), Ok(()), "{good:?}");
        }
        for bad in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", ""),
            ("origin", "https://127.0.0.1:8000"),
            ("origin", "http://127.0.0.1:8001"),
            ("origin", "http://localhost:8000"),
            ("origin", "http://127.0.0.1:80000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", ""),
            ("referer", "http://evil.example/"),
            ("referer", "http://127.0.0.1:80001/"),
            ("referer", "http://127.0.0.1:8000.evil.example/"),
        ] {
            assert!(matches!(admit("/", &[host, bad]), Err(Refusal::Origin(_))), "{bad:?}");
        }
        // One good header does not make up for a bad one.
        let both = [host, ("origin", "http://127.0.0.1:8000"), ("origin", "http://evil.example")];
        assert!(admit("/", &both).is_err());
        assert!(admit("/", &[host, ("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "cross-site")]).is_err());
    }
}
