//! The way to the service.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const NETWORK: Group = Group {
    title: "The network",
    entries: &[
        entry(
            "The name does not exist",
            Find(KEY),
            "cannot be resolved",
            "A typing error in `SM_HOST`, a build machine without name servers, or one that reaches the world through a proxy only.",
        )
        .with(&[("SM_HOST", "https://clientauth.invalid")]),
        entry(
            "Nobody listens there",
            Find(KEY),
            "refuses the connection",
            "Tried again until the time of the operation is over, because services restart.",
        )
        .with(&[("SM_HOST", "https://127.0.0.1:9")]),
        entry(
            "The proxy does not run",
            Find(KEY),
            "by way of the proxy",
            "`HTTPS_PROXY` is set on many machines without anybody knowing. `NO_PROXY` names hosts that need none.",
        )
        .with(&[("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "none.example")]),
        entry(
            "A firewall inspects TLS",
            Find(KEY),
            "unknown authority",
            "What answers shows a certificate of an authority that this system does not know: a company's firewall, or an \
             emulator. Put the authority's certificate (PEM) into a file and name it: `SM_CA_FILE`. A firewall that inspects \
             mutual TLS cannot work at all; ask for an exception for the host. `SM_TLS_SKIP_VERIFY` is no way out: whoever is \
             on the network could then pose as the service.",
        )
        .with(&[("SM_CA_FILE", "{state}/other-ca.pem")]),
        entry(
            "The file of authorities is not there",
            Find(KEY),
            "SM_CA_FILE",
            "`SM_CA_FILE` takes the place of the system's authorities; without it they are used.",
        )
        .with(&[("SM_CA_FILE", "/etc/ssl/company.pem")]),
        entry(
            "The service does not take the client certificate",
            Find(KEY),
            "does not accept the client certificate",
            "It was made in another account or for another host (production, demo, on-premises), or was revoked.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-other.p12")]),
        entry(
            "The certificate of the service is not checked",
            Find(KEY),
            "NOT checked",
            "`SM_TLS_SKIP_VERIFY=TRUE` is set. Said once a process, at every level of the log.",
        )
        .with(&[("SM_TLS_SKIP_VERIFY", "TRUE")])
        .warns(),
        entry(
            "The service is too slow",
            Find(KEY),
            "within 2 s",
            "No call takes longer than `STM_PKCS11_TIMEOUT` (60 seconds unless it is set). A signature whose answer did not come \
             may have been made: it is not asked for again, and the service's record of signatures shows it.",
        )
        .when(r#"[{"path": "/signingmanager", "delay_ms": 4000}]"#),
        entry(
            "What answers is a web page",
            Find(KEY),
            "web page",
            "A login page of a proxy, or the service's web address in place of its API's: `SM_HOST` begins with `clientauth.`.",
        )
        .when(
            r#"[{"path": "/signingmanager", "status": 403, "headers": {"Content-Type": "text/html"},
                 "body": "<html><body>Please log in</body></html>"}]"#,
        ),
        entry(
            "What answers sends us elsewhere",
            Find(KEY),
            "redirects are not followed",
            "The API key must not travel to a host that nobody chose.",
        )
        .when(r#"[{"path": "/signingmanager", "status": 302, "headers": {"Location": "https://other.example/"}, "body": ""}]"#),
    ],
};
