//! The connection to the service.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const NETWORK: Group = Group {
    title: "Network",
    entries: &[
        entry(
            "Host name cannot be resolved",
            Find(KEY),
            "cannot be resolved",
            "Cause: a typing error in `SM_HOST`, a build machine without name servers, or one that reaches the Internet only through a proxy. Check `SM_HOST` and `HTTPS_PROXY`.",
        )
        .with(&[("SM_HOST", "https://clientauth.invalid")]),
        entry(
            "Connection refused",
            Find(KEY),
            "connection refused by",
            "No server listens at this host and port. The module retries within the timeout, because services restart. Check `SM_HOST` and its port.",
        )
        .with(&[("SM_HOST", "https://127.0.0.1:9")]),
        entry(
            "Connection refused by the proxy",
            Find(KEY),
            "refused by the proxy",
            "`HTTPS_PROXY` names a proxy that does not run. It is often set for the whole machine. List hosts that bypass the proxy in `NO_PROXY`.",
        )
        .with(&[("HTTPS_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "none.example")]),
        entry(
            "Unknown CA",
            Find(KEY),
            "unknown CA",
            "The server's certificate is signed by a CA that this system does not know, such as a firewall that inspects TLS, or an emulator. Set `SM_CA_FILE` to a file with the CA's certificate (PEM). A firewall cannot inspect mutual TLS: ask for an exception for the host. `SM_TLS_SKIP_VERIFY` is not a solution: anyone \
             on the network could then pose as the service.",
        )
        .with(&[("SM_CA_FILE", "{state}/other-ca.pem")]),
        entry(
            "CA file cannot be read",
            Find(KEY),
            "SM_CA_FILE",
            "`SM_CA_FILE` replaces the system's CA certificates. Unset it to use those.",
        )
        .with(&[("SM_CA_FILE", "/etc/ssl/company.pem")]),
        entry(
            "Client certificate not accepted",
            Find(KEY),
            "does not accept the client certificate",
            "The certificate belongs to another account or host (production, demo, on-premises), or was revoked. Create one in the account that `SM_HOST` names.",
        )
        .with(&[("SM_CLIENT_CERT_FILE", "{state}/client-other.p12")]),
        entry(
            "TLS verification disabled",
            Find(KEY),
            "NOT checked",
            "`SM_TLS_SKIP_VERIFY=TRUE` is set. The module writes this message once for each process, at every log level.",
        )
        .with(&[("SM_TLS_SKIP_VERIFY", "TRUE")])
        .warns(),
        entry(
            "Timeout",
            Find(KEY),
            "within 2 s",
            "No call takes longer than `STM_PKCS11_TIMEOUT` (60 seconds by default). If the response to a sign request is lost, the service may have signed: the module does not retry it, and the service's signature log shows it.",
        )
        .when(r#"[{"path": "/signingmanager", "delay_ms": 4000}]"#),
        entry(
            "A web page instead of the API",
            Find(KEY),
            "web page",
            "The response is a proxy's login page, or `SM_HOST` is the address of the service's web console. The API's host begins with `clientauth.`.",
        )
        .when(
            r#"[{"path": "/signingmanager", "status": 403, "headers": {"Content-Type": "text/html"},
                 "body": "<html><body>Please log in</body></html>"}]"#,
        ),
        entry(
            "Unexpected redirect",
            Find(KEY),
            "follows no redirect",
            "The module does not send the API key to a host that `SM_HOST` does not name. Set `SM_HOST` to the final address.",
        )
        .when(r#"[{"path": "/signingmanager", "status": 302, "headers": {"Location": "https://other.example/"}, "body": ""}]"#),
    ],
};
